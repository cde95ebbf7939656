"""The header of the table to which a row belongs."""

from __future__ import annotations

import re

_CELL = r"[ \t]*:?[-=]+:?[ \t]*"
_RULE = re.compile(rf"[ \t>]*(?:[|+](?:{_CELL}[|+])+|{_CELL}(?:[|+]{_CELL})+)[ \t]*")
"""The line below a header: `|---|:--:|` or `---|---` in Markdown, `|----+----|` in Org, `+====+====+` in
reStructuredText, `----+----` in what database clients print."""

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
        if _RULE.fullmatch(block[number]) and not _RULE.fullmatch(block[number - 1]):
            return "\n".join(block[number - 1 : number + 1])
    return "" if begins else first
