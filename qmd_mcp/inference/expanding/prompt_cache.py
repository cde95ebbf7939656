"""The KV cache of the part of a prompt that is the same for every query."""

from __future__ import annotations

from collections.abc import Sequence

from qmd_mcp.inference.expanding.decoder import Decoder, Past


class PromptCache:
    """Prefills the constant part of a prompt once, and continues it with each query; for one caller at a time.

    The rows that are decoded contain the constant part from the first query on. Each query's part is prefilled once,
    behind the constant part, where it overwrites that of the query before. It is then copied into every row. Prefilling
    it in all rows would save the copy, but `GroupQueryAttention` can append more than one token only to a single row.
    """

    def __init__(self, decoder: Decoder, tokens: Sequence[int], *, room: int) -> None:
        """Prefill the tokens, with room for so many tokens of a query behind them.

        Raises:
            ModelError: a forward pass fails.
        """
        self._decoder, self._room = decoder, room
        self._known = decoder.prefill(tokens, decoder.empty(room=len(tokens) + room))
        self._rows: Past | None = None

    def past(self, tail: Sequence[int], *, rows: int, room: int) -> Past:
        """Return so many rows with the constant part and a query's part, each with room for so many more tokens.

        The rows must not be used after the next call.

        Raises:
            ModelError: a forward pass fails.
            OutOfMemoryError: memory does not suffice; fewer rows may fit.
        """
        decoder, spare = self._decoder, max(self._room - len(tail), 0)
        known = self._known if len(tail) <= self._room else decoder.fork(self._known, rows=1, room=len(tail))
        whole = decoder.prefill(tail, known)
        if self._rows and not decoder.can_take(self._rows, rows=rows, tokens=whole.length + spare + room):
            self._rows = None  # too small: its memory is freed before the new rows are allocated
        self._rows = decoder.fork(whole, rows=rows, room=spare + room, over=self._rows, known=known.length)
        return self._rows
