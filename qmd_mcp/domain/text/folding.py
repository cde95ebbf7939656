"""One form for all spellings of a word, in which texts are indexed and queries are looked up."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib.resources import files

from qmd_mcp.domain.normal_forms import normal_form
from qmd_mcp.domain.text.korean import without_particles

_MARKS = re.compile("[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed]")
"""Accents of Latin, Greek and Cyrillic letters, and the vowel marks of Hebrew and Arabic, which most people leave out.
The marks of Thai and of the scripts of India are letters, without which a word is another word."""

_INVISIBLE = "\u00ad\u0640\u200b\u200c\u200d\u2060\ufe0e\ufe0f"
"""The soft hyphen, the Arabic stretching line, zero-width characters, and what makes an emoji of a sign."""

_LETTERS = {
    "ß": "ss",
    "æ": "ae",
    "œ": "oe",
    "ø": "o",
    "đ": "d",
    "ð": "d",
    "ħ": "h",
    "ı": "i",
    "ł": "l",
    "þ": "th",
    **dict.fromkeys("\u0627\u0622\u0623\u0625\u0671", "\u0627"),  # forms of alef
    "\u0649": "\u064a",
    "\u06cc": "\u064a",
    "\u06a9": "\u0643",
    "\u0629": "\u0647",  # yeh, kaf, teh marbuta
    "ё": "е",
    "著": "着",
    "瞭": "了",
    **dict.fromkeys("‘’‛ʼ", "'"),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys(_INVISIBLE, ""),
}
"""Letters without a decomposition that are written for each other. The Arabic ones are those of Lucene's normalizers
for Arabic and Persian."""

_LONG_VOWEL = re.compile("(?<=[\u30a1-\u30fa\u30fc]{3})\u30fc(?![\u30a1-\u30fa\u30fc])")
"""The long vowel at the end of a word in katakana, which is often left out. Shorter words keep it, since `コピー` is
another word than `コピ`. The length is that of Lucene's JapaneseKatakanaStemFilter."""

_DECOMPOSED = frozenset({"LATIN", "GREEK"})
"""Scripts whose accented letters are found without the accent. The Cyrillic й is no accented и."""


def folded(text: str) -> str:
    """Fold a text, so that spellings that people use for each other become the same.

    Folded are case, widths and ligatures (NFKC), accents of Latin and Greek letters, vowel marks of Hebrew and
    Arabic, variants of Arabic letters, ё, digits of all scripts, traditional Chinese characters to simplified ones,
    the long vowel at the end of katakana words, and the particles of Korean words. Words stay in their order; the
    length of the text may change. The stemmer of the index comes after it: the other way round, `résumés` would
    become `resume`, but `resume` the stem `resum`.
    """
    if text.isascii():
        return text.lower()
    plain = normal_form("NFKC", text).translate(_FOLDS)
    if "\u30fc" in plain:
        plain = _LONG_VOWEL.sub("", plain)
    return without_particles(plain)


class _Folds(dict[int, str]):
    """What each character is folded to; computed when the character is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = fold = _fold_of(chr(code))
        return fold


_FOLDS = _Folds()


def _fold_of(character: str) -> str:
    if character in _LETTERS:
        return _LETTERS[character]
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    if _MARKS.match(character):
        return ""
    character = _simplified().get(character, character)
    lower = character.lower()
    if unicodedata.name(character, "").partition(" ")[0] in _DECOMPOSED:
        lower = _MARKS.sub("", normal_form("NFD", lower.replace("ς", "σ")))
    return "".join(_LETTERS.get(letter, letter) for letter in lower)


@cache
def _simplified() -> dict[str, str]:
    """Each traditional Chinese character with its simplified form.

    The pairs are those that OpenCC 1.4.2 (Apache-2.0) converts character by character with its configuration `t2s`.
    """
    pairs = files("qmd_mcp.domain.text").joinpath("simplified_chinese.txt").read_text(encoding="utf-8").split()
    return {pair[0]: pair[1] for pair in pairs}
