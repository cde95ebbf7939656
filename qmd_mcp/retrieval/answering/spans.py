"""Neighbouring hits of a document as one span, and near-duplicates as one hit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from qmd_mcp.domain.documents import Document, Passage

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

MOST_BREAKS = 3
"""Line ends between two passages: two blank lines as between definitions; between parts of a web page's source there
may be a hundred."""

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
        """The passages' text once each, where neighbours overlap, with the blank lines between those that do not."""
        text = self.passages[0].text
        for before, after in pairwise(self.passages):
            overlap = before.end_char - after.start_char
            apart = "\n" * min(max(1, after.start_line - before.end_line), MOST_BREAKS)
            text += after.text[overlap:] if overlap > 0 else apart + after.text
        return text

    def lines(self, first: int, last: int) -> tuple[int, int]:
        """Where lines of the text (0-based, both included) stand in the file; all of it where that is not known."""
        if self.text.count("\n") != self.end_line - self.start_line:  # HTML, whose text has other lines
            return self.start_line, self.end_line
        return self.start_line + first, self.start_line + last


@dataclass(frozen=True, slots=True)
class Grouping:
    """How many hits a document may have, and what is brought together."""

    per_document: int
    """0 for any number."""

    def spans(self, ranked: Sequence[Passage], *, documents: Mapping[str, Document], limit: int) -> tuple[Span, ...]:
        """Best first: the first `limit` spans of what is visible, and at least one more where there is one."""
        kept: list[Span] = []
        shingles: list[frozenset[tuple[str, ...]]] = []
        counts: Counter[str] = Counter()
        visible = (each for each in enumerate(ranked) if each[1].docid in documents)
        for position, (rank, passage) in enumerate(visible):
            if position < JOINED_WITHIN and (near := _neighbour(kept, passage)) is not None:
                kept[near] = _joined(kept[near], passage)
                if (after := _touching(kept, near)) is not None:
                    kept[near] = _joined(kept[near], *kept[after].passages, also=kept[after].also)
                    del kept[after], shingles[after]
                    counts[passage.docid] -= 1
                continue
            if self.per_document and counts[passage.docid] >= self.per_document:
                continue
            mine = _shingles(passage.text)
            if (twin := _twin(shingles, mine)) is not None:
                kept[twin] = replace(kept[twin], also=(*kept[twin].also, _place(passage)))
                continue
            if len(kept) > limit and position >= JOINED_WITHIN:
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


def _touching(spans: Sequence[Span], number: int) -> int | None:
    """A worse span that now borders on one, if both together are short enough."""
    grown = spans[number]
    for other in range(number + 1, len(spans)):
        span = spans[other]
        if span.best.docid != grown.best.docid or len(span.passages) + len(grown.passages) > LONGEST_SPAN:
            continue
        first, last = grown.passages[0].ordinal, grown.passages[-1].ordinal
        if span.passages[-1].ordinal == first - 1 or span.passages[0].ordinal == last + 1:
            return other
    return None


def _joined(span: Span, *passages: Passage, also: tuple[str, ...] = ()) -> Span:
    together = sorted((*span.passages, *passages), key=lambda each: each.ordinal)
    return replace(span, passages=tuple(together), also=(*span.also, *also))


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    if len(words) < 2 * SHINGLE:  # also a Chinese passage, which has few blanks
        words = list("".join(words))
    if len(words) < SHINGLE:
        return frozenset({tuple(words)} if words else ())
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
    lines = (
        f"{passage.start_line}"
        if passage.start_line == passage.end_line
        else f"{passage.start_line}-{passage.end_line}"
    )
    return f"{passage.collection}/{passage.path}:{lines}"
