"""The hits of one look-up, as `search` and `vsearch` show them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from qmd_mcp.domain.answers import Answer, Hit
from qmd_mcp.domain.documents import Collection, Document
from qmd_mcp.domain.lookup import Ranking
from qmd_mcp.domain.requests import SearchRequest
from qmd_mcp.retrieval.answering.hits import Hits, Shown
from qmd_mcp.retrieval.answering.newest_first import goes_by_date
from qmd_mcp.retrieval.answering.paging import snippet_of
from qmd_mcp.retrieval.grouping.spans import Grouping, Span
from qmd_mcp.retrieval.query.syntax import ParsedQuery
from qmd_mcp.retrieval.showing.text_matches import Sought
from qmd_mcp.retrieval.stage_log import StageLog

MARGIN = 10
"""How many candidates are read beyond the limit, in place of those that a running update has made invisible and of
copies."""

_GROWTH = 4
"""How many times as many passages are read again when there were so many copies among them that hits are missing. In a
folder that somebody has copied twice the second reading is enough."""

_GROUPING = Grouping(per_document=0, joined=False)
"""Passages of one document are hits of their own."""

_MOST_READ = 1_000
"""Most passages that are read in place of copies: ten copies of as many hits as an answer may have."""


@dataclass(frozen=True, slots=True)
class Found:
    """What an answer shows of one look-up."""

    ranking: Ranking
    """All that was read."""
    hits: tuple[Hit, ...]
    omitted: int
    """How many hits were found but are not shown; there may be more."""

    def answer(self, request: SearchRequest, *, log: StageLog) -> Answer:
        """The answer to a request, without notes."""
        return Answer(query=request.query, hits=self.hits, stages=tuple(log.stages), omitted=self.omitted)


@dataclass(frozen=True, slots=True)
class FoundHits:
    """Makes hits of the passages that a look-up finds."""

    hits: Hits

    async def of(
        self,
        request: SearchRequest,
        parsed: ParsedQuery,
        ranking: Ranking,
        *,
        collections: Mapping[str, Collection],
        read: Callable[[int], Awaitable[Ranking]],
        size: int,
    ) -> Found:
        """The best visible passages as hits, copies as one of them.

        `size` is the number of passages that the ranking was read for. If there are copies among them, more are read,
        so that there are as many hits as without copies, and the plain path is shown though many copies rank above it.
        """
        while True:
            documents = await self.hits.visible(ranking.passages, collections=collections)
            least = request.min_score
            rows = [row for row, score in enumerate(ranking.scores) if least is None or score >= least]
            passages = [ranking.passages[row] for row in rows]
            sought = Sought.of(parsed.lexical).among(passages)
            spans = _GROUPING.spans(
                passages, sought=sought, documents=documents, collections=collections, limit=request.limit
            )
            all_read = len(ranking.passages) < size or len(rows) < len(ranking.passages) or size >= _MOST_READ
            enough = (request.limit + MARGIN) * _most_places(spans, documents)  # else copies may still be unread
            if all_read or (len(spans) > request.limit and size >= enough):
                break
            size = min(size * _GROWTH, _MOST_READ)
            ranking = await read(size)
        shown = [_shown(span, float(ranking.scores[rows[span.rank]]), sought=sought) for span in spans[: request.limit]]
        dated = goes_by_date(request, parsed.filters)
        hits = await self.hits.of(shown, documents=documents, collections=collections, dated=dated)
        return Found(ranking, hits=hits, omitted=len(spans) - len(hits))


def _most_places(spans: Sequence[Span], documents: Mapping[str, Document]) -> int:
    """How many documents have the content of one span, of the span that is in most places."""
    counts = [
        sum(documents[copy.docid].content_hash == documents[span.best.docid].content_hash for copy in span.copies)
        for span in spans
    ]
    return 1 + max(counts, default=0)


def _shown(span: Span, score: float, *, sought: Sought) -> Shown:
    part = snippet_of(span, sought)
    return Shown(span, lines=part.lines, score=score, heading=part.heading(sought), snippet=part.piece.text)
