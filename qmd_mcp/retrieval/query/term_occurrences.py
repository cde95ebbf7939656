"""Where the terms of a query occur in the texts of its candidates."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import log

import numpy as np
from numpy.typing import NDArray

SHORT, MIDDLE = 3, 4
"""Lengths of a stem, in letters, for which `ENDINGS` has an entry of its own."""

ENDINGS = {SHORT: 2, MIDDLE: 3}
"""Length of a stem -> how many letters may follow the stem in a word. A stem of fewer than `SHORT` letters counts as
one of `SHORT`. The shorter the stem, the fewer endings are allowed, since more other words begin with it: the stem
`us` is found in `used` and not in `usual`."""

LONGEST_ENDING = 5
"""How many letters may follow any longer stem: `induct` is found in `inductively`."""

_FIRST_SYLLABIC = 0x2E80
"""The code point at which Unicode's scripts without blanks begin. From here on each letter begins a word of its own."""

_TABLE_SIZE = 0x20000
"""Code points that are looked up: the planes of living scripts (0) and of historic scripts and emoji (1). Nearly all
characters of the planes behind them are ideographs."""


_JOINERS = "\u200c\u200d"
"""The zero-width joiner and non-joiner stand within words of Persian and Hindi (Unicode Annex 29, rule WB4)."""


@dataclass(frozen=True, slots=True)
class Term:
    """One analysed term of a query."""

    text: str
    """The term as the index has it: case-folded and stemmed."""
    passages: int
    """How many passages of the index contain the term."""

    def rarity(self, indexed: int) -> float:
        """The term's weight in BM25 over an index of `indexed` passages.

        Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009, section 3.5.
        """
        return log((max(indexed, self.passages) + 1.0) / (self.passages + 0.5))


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Every place where a term occurs, in reading order."""

    candidate: NDArray[np.int64]
    """[occurrences]; number of the text."""
    term: NDArray[np.int64]
    """[occurrences]; number of the term."""
    word: NDArray[np.int64]
    """[occurrences]; position in words, counted over all texts."""


def occurrences(texts: Sequence[str], terms: Sequence[str]) -> Occurrences:
    """Find the words that begin with a term's stem and end soon after it.

    A word is a run of letters and digits; combining marks and joiners do not interrupt it, everything else does. In a
    script without blanks each letter begins a word, and a term may extend over several. All texts are searched together
    in one array of code points: for each letter of a term's stem there is one comparison over the words that are left.
    """
    joined = "\n".join(texts).lower()
    lengths = [len(text) + 1 for text in texts]
    if sum(lengths) != len(joined) + 1:  # the lower-case form of a few letters (İ) has two characters
        lengths = [len(text.lower()) + 1 for text in texts]
    letters = _code_points(joined)
    begins, inside = _words(letters)
    starts = np.flatnonzero(begins)  # [words]
    ends = np.append(np.flatnonzero(~inside), len(letters))
    first = letters[starts]
    words: list[NDArray[np.int64]] = []
    numbers: list[NDArray[np.int64]] = []
    for number, term in enumerate(terms):
        stem = [ord(letter) for letter in _stem(term)]
        found = np.flatnonzero(first == stem[0]) if stem else np.empty(0, dtype=np.int64)
        found = found[starts[found] + len(stem) <= len(letters)]
        for offset in range(1, len(stem)):
            found = found[letters[starts[found] + offset] == stem[offset]]
        if len(found) and stem[-1] < _FIRST_SYLLABIC:
            behind = starts[found] + len(stem)
            ending = ends[np.searchsorted(ends, behind)] - behind
            found = found[ending <= ENDINGS.get(max(len(stem), SHORT), LONGEST_ENDING)]
        words.append(found)
        numbers.append(np.full(len(found), number, dtype=np.int64))
    word = np.concatenate([np.empty(0, dtype=np.int64), *words])
    term_of = np.concatenate([np.empty(0, dtype=np.int64), *numbers])
    order = np.argsort(word, kind="stable")
    word, term_of = word[order], term_of[order]
    candidate = np.searchsorted(np.cumsum(np.array(lengths, dtype=np.int64)), starts[word], side="right")
    return Occurrences(candidate=candidate, term=term_of, word=word)


def _stem(term: str) -> str:
    """The letters with which every form of the word begins: the stemmer writes `happi` for happy and for happier."""
    return term[:-1] if len(term) > MIDDLE and term.endswith("i") else term


def _code_points(text: str) -> NDArray[np.uint8] | NDArray[np.uint32]:
    """[characters]; one byte for each where all are ASCII, which halves the time of the search."""
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    return np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32)


def _words(letters: NDArray[np.uint8] | NDArray[np.uint32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """[characters] twice: whether a word begins at the character, and whether it belongs to a word with blanks."""
    if letters.dtype == np.uint8:
        inside = _ASCII_IN_WORD[letters]
        return _first_of_runs(inside), inside
    kind = _kinds().take(letters, mode="clip")
    syllable = (kind == _LETTER) & (letters >= _FIRST_SYLLABIC)
    inside = (kind != _SEPARATOR) & ~syllable
    mark = kind == _MARK
    if not mark.any():
        return _first_of_runs(inside) | syllable, inside
    begins = syllable
    begins[~mark] |= _first_of_runs(inside[~mark])
    return begins, inside


def _first_of_runs(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[characters]; whether the character is the first of a run of characters that are inside words."""
    first = inside.copy()
    first[1:] &= ~inside[:-1]
    return first


_SEPARATOR, _LETTER, _MARK = 0, 1, 2

_ASCII_IN_WORD = np.array([chr(code).isalnum() for code in range(0x80)])
"""[128]; which ASCII characters belong to a word."""


@cache
def _kinds() -> NDArray[np.uint8]:
    """[_TABLE_SIZE + 1]; the kind of each character: a letter or digit, a mark within words, or a separator of words.

    The last entry stands for every code point behind the table. A mark of a script without blanks is a separator, since
    there each letter is a word of its own. The table is made when the first text needs it, in 4 ms; making it at import
    would delay every start of the process.
    """
    kinds = np.strings.isalnum(np.arange(_TABLE_SIZE + 1, dtype=np.uint32).view("U1")).astype(np.uint8)
    marks = [code for code in range(_FIRST_SYLLABIC) if unicodedata.category(chr(code)).startswith("M")]
    kinds[[*marks, *map(ord, _JOINERS)]] = _MARK
    kinds[_TABLE_SIZE] = _LETTER
    return kinds
