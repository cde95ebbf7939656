"""Neighbouring hits of a document as one span, and near-duplicates as one hit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from qmd_mcp.documents import Document, Passage

SAME = 0.9
"""Share of two passages' word triples above which one says nothing that the other does not: a licence header with
another year is at .9, two sections made from one template that differ in what they say at .5 to .7."""

SHINGLE = 3
"""Words in a row that are compared."""

JOINED_WITHIN = 20
"""Visible passages, from the best, among which neighbours are joined: two answers' worth. It does not follow the limit,
so that an answer that goes on from a cursor sees the same spans."""

LONGEST_SPAN = 3
"""Passages that are joined at most: about 660 tokens, after which reading the document is the better way."""

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Span:
    """One or several passages in a row of one document."""

    best: Passage
    """The one that ranks highest: it names the span."""
    passages: tuple[Passage, ...]
    """By position; `best` is among them."""
    rank: int
    """Position of `best` among all candidates, from 0."""
    also: tuple[str, ...] = ()
    """Places of near-duplicates elsewhere."""

    @property
    def start_line(self) -> int:
        """1-based, included."""
        return self.passages[0].start_line

    @property
    def end_line(self) -> int:
        """1-based, included."""
        return max(passage.end_line for passage in self.passages)

    @property
    def text(self) -> str:
        """The passages' text once each, where neighbours overlap."""
        text = self.passages[0].text
        for before, after in pairwise(self.passages):
            overlap = before.end_char - after.start_char
            text += after.text[overlap:] if overlap > 0 else f"\n{after.text}"
        return text


@dataclass(frozen=True, slots=True)
class Grouping:
    """How many hits a document may have, and what is brought together."""

    per_document: int
    """0 for any number."""

    def spans(self, ranked: Sequence[Passage], *, documents: Mapping[str, Document], limit: int) -> tuple[Span, ...]:
        """Best first: at least the first `limit` spans of what is visible, where there are so many."""
        kept: list[Span] = []
        shingles: list[frozenset[tuple[str, ...]]] = []
        counts: Counter[str] = Counter()
        visible = (each for each in enumerate(ranked) if each[1].docid in documents)
        for position, (rank, passage) in enumerate(visible):
            if position < JOINED_WITHIN and (near := _neighbour(kept, passage)) is not None:
                kept[near] = _joined(kept[near], passage)
                continue
            if self.per_document and counts[passage.docid] >= self.per_document:
                continue
            mine = _shingles(passage.text)
            if (twin := _twin(shingles, mine)) is not None:
                kept[twin] = replace(kept[twin], also=(*kept[twin].also, _place(passage)))
                continue
            if len(kept) >= limit and position >= JOINED_WITHIN:
                break
            kept.append(Span(passage, (passage,), rank))
            shingles.append(mine)
            counts[passage.docid] += 1
        return tuple(kept)


def _neighbour(spans: Sequence[Span], passage: Passage) -> int | None:
    for number, span in enumerate(spans):
        first, last = span.passages[0], span.passages[-1]
        if len(span.passages) == LONGEST_SPAN or passage.docid != first.docid:
            continue
        if passage.ordinal in {first.ordinal - 1, last.ordinal + 1}:
            return number
    return None


def _joined(span: Span, passage: Passage) -> Span:
    return replace(span, passages=tuple(sorted((*span.passages, passage), key=lambda each: each.ordinal)))


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    if len(words) < 2 * SHINGLE:  # also a Chinese passage, which has few blanks
        words = list("".join(words))
    return frozenset(zip(*(words[start:] for start in range(SHINGLE)), strict=False))


def _twin(known: Sequence[frozenset[tuple[str, ...]]], mine: frozenset[tuple[str, ...]]) -> int | None:
    """The first of which nearly everything is the same (Jaccard)."""
    if not mine:
        return None
    for number, theirs in enumerate(known):
        shorter, longer = sorted((len(mine), len(theirs)))
        if shorter >= SAME * longer and len(mine & theirs) >= SAME * len(mine | theirs):
            return number
    return None


def _place(passage: Passage) -> str:
    return f"{passage.collection}/{passage.path}:{passage.start_line}-{passage.end_line}"
