"""The header of the table to which a row belongs."""

from __future__ import annotations

import re

_BETWEEN_CELLS = re.compile(r"[|+]")
_CELL = re.compile(r":?[-=]+:?")

_ROW = re.compile(r"[ \t>]*\|")


def is_row(line: str) -> bool:
    """Whether a line begins as rows of tables begin."""
    return _ROW.match(line) is not None


def header_above(text: str, position: int, *, first: str) -> str:
    """The header lines of the table whose rows stand at a position, if they stand before it; else nothing.

    `first` is the header of the table in whose middle the text begins. A table has no blank line within it. Org has
    such lines between groups of rows as well, and the header is above the first of them.
    """
    line = text.rfind("\n", 0, position) + 1
    begins = line
    while begins > 0 and text[text.rfind("\n", 0, begins - 1) + 1 : begins].strip():
        begins = text.rfind("\n", 0, begins - 1) + 1
    block = text[begins:line].splitlines()
    if not text[line:].split("\n", 1)[0].strip():
        return ""
    for number in range(1, len(block)):
        if _is_rule(block[number]) and not _is_rule(block[number - 1]):
            return "\n".join(block[number - 1 : number + 1])
    return "" if begins else first


def _is_rule(line: str) -> bool:
    """Whether a line is one below a header.

    It is `|---|:--:|` or `---|---` in Markdown, `|----+----|` in Org, `+====+====+` in reStructuredText, and
    `----+----` in what database clients print.
    """
    cells = _BETWEEN_CELLS.split(line.lstrip(" \t>").rstrip(" \t"))
    if not cells[0]:
        cells = cells[1:-1] if not cells[-1] else []
    elif len(cells) == 1:
        return False
    return bool(cells) and all(_CELL.fullmatch(cell.strip(" \t")) for cell in cells)
