"""The part of a prompt that is the same for every query: prefilled once, continued by all."""

from __future__ import annotations

from collections.abc import Sequence

from qmd_mcp.inference.decoder import Decoder, Past


class PromptCache:
    """The KV cache of a prompt's known part. One caller at a time.

    A query's part is written behind it, over that of the query before: nothing is copied but the finished prompt, once
    for each row. (Rows that each hold the prompt and are continued in place would save that copy too, but
    `GroupQueryAttention` continues one row at a time by more than one token.)
    """

    def __init__(self, decoder: Decoder, tokens: Sequence[int], *, room: int) -> None:
        """With room for so many tokens of a query.

        Raises:
            ModelError: the graph fails.
        """
        self._decoder, self._room = decoder, room
        self._known = decoder.prefill(tokens, decoder.empty(room=len(tokens) + room))

    def past(self, tail: Sequence[int], *, rows: int, room: int) -> Past:
        """So many rows that hold the known part and the query's, with room for so many more tokens in each.

        Raises:
            ModelError: the graph fails.
            OutOfMemoryError: fewer rows may find memory.
        """
        decoder, fits = self._decoder, len(tail) <= self._room
        known = self._known if fits else decoder.fork(self._known, rows=1, room=len(tail))
        return decoder.fork(decoder.prefill(tail, known), rows=rows, room=room)
