"""Making hits of ranked passages that are visible, with the freshness of their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qmd_mcp.domain.answers import Explanation, Hit
from qmd_mcp.domain.documents import Collection, Document, Passage, shown_docid, uri_of
from qmd_mcp.retrieval.grouping.spans import Span
from qmd_mcp.retrieval.query.calendar_days import date_of
from qmd_mcp.retrieval.search_protocols import Library


@dataclass(frozen=True, slots=True)
class Shown:
    """One span with what the answer says about it."""

    span: Span
    lines: tuple[int, int]
    """First and last line in the file, both included."""
    score: float
    heading: tuple[str, ...]
    """All headings above the line of `snippet` that matches best."""
    snippet: str
    relevance: float | None = None
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class Hits:
    """Makes hits of spans, with what the library knows about their documents."""

    library: Library

    async def visible(
        self, passages: Sequence[Passage], *, collections: Mapping[str, Collection]
    ) -> Mapping[str, Document]:
        """Docid -> document, for those passages whose document is visible and in one of the collections."""
        documents = await self.library.documents(tuple({passage.docid for passage in passages}))
        return {docid: document for docid, document in documents.items() if document.collection in collections}

    async def of(
        self,
        shown: Sequence[Shown],
        *,
        documents: Mapping[str, Document],
        collections: Mapping[str, Collection],
        dated: bool = False,
    ) -> tuple[Hit, ...]:
        """The hits of these spans, in the same order; `dated` asks for the date of every file."""
        states = await self.library.freshness(
            tuple({each.span.best.docid: documents[each.span.best.docid] for each in shown}.values())
        )
        return tuple(
            Hit(
                docid=shown_docid(each.span.best.docid),
                passage_id=each.span.best.passage_id,
                collection=each.span.best.collection,
                path=each.span.best.path,
                uri=uri_of(each.span.best.collection, each.span.best.path),
                title=each.span.best.title,
                heading=each.heading,
                start_line=each.lines[0],
                end_line=each.lines[1],
                score=round(each.score, 4),
                relevance=None if each.relevance is None else round(each.relevance, 3),
                snippet=each.snippet,
                context=collections[each.span.best.collection].context_of(each.span.best.path),
                freshness=states[each.span.best.docid],
                tags=documents[each.span.best.docid].properties.tags,
                date=_date(documents[each.span.best.docid], dated=dated),
                also=each.span.also,
                explanation=each.explanation,
            )
            for each in shown
        )


def _date(document: Document, *, dated: bool) -> str | None:
    """The date of the document, unless it is the time of its file and `dated` does not ask for that."""
    date_ns = document.properties.date_ns
    if date_ns is None:
        return date_of(document.mtime_ns) if dated else None
    return date_of(date_ns) if dated or date_ns != document.mtime_ns else None
