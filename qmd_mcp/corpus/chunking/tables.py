"""Finding tables, and the line of each that names its columns."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from qmd_mcp.corpus.chunking.sections import Section
from qmd_mcp.corpus.readers.headings import FENCE, fence_after
from qmd_mcp.corpus.readers.source_text import SourceText

_MARKDOWN_RULE = re.compile(rf"{FENCE}|^[ \t>]*(?P<rule>(?:\|[ \t]*)?:?-[-:| \t]*)$", re.MULTILINE)
"""The line between the names of the columns and the rows, or one that opens or closes fenced code."""
_MARKDOWN_CELL = re.compile(r"[ \t]*:?-+:?[ \t]*")
_MARKDOWN_ROW = re.compile(r"[^\n|]*\|[^\n]*(?:\n|\Z)")

_ORG_RULE = re.compile(r"^[ \t]*\|-[-+|]*[ \t]*$", re.MULTILINE)
_ORG_ROW = re.compile(r"[ \t]*\|[^\n]*(?:\n|\Z)")

_ASCIIDOC_EDGE = re.compile(r"^\|={3,}[ \t]*$", re.MULTILINE)
_ASCIIDOC_NAMES = re.compile(r"\n(?P<names>\|[^\n]*)\n(?P<gap>[ \t]*\n)?")
_ASCIIDOC_OPTION = re.compile(r"\[[^\n\]]*\][ \t]*")

_BAR = re.compile(r"(?<!\\)\|")
_SEPARATORS = ",;|"
"""Signs that may stand between two cells of delimited text, apart from the tab."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table in the text of a document."""

    start: int
    """Where the line begins that names the columns, or the border above it."""
    body: int
    """Where the rows begin."""
    end: int
    names: tuple[str, ...]
    """What the columns are called."""
    separator: str = "|"
    """What stands between two cells."""
    style: Literal["ruled", "bars", "delimited"] = "ruled"
    """Whether a line separates names and rows, whether only bars do, or whether the text is one table."""

    def header(self, columns: int) -> str:
        """Name the first columns in the way of the table, without the blanks that align them."""
        names = self.names[:columns]
        if self.style == "delimited":
            return self.separator.join(names)
        if self.style == "bars":
            return f"|{' |'.join(names)}"
        return f"| {' | '.join(names)} |\n|{self.separator.join('-' * len(names))}|"

    def rows(self, text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Divide a part of the table between its lines, but not within a cell of delimited text that is in quotes.

        The lines that name the columns stay with the first row.
        """
        row, line, quotes = start, max(start, min(self.body, end)), 0
        if line == end and start < end:
            yield start, end
        while line < end:
            below = text.find("\n", line, end) + 1 or end
            quotes += text.count('"', line, below) if self.style == "delimited" else 0
            if quotes % 2 == 0 or below == end:
                yield row, below
                row = below
            line = below


def tables(source: SourceText, section: Section) -> tuple[Table, ...]:
    """Return the tables of a section, in their order."""
    text, start, end = source.text, section.start, section.end
    match source.kind:
        case "markdown" | "html":
            return tuple(_markdown_tables(text, start, end))
        case "org":
            return tuple(_org_tables(text, start, end))
        case "asciidoc":
            return tuple(_asciidoc_tables(text, start, end))
        case "delimited":
            return tuple(_delimited_table(text, start, end))
        case _:
            return ()


def table_around(found: Sequence[Table], position: int) -> Table | None:
    """Return the table in whose middle a position lies: behind the start of its first line."""
    index = bisect_right(found, position, key=lambda table: table.start) - 1
    return found[index] if index >= 0 and found[index].start < position < found[index].end else None


def _markdown_tables(text: str, start: int, end: int) -> Iterator[Table]:
    fence, free = "", start
    for match in _MARKDOWN_RULE.finditer(text, start, end):
        if match["fence"]:
            fence = fence_after(match, fence)
            continue
        first, line = _line_above(text, match.start(), free)
        rule = _cells(match["rule"])
        names = _cells(line.lstrip(" \t>"))
        if fence or "|" not in line or "|" not in match["rule"] or len(names) != len(rule):
            continue
        if all(map(_MARKDOWN_CELL.fullmatch, rule)):
            body = min(match.end() + 1, end)
            free = _end_of_rows(_MARKDOWN_ROW, text, body, end)
            yield Table(first, body, free, names)


def _org_tables(text: str, start: int, end: int) -> Iterator[Table]:
    free = start
    for match in _ORG_RULE.finditer(text, start, end):
        first, line = _line_above(text, match.start(), free)
        if match.start() >= free and _ORG_ROW.fullmatch(line):
            body = min(match.end() + 1, end)
            free = _end_of_rows(_ORG_ROW, text, body, end)
            yield Table(first, body, free, _cells(line), separator="+")


def _asciidoc_tables(text: str, start: int, end: int) -> Iterator[Table]:
    edges = _ASCIIDOC_EDGE.finditer(text, start, end)
    for opening in edges:
        closing = next(edges, None)
        names = _ASCIIDOC_NAMES.match(text, opening.end(), closing.start() if closing else end)
        _, above = _line_above(text, opening.start(), start)
        if names and (names["gap"] or ("header" in above and _ASCIIDOC_OPTION.fullmatch(above))):
            yield Table(
                opening.start(),
                names.end(),
                closing.end() if closing else end,
                _cells(names["names"]),
                style="bars",
            )


def _delimited_table(text: str, start: int, end: int) -> Iterator[Table]:
    first = end - len(text[start:end].lstrip())
    body = text.find("\n", first, end) + 1
    if body:
        line = text[first:body]
        separator = "\t" if "\t" in line else max(_SEPARATORS, key=line.count)
        names = tuple(" ".join(name.split()) for name in line.split(separator))
        yield Table(first, body, end, names, separator, "delimited")


def _end_of_rows(row: re.Pattern[str], text: str, start: int, end: int) -> int:
    while start < end and (match := row.match(text, start, end)):
        start = match.end()
    return start


def _line_above(text: str, position: int, start: int) -> tuple[int, str]:
    """Return where the line above begins, and that line; nothing above the start."""
    if position <= start:
        return start, ""
    line_start = max(text.rfind("\n", start, position - 1) + 1, start)
    return line_start, text[line_start : position - 1]


def _cells(line: str) -> tuple[str, ...]:
    """The cells between the bars of a line, without the blanks around them."""
    cells = [" ".join(cell.split()) for cell in _BAR.split(line.strip())]
    if cells[1:] and not cells[0]:
        del cells[0]
    if cells[1:] and not cells[-1]:
        del cells[-1]
    return tuple(cells)
