"""From ranked candidates to the hits of one answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from qmd_mcp.domain.answers import Answer
from qmd_mcp.domain.documents import Collection, Document
from qmd_mcp.domain.requests import QueryRequest
from qmd_mcp.retrieval.answering.explanation import explanation
from qmd_mcp.retrieval.answering.hits import Hits, Shown
from qmd_mcp.retrieval.answering.newest_first import goes_by_date
from qmd_mcp.retrieval.answering.paging import Part, page_of
from qmd_mcp.retrieval.candidates.found_candidates import Candidates
from qmd_mcp.retrieval.grouping.spans import Grouping
from qmd_mcp.retrieval.query.syntax import ParsedQuery
from qmd_mcp.retrieval.ranking.fuser import Fused, Fuser
from qmd_mcp.retrieval.ranking.ranked_candidates import RankedCandidates
from qmd_mcp.retrieval.showing.packing import Cursor
from qmd_mcp.retrieval.showing.text_matches import Sought

CHANGED = "The index has changed since the first part of this answer: hits may repeat or be missing."

WITHIN_LINE = "max_tokens has no room for a whole line, so the last text ends within one; the cursor goes on there."


@dataclass(frozen=True, slots=True)
class AnswerWriter:
    """Groups candidates into spans, cuts the page that was asked for, and shows its hits."""

    grouping: Grouping
    hits: Hits
    fuser: Fuser
    """Explains the fused scores."""

    async def write(
        self,
        request: QueryRequest,
        parsed: ParsedQuery,
        ranked: RankedCandidates,
        *,
        candidates: Candidates,
        fused: Fused,
        cursor: Cursor,
        documents: Mapping[str, Document],
        collections: Mapping[str, Collection],
    ) -> Answer:
        """The hits of one page; `documents` are those whose passages may be shown, by docid."""
        passages = [fused.evidence.passages[row] for row in ranked.rows]
        sought = Sought.of(parsed.lexical, intent=request.intent).among(passages)
        limit = cursor.hits + request.limit
        spans = self.grouping.spans(passages, sought=sought, documents=documents, collections=collections, limit=limit)
        page = page_of(spans, cursor, request, sought=sought, collections=collections)
        shown = [self._shown(part, ranked, sought=sought) for part in page.parts]
        if request.explain:
            rows = [ranked.rows[part.span.rank] for part in page.parts]
            shown = [
                replace(
                    each,
                    explanation=explanation(
                        fused.evidence,
                        row,
                        supporting=candidates.supporting,
                        logits=ranked.logits,
                        features=self.fuser.contributions(fused, row),
                    ),
                )
                for each, row in zip(shown, rows, strict=True)
            ]
        return Answer(
            query=request.query,
            hits=await self.hits.of(
                shown, documents=documents, collections=collections, dated=goes_by_date(request, parsed.filters)
            ),
            notes=(*((CHANGED,) if page.changed else ()), *((WITHIN_LINE,) if page.within_line else ())),
            omitted=page.omitted,
            cursor=page.cursor,
            lines=candidates.lines_found() if request.explain else (),
        )

    @staticmethod
    def _shown(part: Part, ranked: RankedCandidates, *, sought: Sought) -> Shown:
        row = ranked.rows[part.span.rank]
        return Shown(
            span=part.span,
            lines=part.lines,
            score=float(ranked.scores[row]),
            heading=part.heading(sought),
            snippet=part.piece.text,
            relevance=ranked.relevance_of(row),
        )
