"""Which script a text is written in."""

from __future__ import annotations

import unicodedata
from collections import Counter

_PREFIXES = {
    "LATIN": "Latn",
    "CJK": "Hani",
    "HIRAGANA": "Kana",
    "KATAKANA": "Kana",
    "HANGUL": "Hang",
    "CYRILLIC": "Cyrl",
    "GREEK": "Grek",
    "ARABIC": "Arab",
    "HEBREW": "Hebr",
    "THAI": "Thai",
    "DEVANAGARI": "Deva",
}
"""ISO 15924 codes by the first word of a letter's Unicode name; letters of other scripts have the code `Zyyy`."""

SYLLABIC = frozenset({"Hani", "Kana", "Hang", "Thai"})
"""Scripts whose words are only one or two letters long: in these, every letter counts as a word."""


def script_of(text: str) -> str | None:
    """Return the ISO 15924 code of the script in which most words are written; None for a text without letters."""
    if text.isascii():
        return "Latn" if any(map(str.isalpha, text)) else None
    words: Counter[str] = Counter()
    previous: str | None = None
    for character in text:
        script = _script_of_letter(character) if character.isalpha() else None
        if script is not None and (script in SYLLABIC or script != previous):
            words[script] += 1
        previous = script
    return words.most_common(1)[0][0] if words else None


def _script_of_letter(letter: str) -> str:
    if letter.isascii():
        return "Latn"
    name = unicodedata.name(letter, "")
    return _PREFIXES.get(name.split(" ", 1)[0], "Zyyy")
