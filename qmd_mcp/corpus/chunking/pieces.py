"""Cutting a section that is too long for one passage."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from semantic_text_splitter import MarkdownSplitter, TextSplitter

from qmd_mcp.corpus.chunking.sections import Section, blocks
from qmd_mcp.corpus.chunking.tables import Table, table_around
from qmd_mcp.corpus.chunking.token_counter import TokenCounter
from qmd_mcp.corpus.readers.source_text import SourceText

CHARACTERS_PER_TOKEN = 16
"""Most characters of a passage for each token of its budget. Without this limit a passage could be of any length: for
WordPiece a word of over 100 letters is one unknown token, and blanks are no token at all."""

WINDOW = 16_384
"""Most characters that the splitter is given at once. For every cut it looks at all of the remaining text, so its time
is quadratic in the length of the text."""

FINE = 4_096
"""A block of up to this many characters is cut into parts of a fourth of the budget, which are then joined to pieces of
similar size. A longer block is cut into parts of nine tenths of the budget, since small parts take two to three times
as long."""

HEADER_SHARE = 3
"""The header of a table may have this fraction (a third) of the budget, so that two rows as long as the header fit
beside it. Of a longer header the first columns are kept."""

_CUTS = ("\n\n", "\n", "。", ". ", " ")
_NESTED = re.compile(r"^[ \t]*(?:[>*+-][ \t]*|\d+[.)][ \t]+){64}", re.MULTILINE)
"""A line with lists and quotations nested so deeply that the Markdown parser needs quadratic time; nobody writes such a
line by hand."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a section, including the blanks behind it."""

    start: int
    end: int
    tokens: int
    depth: int
    """Width of its indentation; the place above a deeply indented part is a poor place for a cut."""
    header: str = ""
    """The header of the table in whose middle it begins."""
    header_tokens: int = 0
    """What the header takes of the budget."""


