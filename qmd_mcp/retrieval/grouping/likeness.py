"""How much two texts have in common."""

from __future__ import annotations

import re

from qmd_mcp.domain.text.folding import folded

SAME = 0.9
"""Two passages are near-duplicates if they share at least this part of their word triples (Jaccard index). A licence
header with another year has .9; two sections made from one template that say different things have .5 to .7."""

SHINGLE = 3
"""How many words in a row are compared as one."""

MORE, FEW = 0.2, 20
"""Texts are not compared if their lengths differ by more than this part of the longer one and by more than so many
characters, which saves most of the comparisons: sharing .9 of the triples leaves .1 for what only one of them says, and
words of other lengths may double that."""

MANY, ALIKE = 12, 0.6
"""Of texts with at least so many different words, those that share less than this part of them are not compared by
triples: a third of the time, and what shares .9 of its triples shares more of its words."""

_WORD = re.compile(r"[^\W_]+")


class Likeness:
    """Compares texts; what was computed of a text is kept as long as this is, which is one answer."""

    def __init__(self) -> None:
        self._words: dict[str, frozenset[str]] = {}
        self._shingles: dict[str, frozenset[tuple[str, ...]]] = {}

    def nearly_same(self, one: str, other: str) -> bool:
        """Whether the two texts share nearly everything; texts without a word are like no other."""
        apart = len(one) - len(other)
        if not -FEW <= apart <= FEW and abs(apart) > MORE * max(len(one), len(other)):
            return False
        words, others = self._words_of(one), self._words_of(other)
        if len(words) >= MANY and len(words & others) < ALIKE * len(words):
            return False
        mine, theirs = self._shingles_of(one), self._shingles_of(other)
        both = len(mine & theirs)
        return both > 0 and both >= SAME * (len(mine) + len(theirs) - both)

    def one_holds_the_other(self, one: str, other: str) -> bool:
        """Whether nearly everything that the shorter text says is in the longer one too."""
        if one == other:
            return True
        mine, theirs = self._shingles_of(one), self._shingles_of(other)
        shorter = min(len(mine), len(theirs))
        return shorter > 0 and len(mine & theirs) >= SAME * shorter

    def _words_of(self, text: str) -> frozenset[str]:
        """What stands between blanks."""
        if (known := self._words.get(text)) is None:
            known = self._words[text] = frozenset(text.split())
        return known

    def _shingles_of(self, text: str) -> frozenset[tuple[str, ...]]:
        """All runs of `SHINGLE` words; of single characters in a text that has few words."""
        if (known := self._shingles.get(text)) is not None:
            return known
        words = _WORD.findall(folded(text))
        if len(words) < 2 * SHINGLE:  # a Chinese passage has few, since it has few blanks
            words = list("".join(words))
        if len(words) < SHINGLE:
            made = frozenset({tuple(words)} if words else ())
        else:
            made = frozenset(zip(*(words[start:] for start in range(SHINGLE)), strict=False))
        self._shingles[text] = made
        return made
