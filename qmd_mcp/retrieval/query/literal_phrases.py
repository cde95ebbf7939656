"""Which passages have the phrases of a query literally, and not only in other forms of their words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.text.folding import folded
from qmd_mcp.domain.text.searched_text import SearchedText

_EMPHASIS = re.compile(r"[*_`~\[\]]+")
"""Signs of markup that stand at words without being text. They are ignored in the phrase too: `max_tokens` is found as
it is."""

FIRST_UNSPACED = "\u0e00"
"""The character at which scripts begin that write words without blanks between them, such as Thai and Chinese. Most
that come before it (Latin, Greek, Cyrillic, Hebrew, Arabic, the scripts of India) have blanks."""


def literal(text: str) -> str:
    """The form in which phrases and texts are compared: folded, without emphasis, every run of blanks as one."""
    return " ".join(_EMPHASIS.sub("", folded(text)).split())


def stands_in(phrase: str, text: str) -> bool:
    """Whether a phrase stands in a text, both in `literal` form, and not as a part of longer words."""
    if not phrase or phrase not in text:
        return False
    before = r"(?<![^\W_])" if _has_border(phrase[0]) else ""
    after = r"(?![^\W_])" if _has_border(phrase[-1]) else ""
    return re.search(before + re.escape(phrase) + after, text) is not None


def literal_first(phrases: Sequence[str], passages: Sequence[Passage]) -> list[int]:
    """The positions of the passages, those first that have the most phrases literally, else in the same order."""
    wanted = [literal(phrase) for phrase in phrases]
    if not wanted:
        return [*range(len(passages))]
    counts: list[int] = []
    for passage in passages:
        fields = [literal(field) for field in SearchedText.of(passage).fields()]
        counts.append(sum(any(stands_in(phrase, field) for field in fields) for phrase in wanted))
    return sorted(range(len(passages)), key=lambda position: -counts[position])


def _has_border(character: str) -> bool:
    """Whether a word that begins or ends with this character ends at a blank or sign."""
    return character.isalnum() and character < FIRST_UNSPACED