class Cutter:
    """Cuts between blocks, then between items, lines and sentences, and within a word only if it is too long."""

    def __init__(self, tokens: TokenCounter, *, budget: int) -> None:
        self._tokens = tokens
        self._budget = budget

    def cost(self, text: str) -> int:
        """Return the larger of the tokens of a text and what its characters cost.

        If the characters alone exceed the budget, the tokens are not counted.
        """
        least = _least_cost(text)
        return least if least > self._budget else max(self._tokens.count(text), least)

    def beginning(self, text: str) -> str:
        """Return as much of the beginning of a line as the budget allows."""
        if self._tokens.count(text) <= self._budget:
            return text
        return TextSplitter.from_callback(self._tokens.count, self._budget).chunks(text)[0]

    def pieces(self, source: SourceText, section: Section, found: Sequence[Table]) -> Iterator[Piece]:
        """Cut a section into pieces of similar size, none beyond the budget together with the header of its table.

        A part that ends with a colon stays together with the part that it announces, if both fit.
        """
        parts: list[Piece] = []
        for part in self._parts(source, section, found):
            if parts and source.text[parts[-1].start : part.start].rstrip().endswith((":", "：")):
                announced = replace(parts[-1], end=part.end, tokens=parts[-1].tokens + part.tokens)
                if announced.tokens + announced.header_tokens <= self._budget:
                    parts[-1] = announced
                    continue
            parts.append(part)
        return self._packed(source, parts, budget=self._budget)

    def _packed(self, source: SourceText, parts: Sequence[Piece], *, budget: int) -> Iterator[Piece]:
        for first, stop in _runs(parts, budget):
            piece = parts[first]
            if stop - first > 1:
                tokens = sum(part.tokens for part in parts[first:stop])
                piece = replace(piece, end=parts[stop - 1].end, tokens=tokens)
                if not self._tokens.adds_up and self.cost(_with_header(source.text, piece)) > self._budget:
                    yield from self._packed(source, parts[first:stop], budget=budget * 3 // 4)
                    continue
            yield piece

    def _parts(self, source: SourceText, section: Section, found: Sequence[Table]) -> Iterator[Piece]:
        """Yield the blocks of a section; a block that is too long is cut into its items, lines, sentences or words.

        A table that is too long is cut between its rows.
        """
        headers = {table.start: self._header(table) for table in found}
        for start, end in blocks(source, section):
            text = source.text[start:end]
            depth = len(text) - len(text.lstrip(" \t"))
            cost = self.cost(text)
            if cost <= self._budget and not table_around(found, start):
                yield Piece(start, end, cost, depth)
                continue
            for span_start, span_end, table in self._spans(source, start, end, found):
                header, header_tokens = headers[table.start] if table else ("", 0)
                room = self._budget - header_tokens
                whole = self.cost(source.text[span_start:span_end]) <= room
                split = [(span_start, span_end)] if whole else self._split(source, span_start, span_end, budget=room)
                for part_start, part_end in split:
                    cost = self.cost(source.text[part_start:part_end])
                    carries = table is not None and part_start > table.start
                    yield Piece(
                        part_start,
                        part_end,
                        cost,
                        depth + (part_start > start),
                        header if carries else "",
                        header_tokens if carries else 0,
                    )

    def _spans(
        self, source: SourceText, start: int, end: int, found: Sequence[Table]
    ) -> Iterator[tuple[int, int, Table | None]]:
        """Divide a block into what stands between tables, tables that fit the budget, and rows of the others."""
        position = start
        for table in found[bisect_right(found, start, key=lambda table: table.end) :]:
            if table.start >= end:
                break
            if position < table.start:
                yield position, table.start, None
            first, last = max(position, table.start), min(table.end, end)
            if first == table.start and self.cost(source.text[first:last]) <= self._budget:
                yield first, last, None
            else:
                yield from ((*row, table) for row in table.rows(source.text, first, last))
            position = last
        if position < end:
            yield position, end, None

    def _header(self, table: Table) -> tuple[str, int]:
        """Return the names of as many columns as the share of a header allows, and their cost."""
        most = self._budget // HEADER_SHARE
        columns = bisect_right(
            range(1, len(table.names) + 1), most, key=lambda count: self.cost(table.header(count) + "\n")
        )
        return (table.header(columns), self.cost(table.header(columns) + "\n")) if columns else ("", 0)

    def _split(self, source: SourceText, start: int, end: int, *, budget: int) -> Iterator[tuple[int, int]]:
        least = max(budget // 4 if end - start <= FINE else budget * 9 // 10, 1)
        for window_start, window_end in _windows(source.text, start, end):
            text = source.text[window_start:window_end]
            markdown = source.kind in {"markdown", "html"} and not _NESTED.search(text)
            splitter = (MarkdownSplitter if markdown else TextSplitter).from_callback(
                self.cost, (least, budget), trim=False
            )
            for offset, part in splitter.chunk_indices(text):
                yield window_start + offset, window_start + offset + len(part)


def _with_header(text: str, piece: Piece) -> str:
    return "\n".join(filter(None, (piece.header, text[piece.start : piece.end])))


def _least_cost(text: str) -> int:
    """What the characters of a text cost, rounded up."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def _runs(parts: Sequence[Piece], budget: int) -> Iterator[tuple[int, int]]:
    """Group parts into pieces; yields the index of the first part of each piece and of the first part behind it.

    The remaining tokens are spread evenly over as few pieces as possible, and each cut is moved to where the
    indentation is least.
    """
    first, rest = 0, sum(block.tokens for block in parts)
    while first < len(parts):
        room = max(budget - parts[first].header_tokens, 1)
        even_share = math.ceil(rest / math.ceil(rest / room))
        stop, filled = first, 0
        while stop < len(parts) and filled < even_share and (stop == first or filled + parts[stop].tokens <= room):
            filled += parts[stop].tokens
            stop += 1
        if stop < len(parts):
            earlier, left = stop - 1, filled - parts[stop - 1].tokens
            while earlier > first and left >= even_share / 2:
                if parts[earlier].depth < parts[stop].depth:
                    stop, filled = earlier, left
                earlier -= 1
                left -= parts[earlier].tokens
        yield first, stop
        first, rest = stop, rest - filled


def _windows(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Divide a span into windows for the splitter, each ending where the splitter would prefer to cut."""
    while end - start > WINDOW:
        middle, limit = start + WINDOW // 2, start + WINDOW
        cut = next((found + len(sign) for sign in _CUTS if (found := text.rfind(sign, middle, limit)) >= 0), limit)
        yield start, cut
        start = cut
    yield start, end
