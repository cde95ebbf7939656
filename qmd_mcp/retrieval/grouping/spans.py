"""Joining neighbouring hits of a document into one span, and copies and near-duplicates into one hit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from qmd_mcp.domain.documents import Collection, Document, Passage
from qmd_mcp.retrieval.grouping.copies import Copies
from qmd_mcp.retrieval.grouping.likeness import Likeness
from qmd_mcp.retrieval.showing.text_matches import Sought

JOINED_WITHIN = 20
"""Neighbours are joined among this many of the best visible passages: as many as two answers show. The number does not
depend on the limit, so that an answer that continues at a cursor has the same spans."""

LONGEST_SPAN = 3
"""Most passages of a span: about 660 tokens. For more it is better to read the document."""

MOST_BREAKS = 3
"""Most line ends that are put between two joined passages: two blank lines, as between two definitions. In the source
of a web page there may be a hundred lines between them."""


@dataclass(frozen=True, slots=True)
class Span:
    """One passage, or several that follow each other in one document."""

    best: Passage
    """The passage by which the span is cited: that with the highest rank, or its copy with the plainest path."""
    passages: tuple[Passage, ...]
    """The passages in the order of the document; `best` is one of them."""
    rank: int
    """Rank of `best`, or of a copy that ranks higher, among all candidates; 0 is the first."""
    copies: tuple[Passage, ...] = ()
    """Passages elsewhere that say the same or nearly the same as one of the span's, best first."""

    @property
    def also(self) -> tuple[str, ...]:
        """Where the copies are, as `collection/path:lines`; those of one document that follow each other together."""
        places: list[list[Passage]] = []
        for copy in self.copies:
            for place in places:
                ordinals = [passage.ordinal for passage in place]
                if place[0].docid == copy.docid and min(ordinals) - 1 <= copy.ordinal <= max(ordinals) + 1:
                    place.append(copy)
                    break
            else:
                places.append([copy])
        return tuple(map(_place, places))

    @property
    def start_line(self) -> int:
        """First line of the span in its file; the first line of a file is 1."""
        return self.passages[0].start_line

    @property
    def end_line(self) -> int:
        """Last line of the span in its file."""
        return max(passage.end_line for passage in self.passages)

    @property
    def table_header(self) -> str:
        """The header of the table in whose middle the text begins."""
        return self.passages[0].table_header

    @property
    def text(self) -> str:
        """The joined text of the passages.

        What two neighbours have in common stands there once; between two that do not overlap there are blank lines.
        """
        return "".join(text for text, _ in self._parts())

    def heading_at(self, position: int) -> tuple[str, ...]:
        """All headings above a position in the text, the outermost first."""
        start, heading = 0, self.passages[0].heading_at(0)
        for passage, (text, skipped) in zip(self.passages, self._parts(), strict=True):
            if position >= start:
                heading = passage.heading_at(max(0, position - start + skipped))
            start += len(text)
        return heading

    def _parts(self) -> list[tuple[str, int]]:
        """What each passage adds to the text, and how many characters of the passage stand before that.

        The number is negative for the line ends that are put before a passage.
        """
        parts = [(self.passages[0].text, 0)]
        for before, after in pairwise(self.passages):
            overlap = before.end_char - after.start_char
            apart = min(max(1, after.start_line - before.end_line), MOST_BREAKS)
            parts.append((after.text[overlap:], overlap) if overlap > 0 else ("\n" * apart + after.text, -apart))
        return parts

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
    joined: bool = True
    """Whether hits are joined: neighbours to a span, and near-duplicates that are no copies by content or name. Without
    that, as in `search`, comparing every hit with every other took a tenth of the time of a look-up by words."""

    def spans(
        self,
        ranked: Sequence[Passage],
        *,
        sought: Sought,
        documents: Mapping[str, Document],
        collections: Mapping[str, Collection],
        limit: int,
    ) -> tuple[Span, ...]:
        """The best `limit` spans, best first, and at least one more if there are more.

        Passages whose document is not in `documents` are not visible and are left out.
        """
        likeness = Likeness()
        kept: list[Span] = []
        counts: Counter[str] = Counter()
        for position, family in enumerate(Copies(documents, collections, sought, likeness).families(ranked)):
            passage = family.shown
            early = self.joined and position < JOINED_WITHIN
            if early and (near := _neighbour(kept, passage)) is not None:
                kept[near] = _joined(kept[near], passage, copies=family.copies)
                if (after := _touching(kept, near)) is not None:
                    kept[near] = _joined(kept[near], *kept[after].passages, copies=kept[after].copies)
                    del kept[after]
                    counts[passage.docid] -= 1
                continue
            if self.per_document and counts[passage.docid] >= self.per_document:
                continue
            if self.joined and (twin := _twin(kept, passage, likeness)) is not None:
                kept[twin] = replace(kept[twin], copies=(*kept[twin].copies, passage, *family.copies))
                continue
            if len(kept) > limit and not early:
                break
            kept.append(Span(passage, (passage,), family.rank, family.copies))
            counts[passage.docid] += 1
        return tuple(kept)


def _twin(spans: Sequence[Span], passage: Passage, likeness: Likeness) -> int | None:
    """Number of the first span with a passage of which this one is a near-duplicate."""
    for number, span in enumerate(spans):
        for each in span.passages:
            if likeness.nearly_same(each.text, passage.text):
                return number
    return None


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


def _joined(span: Span, *passages: Passage, copies: tuple[Passage, ...]) -> Span:
    together = sorted((*span.passages, *passages), key=lambda each: each.ordinal)
    return replace(span, passages=tuple(together), copies=(*span.copies, *copies))


def _place(passages: Sequence[Passage]) -> str:
    first, last = min(each.start_line for each in passages), max(each.end_line for each in passages)
    return f"{passages[0].collection}/{passages[0].path}:{first}" + (f"-{last}" if last > first else "")
