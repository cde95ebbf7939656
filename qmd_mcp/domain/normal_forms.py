"""The normal forms of Unicode, in linear time."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

MOST_MARKS = 30
"""Most combining marks behind one letter that are sorted together, as in Unicode's Stream-Safe Text Format
(UAX #15, section 13); no word of any language has as many."""

_JOINER = "\u034f"
"""The combining grapheme joiner, with which the Stream-Safe Text Format divides longer runs."""

_SHORT = 1_000
"""A text of up to so many characters is normalised as it is: sorting the worst of them takes about a millisecond."""

_MOST_OF_ONE = 3
"""Most marks that a single letter decomposes to (U+1FAF); a single mark decomposes to two at most (U+0344)."""

_RUN = re.compile(rf"[^\w\s\x00-\x7f\u2500-\u257f]{{{(MOST_MARKS - _MOST_OF_ONE) // 2 + 1},}}")
"""What may be too many marks: neither letters, digits and blanks, nor ASCII and the lines of boxes."""


def nfc(text: str) -> str:
    """The text in NFC, in which documents, paths and queries are kept and compared."""
    return normal_form("NFC", text)


def normal_form(form: Literal["NFC", "NFKC", "NFD"], text: str) -> str:
    """The text in a normal form, with a joiner behind every `MOST_MARKS` combining marks in a row.

    Python sorts the marks behind one letter in quadratic time and holds the interpreter's lock meanwhile: 400 KB of
    them take 50 s.
    """
    if text.isascii():
        return text
    if len(text) > _SHORT:
        if form == "NFKC":  # the only marks that count as letters, in the form that NFKC gives them
            text = text.replace("\uff9e", "\u3099").replace("\uff9f", "\u309a")
        text = _RUN.sub(_divided, text)
    return unicodedata.normalize(form, text)


def _divided(run: re.Match[str]) -> str:
    divided: list[str] = []
    before = run.string[run.start() - 1 : run.start()]
    marks = _marks_behind(before, 0) if before else 0
    for character in run[0]:
        after = _marks_behind(character, marks)
        if after > MOST_MARKS:
            divided.append(_JOINER)
            after = _marks_behind(character, 0)
        divided.append(character)
        marks = after
    return "".join(divided)


def _marks_behind(character: str, marks: int) -> int:
    """How many marks stand in a row at the end of a character that follows so many marks, when it is decomposed."""
    for part in unicodedata.normalize("NFKD", character):
        marks = marks + 1 if unicodedata.combining(part) else 0
    return marks
