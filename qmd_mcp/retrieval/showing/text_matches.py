"""Where in a text a query matches: the one notion that snippets, headings and packing share."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.folding import folded
from qmd_mcp.domain.lookup import LexicalQuery
from qmd_mcp.retrieval.query.literal_phrases import FIRST_UNSPACED, literal, stands_in
from qmd_mcp.retrieval.showing.sentences import sentences

LONGEST = 600
"""Most Latin letters of a snippet: about 150 tokens, so that ten hits stay below 2,000 tokens of an agent's context. A
longer sentence is taken apart."""

IDEOGRAPH = 4
"""How many Latin letters a character of a script without blanks counts for: about four Latin letters are one token, and
such a character is one by itself."""

_FIRST_WIDE = "\u2e80"
"""The character at which Unicode's scripts of ideographs and syllables begin."""

POOL = 20
"""How many of the best passages tell how rare a word is: as many as `search` reads for ten hits."""

_WORD = re.compile(r"[^\W_]{2,}")

_STEM = 5
"""Fewest letters of a stem. Two forms of an English word mostly share their first five letters. A stem of at least this
length is also looked for within words."""

_STEM_SHARE = 2 / 3
"""Share of a longer word that its stem has: with only five letters, `setTitleBarOverlay` would match `settings`."""


@dataclass(frozen=True, slots=True)
class Sought:
    """What of a query is looked for in a text that was found by it."""

    stems: frozenset[str]
    """The beginnings of the query's words, by which their other forms are found; folded."""
    wholes: frozenset[str]
    """Names, numbers and phrases that count in addition where they stand as they are; folded. `node-102` is the row of
    that node, though the row of node-034 may also have a node and a 102."""
    rarities: Mapping[str, float] = field(default_factory=dict)
    """How much each of them says about a passage, if other passages are known."""

    @classmethod
    def of(cls, query: LexicalQuery, *, intent: str | None = None) -> Sought:
        """What is looked for of a query, and of what the caller is after."""
        words = folded(" ".join((*query.words, *query.phrases, *query.near, intent or "")))
        names = (word for word in query.words if not word.isalpha())
        wholes = (literal(each) for each in (*names, *query.phrases))
        return cls(stems=_stems(words), wholes=frozenset(filter(None, wholes)))

    def among(self, ranked: Sequence[Passage]) -> Sought:
        """The same, knowing the best passages of a ranking: what all of them have says little about where to look."""
        pool = ranked[:POOL]
        counts = Counter(each for passage in pool for each in self.found_in(passage.embedded_text))
        return replace(self, rarities={each: math.log1p(len(pool) / count) for each, count in counts.items()})

    def found_in(self, text: str) -> frozenset[str]:
        """What of it occurs in a text."""
        searched = folded(text)
        stems = {stem for stem in self.stems if stem in searched and _begins_a_word(stem, searched)}
        if self.wholes:
            plain = literal(text)
            stems |= {f"={whole}" for whole in self.wholes if stands_in(whole, plain)}
        return frozenset(stems)


class TextMatches:
    """One text, taken apart, with what every part of it has of the query."""

    def __init__(self, text: str, sought: Sought) -> None:
        self.text = text
        self._sought = sought
        self.parts = [
            part for start, end in sentences(text) if text[start:end].strip() for part in _parts(text, start, end)
        ]
        """[start, end) of each sentence or line; those that are blank are left out, and very long ones are cut."""
        self.found = [sought.found_in(text[start:end]) for start, end in self.parts]
        """What of the query each part has."""

    @cached_property
    def weights(self) -> dict[str, float]:
        """The weight of everything that was found.

        It is the greater, the fewer parts of this text and the fewer other passages have it, so that a word that is in
        all of them does not decide.
        """
        counts = Counter(each for found in self.found for each in found)
        rarities = self._sought.rarities
        return {each: math.log1p(len(self.parts) / n) * rarities.get(each, 1.0) for each, n in counts.items()}

    def best(self, start: int = 0, end: int | None = None) -> int:
        """Where the part begins that has the query's rarest words, of those that begin in [start, end).

        If none has any of the query's words, it is `start`.
        """
        end = len(self.text) if end is None else end
        best, heaviest = start, 0.0
        for (begin, _), found in zip(self.parts, self.found, strict=True):
            weight = round(sum(self.weights[each] for each in found), 6)
            if start <= begin < end and weight > heaviest:
                best, heaviest = begin, weight
        return best


def length(text: str) -> int:
    """Length of a text in Latin letters."""
    wide = 0 if text.isascii() else sum(character >= _FIRST_WIDE for character in text)
    return len(text) + (IDEOGRAPH - 1) * wide


def _parts(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """[start, end) of the parts of one sentence: itself, unless it alone is longer than a snippet may be.

    A very long sentence (a table row, a minified file) is cut, at blanks where it has any.
    """
    longest = LONGEST // IDEOGRAPH if length(text[start:end]) > 2 * (end - start) else LONGEST
    parts: list[tuple[int, int]] = []
    while end - start > longest:
        blank = text.rfind(" ", start + longest // 4, start + longest // 2)
        middle = blank + 1 if blank >= 0 else start + longest // 2
        parts.append((start, middle))
        start = middle
    return [*parts, (start, end)]


def _stems(text: str) -> frozenset[str]:
    """The beginnings of the words of a folded text."""
    stems: set[str] = set()
    for word in _WORD.findall(text):
        if word.isascii() or max(word) < FIRST_UNSPACED:
            stems.add(word[: max(_STEM, round(len(word) * _STEM_SHARE))])
        else:  # in a script without blanks, a word may begin anywhere: use pairs of characters
            stems.update(word[at : at + 2] for at in range(len(word) - 1))
    return frozenset(stems)


def _begins_a_word(stem: str, text: str) -> bool:
    """Whether a stem that occurs in a text may count: the `sync` of `async` is another word."""
    if len(stem) >= _STEM or max(stem) >= FIRST_UNSPACED:
        return True
    return re.search(rf"(?<![^\W_]){re.escape(stem)}", text) is not None
