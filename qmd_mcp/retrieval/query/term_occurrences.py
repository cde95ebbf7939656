"""Where the terms of a query occur in the texts of its candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

SHORT, MIDDLE = 3, 4
"""Letters of a stem; the shorter it is, the fewer endings its word may have."""

ENDINGS = {SHORT: 2, MIDDLE: 3}
LONGEST_ENDING = 5
"""Letters that a word may have behind its stem: `us` is in `used` and not in `usual`, `induct` in `inductively`."""

_FIRST_SYLLABIC = 0x2E80
"""From here on Unicode has scripts without blanks: each of their letters begins a word."""


@dataclass(frozen=True, slots=True)
class Term:
    """One analysed term of a query."""

    text: str
    """As the index has it: folded and stemmed."""
    passages: int
    """Passages of the index that have it."""

    def rarity(self, indexed: int) -> float:
        """Its weight in BM25 over an index of so many passages (Robertson and Zaragoza, 2009, section 3.5)."""
        return log((max(indexed, self.passages) + 1.0) / (self.passages + 0.5))


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Every place where a term occurs, in reading order."""

    candidate: NDArray[np.int64]
    """[occurrences]; which text."""
    term: NDArray[np.int64]
    """[occurrences]; which term."""
    word: NDArray[np.int64]
    """[occurrences]; position in words, counted over all texts."""


def occurrences(texts: Sequence[str], terms: Sequence[str]) -> Occurrences:
    """Find words that begin with a term's stem and end soon after; one pass over all texts, in arrays."""
    joined = "\n".join(texts).lower()
    lengths = [len(text) + 1 for text in texts]
    if sum(lengths) != len(joined) + 1:  # a few letters are two when small
        lengths = [len(text.lower()) + 1 for text in texts]
    letters = _letters(joined)
    inside = _IN_WORD[letters if letters.dtype == np.uint8 else np.minimum(letters, len(_IN_WORD) - 1)]
    syllable = letters >= _FIRST_SYLLABIC if letters.dtype != np.uint8 else None
    if syllable is not None:
        inside &= ~syllable
    begins = inside.copy()
    begins[1:] &= ~inside[:-1]
    if syllable is not None:
        begins |= syllable
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
            rest = ends[np.searchsorted(ends, behind)] - behind
            found = found[rest <= ENDINGS.get(max(len(stem), SHORT), LONGEST_ENDING)]
        words.append(found)
        numbers.append(np.full(len(found), number, dtype=np.int64))
    word = np.concatenate([np.empty(0, dtype=np.int64), *words])
    term_of = np.concatenate([np.empty(0, dtype=np.int64), *numbers])
    order = np.argsort(word, kind="stable")
    word, term_of = word[order], term_of[order]
    candidate = np.searchsorted(np.cumsum(np.array(lengths, dtype=np.int64)), starts[word], side="right")
    return Occurrences(candidate=candidate, term=term_of, word=word)


def _stem(term: str) -> str:
    """What every form of the word begins with: the stemmer writes `happi` for happy."""
    return term[:-1] if len(term) > MIDDLE and term.endswith("i") else term


def _letters(text: str) -> NDArray[np.uint8] | NDArray[np.uint32]:
    """[letters]; one byte each where that suffices, which halves the time."""
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    return np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32)


_IN_WORD = np.array([chr(code).isalnum() for code in range(0xC1)])
"""Which of the first letters belong to a word; the last stands for all behind it, which mostly do."""
