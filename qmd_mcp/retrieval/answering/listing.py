"""Answering a query that has filters and nothing to look for: the documents that the filters select."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from qmd_mcp.domain.answers import Answer
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.requests import QueryRequest, SearchRequest
from qmd_mcp.retrieval.answering.diagnosis import limits_of
from qmd_mcp.retrieval.answering.found_hits import MARGIN
from qmd_mcp.retrieval.answering.hits import Hits, Shown
from qmd_mcp.retrieval.answering.paging import beginning, page_of, snippet_of
from qmd_mcp.retrieval.grouping.spans import Span
from qmd_mcp.retrieval.query.syntax import ParsedQuery
from qmd_mcp.retrieval.search_protocols import SelectedPassages
from qmd_mcp.retrieval.showing.text_matches import Sought
from qmd_mcp.retrieval.stage_log import StageLog


@dataclass(frozen=True, slots=True)
class Listing:
    """Lists documents, the newest first, each by its first passage."""

    passages: SelectedPassages
    hits: Hits

    async def answer(
        self, request: SearchRequest, parsed: ParsedQuery, *, collections: Mapping[str, Collection], log: StageLog
    ) -> Answer:
        """The documents that the filters of a request select; hits have the score 0, since nothing ranks them."""
        since = time.perf_counter()
        begin = beginning(request) if isinstance(request, QueryRequest) else None
        before = begin.hits if begin else 0
        found = await self.passages.listed(parsed.filters, limit=before + request.limit + MARGIN)
        documents = await self.hits.visible(found, collections=collections)
        kept = [passage for passage in found if passage.docid in documents]
        spans = [Span(passage, (passage,), rank) for rank, passage in enumerate(kept)]
        sought = Sought.of(parsed.lexical)
        cursor: str | None = None
        if begin is not None and isinstance(request, QueryRequest):
            page = page_of(spans, begin, request, sought=sought, collections=collections)
            parts, omitted, cursor = page.parts, page.omitted, page.cursor
        else:
            parts = tuple(snippet_of(span, sought) for span in spans[: request.limit])
            omitted = len(spans) - len(parts)
        shown = [
            Shown(part.span, lines=part.lines, score=0.0, heading=part.heading(sought), snippet=part.piece.text)
            for part in parts
        ]
        log.ran("listing", since=since)
        limits = limits_of(parsed, request.collections)
        return Answer(
            query=request.query,
            hits=await self.hits.of(shown, documents=documents, collections=collections, dated=True),
            stages=tuple(log.stages),
            notes=(f"Documents with {limits}, newest first." if shown else f"No document has {limits}.",),
            omitted=omitted,
            cursor=cursor,
        )
