"""Where the sentences of a text end."""

from __future__ import annotations

import re

_END = re.compile(
    r"(?P<number>^[ \t>]*\d+[.)][ \t]+)"
    r"|\n+"
    r"|[。！？]+[”’」』）\"')\]]*"
    r"|[.!?](?:(?<=[^\s.!?].)|(?<=\s[.!?].)|(?<=\A[.!?].))[.!?]*+[\"'”’)\]*_]*+\s++(?=[^\sa-z])",
    re.MULTILINE,
)
"""Where a sentence or a line ends: not after the number of a step (`number`), and not within `a.b` or `e.g. this`.

A row of dots is tried once, from its first dot, or from its second if a blank precedes the first; and a possessive
quantifier (`++`) gives nothing back when what follows does not match. Without either, the dotted lines of a table of
contents would take time quadratic in their length. The first dot is matched before its context is looked at: the other
way round, looking back at every letter took twice the time.
"""

_NOT_BLANK = re.compile(r"\S")

WRAPPED_WORDS = 6
"""Fewest words of a line that may be a part of a longer sentence; lines of code mostly have fewer."""


def sentences(text: str) -> list[tuple[int, int]]:
    """[start, end) of each sentence or line, including the blanks that end it; joined, they are the text."""
    found = (match for match in _END.finditer(text) if match["number"] is None)
    ends = [
        *(match.end() for match in found if match.group() != "\n" or not _is_wrapped(text, match.start())),
        len(text),
    ]
    return [(start, end) for start, end in zip([0, *ends], ends, strict=False) if start < end]


def _is_wrapped(text: str, position: int) -> bool:
    """Whether a sentence goes on after the line end at this position.

    It does if the line is long, ends with a word or a comma, and is followed by a small letter.
    """
    line = text[text.rfind("\n", 0, position) + 1 : position]
    if not (line[-1:].isalnum() or line[-1:] == ",") or len(line.split()) < WRAPPED_WORDS:
        return False
    following = _NOT_BLANK.search(text, position)
    return following is not None and following.group().islower()
