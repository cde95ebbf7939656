"""The part of a prompt that is the same for every query: prefilled once, continued by all."""

from __future__ import annotations

from collections.abc import Sequence

from qmd_mcp.inference.expanding.decoder import Decoder, Past


class PromptCache:
    """The KV cache of a prompt's known part. One caller at a time.

    A query's part is written behind it, over that of the query before, and then copied into rows of its own, which hold
    the known part since the first query. (To prefill it in all rows would save the copy, but `GroupQueryAttention`
    continues one row at a time by more than one token.)
    """

    def __init__(self, decoder: Decoder, tokens: Sequence[int], *, room: int) -> None:
        """With room for so many tokens of a query.

        Raises:
            ModelError: the graph fails.
        """
        self._decoder, self._room = decoder, room
        self._known = decoder.prefill(tokens, decoder.empty(room=len(tokens) + room))
        self._rows: Past | None = None

    def past(self, tail: Sequence[int], *, rows: int, room: int) -> Past:
        """So many rows that hold the known part and the query's, with room for so many more tokens in each.

        They are spent when the next are asked for.

        Raises:
            ModelError: the graph fails.
            OutOfMemoryError: fewer rows may find memory.
        """
        decoder, spare = self._decoder, max(self._room - len(tail), 0)
        known = self._known if len(tail) <= self._room else decoder.fork(self._known, rows=1, room=len(tail))
        whole = decoder.prefill(tail, known)
        if self._rows and not decoder.can_take(self._rows, rows=rows, tokens=whole.length + spare + room):
            self._rows = None  # of no use: its memory goes first
        self._rows = decoder.fork(whole, rows=rows, room=spare + room, over=self._rows, known=known.length)
        return self._rows
