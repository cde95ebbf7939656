"""Joining neighbouring hits of a document into one span, and near-duplicates into one hit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from qmd_mcp.domain.documents import Document, Passage

SAME = 0.9
"""Two passages are near-duplicates if they share at least this part of their word triples (Jaccard index). A licence
header with another year has .9; two sections made from one template that say different things have .5 to .7."""

SHINGLE = 3
"""How many words in a row are compared as one."""

JOINED_WITHIN = 20
"""Neighbours are joined among this many of the best visible passages: as many as two answers show. The number does not
depend on the limit, so that an answer that continues at a cursor has the same spans."""

LONGEST_SPAN = 3
"""Most passages of a span: about 660 tokens. For more it is better to read the document."""

MOST_BREAKS = 3
"""Most line ends that are put between two joined passages: two blank lines, as between two definitions. In the source
of a web page there may be a hundred lines between them."""

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Span:
    """One passage, or several that follow each other in one document."""

    best: Passage
    """The passage with the highest rank, by which the span is cited."""
    passages: tuple[Passage, ...]
    """The passages in the order of the document; `best` is one of them."""
    rank: int
    """Rank of `best` among all candidates; 0 is the first."""
    also: tuple[str, ...] = ()
    """Where near-duplicates of the span are, as `collection/path:lines`."""

    @property
    def start_line(self) -> int:
        """First line of the span in its file; the first line of a file is 1."""
        return self.passages[0].start_line

    @property
    def end_line(self) -> int:
        """Last line of the span in its file."""
        return max(passage.end_line for passage in self.passages)

    @property
    def text(self) -> str:
        """The joined text of the passages.

        What two neighbours have in common stands there once; between two that do not overlap there are blank lines.
        """
        text = self.passages[0].text
        for before, after in pairwise(self.passages):
            overlap = before.end_char - after.start_char
            apart = "\n" * min(max(1, after.start_line - before.end_line), MOST_BREAKS)
            text += after.text[overlap:] if overlap > 0 else apart + after.text
        return text

    def lines(self, first: int, last: int) -> tuple[int, int]:
        """First and last line in the file of two lines of the text, counted from 0.

        If the lines of the text are not those of the file, as in HTML, these are the first and last line of the span.
        """
        if self.text.count("\n") != self.end_line - self.start_line:
            return self.start_line, self.end_line
        return self.start_line + first, self.start_line + last


@dataclass(frozen=True, slots=True)
class Grouping:
    """Makes spans of ranked passages."""

    per_document: int
    """Most spans of one document; 0 for any number."""

    def spans(self, ranked: Sequence[Passage], *, documents: Mapping[str, Document], limit: int) -> tuple[Span, ...]:
        """The best `limit` spans, best first, and at least one more if there are more.

        Passages whose document is not in `documents` are not visible and are left out.
        """
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
    """Number of the first span that the passage directly precedes or follows and that may still grow."""
    for number, span in enumerate(spans):
        first, last = span.passages[0], span.passages[-1]
        if len(span.passages) == LONGEST_SPAN or passage.docid != first.docid:
            continue
        if passage.ordinal in {first.ordinal - 1, last.ordinal + 1}:
            return number
    return None


def _touching(spans: Sequence[Span], number: int) -> int | None:
    """Number of a later span that directly precedes or follows this one, if both together are short enough."""
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
    """All runs of `SHINGLE` words; of single characters in a text that has few words."""
    words = _WORD.findall(text.lower())
    if len(words) < 2 * SHINGLE:  # a Chinese passage has few, since it has few blanks
        words = list("".join(words))
    if len(words) < SHINGLE:
        return frozenset({tuple(words)} if words else ())
    return frozenset(zip(*(words[start:] for start in range(SHINGLE)), strict=False))


def _twin(known: Sequence[frozenset[tuple[str, ...]]], mine: frozenset[tuple[str, ...]]) -> int | None:
    """Number of the first known passage of which this one is a near-duplicate."""
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
