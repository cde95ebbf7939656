"""Where in a text a query matches: the one notion that snippets, headings and packing share."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import LexicalQuery
from qmd_mcp.domain.text.folding import folded
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

POOL = 10
"""How many of the best passages tell how rare a word is: as many as an answer has hits by default."""

_WORD = re.compile(r"[^\W_]{2,}")

_NAME = re.compile(r"\d|\w[^\w\s'’-]+\w|_")
"""What a name or number has that other words lack: a digit, or a sign within that is no hyphen or apostrophe."""

_RUN = re.compile(r"[^\W_]+")

_STEM = 5
"""Fewest letters of a stem. Two forms of an English word mostly share their first five letters. A stem of at least this
length is also looked for within words."""

_INFLECTED = 3
"""The same of a word in another alphabet: short words of Russian and Greek too have many endings (ночь, ночи)."""

_STEM_SHARE = 2 / 3
"""Share of a longer word that its stem has: with only five letters, `setTitleBarOverlay` would match `settings`."""


@dataclass(frozen=True, slots=True)
class Sought:
    """What of a query is looked for in a text that was found by it; all of it is folded."""

    stems: frozenset[str]
    """The beginnings of the query's words, by which their other forms are found anywhere in a text."""
    beginnings: frozenset[str]
    """Those that are so short that they only count where a word begins: the `sync` of `async` is another word."""
    wholes: frozenset[str]
    """Names, numbers and phrases that count in addition where they stand as they are. `node-102` is the row of that
    node, though the row of node-034 may also have a node and a 102."""
    rarities: Mapping[str, float] = field(default_factory=dict)
    """How much each of them says about a passage, if other passages are known."""

    @classmethod
    def of(cls, query: LexicalQuery, *, intent: str | None = None) -> Sought:
        """What is looked for of a query, and of what the caller is after."""
        stems = _stems(folded(" ".join((*query.words, *query.phrases, *query.near, intent or ""))))
        short = frozenset(stem for stem in stems if len(stem) < _STEM and max(stem) < FIRST_UNSPACED)
        wholes = (*filter(_NAME.search, query.words), *query.phrases)
        return cls(stems - short, short, frozenset(whole for each in wholes if literal(whole := folded(each))))

    def among(self, ranked: Sequence[Passage]) -> Sought:
        """The same, knowing the best passages of a ranking: what all of them have says little about where to look."""
        pool = ranked[:POOL]
        counts = Counter(each for passage in pool for each in self.found_in(passage.embedded_text))
        return replace(self, rarities={each: math.log1p(len(pool) / count) for each, count in counts.items()})

    def found_in(self, text: str) -> frozenset[str]:
        """What of it occurs in a text."""
        return frozenset(each for each, _ in self.places_in(folded(text), once=True)) | self.wholes_in(text)

    def places_in(self, text: str, *, once: bool) -> Iterator[tuple[str, int]]:
        """Every stem in a folded text with each of its places, or only with the first."""
        for stem in self.stems:
            at = text.find(stem)
            while at >= 0:
                yield stem, at
                at = -1 if once else text.find(stem, at + 1)
        for stem in self.beginnings:
            at = text.find(stem)
            while at >= 0:
                if at and text[at - 1].isalnum():
                    at = text.find(stem, at + 1)
                    continue
                yield stem, at
                at = -1 if once else text.find(stem, at + 1)

    def wholes_in(self, text: str) -> frozenset[str]:
        """The names, numbers and phrases that stand in a text, each marked to differ from a stem."""
        if not self.wholes:
            return frozenset()
        searched = folded(text)
        likely = [whole for whole in self.wholes if longest_word(whole) in searched]
        plain = literal(searched) if likely else ""
        return frozenset(f"={whole}" for whole in likely if stands_in(literal(whole), plain))


class TextMatches:
    """One text, taken apart, with what every part of it has of the query."""

    def __init__(self, text: str, sought: Sought) -> None:
        self.text = text
        self._sought = sought
        self.parts = [
            part for start, end in sentences(text) if text[start:end].strip() for part in _parts(text, start, end)
        ]
        """[start, end) of each sentence or line; those that are blank are left out, and very long ones are cut."""
        self.found = self._found()
        """What of the query each part has."""

    def _found(self) -> list[frozenset[str]]:
        searched = folded(self.text)
        if not self.text.isascii():  # places in the folded text need not be those in the text
            return [self._sought.found_in(self.text[start:end]) for start, end in self.parts]
        found: list[set[str]] = [set() for _ in self.parts]
        starts = [start for start, _ in self.parts]
        for each, place in self._sought.places_in(searched, once=False):
            number = bisect_right(starts, place) - 1
            if number >= 0 and place < self.parts[number][1]:
                found[number].add(each)
        for whole in self._sought.wholes:
            word = longest_word(whole)
            at = searched.find(word)
            while at >= 0:
                number = bisect_right(starts, at) - 1
                if number >= 0:
                    start, end = self.parts[number]
                    if stands_in(literal(whole), literal(searched[start:end])):
                        found[number].add(f"={whole}")
                    at = max(at, end)
                at = searched.find(word, at + 1)
        return [frozenset(each) for each in found]

    @cached_property
    def lengths(self) -> list[int]:
        """The length of each part in Latin letters."""
        if self.text.isascii():
            return [end - start for start, end in self.parts]
        return [length(self.text[start:end]) for start, end in self.parts]

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
    if end - start <= LONGEST // IDEOGRAPH:
        return [(start, end)]
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
        if max(word) < FIRST_UNSPACED:
            stems.add(word[: max(_STEM if word.isascii() else _INFLECTED, round(len(word) * _STEM_SHARE))])
        else:  # in a script without blanks, a word may begin anywhere: use pairs of characters
            stems.update(word[at : at + 2] for at in range(len(word) - 1))
    return frozenset(stems)


@lru_cache(maxsize=1_000)
def longest_word(whole: str) -> str:
    """The longest run of letters and digits, which stands in every text that has the whole; all if there is none."""
    return max(_RUN.findall(whole), key=len, default=whole)
