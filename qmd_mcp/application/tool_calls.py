"""The tools: what each is called, what it takes, and what it asks of an engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from qmd_mcp.application.engine_protocols import ReadableEngine
from qmd_mcp.domain.answers import Answer, Excerpt, Excerpts, Stage
from qmd_mcp.domain.index_status import IndexStatus
from qmd_mcp.domain.requests import DocumentRequest, DocumentsRequest, QueryRequest, SearchRequest, StatusRequest

Value: TypeAlias = Answer | Excerpt | Excerpts | IndexStatus
"""What a tool returns, before it is worded or encoded."""

Watch: TypeAlias = Callable[[Stage], None]
"""Called with each stage of a search as it ends."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool, the same for agents, people and programs."""

    name: str
    title: str
    description: str
    """What an agent reads before it chooses a tool."""
    request: type[Any]
    """The class of its requests, whose fields are its arguments."""
    value: type[Value]
    """The class of what it returns."""
    ask: Callable[[ReadableEngine, Any, Watch | None], Awaitable[Value]]


def _query(engine: ReadableEngine, request: QueryRequest, watch: Watch | None) -> Awaitable[Value]:
    return engine.searching.query(request, watch=watch)


def _search(engine: ReadableEngine, request: SearchRequest, _watch: Watch | None) -> Awaitable[Value]:
    return engine.searching.search(request)


def _vsearch(engine: ReadableEngine, request: SearchRequest, _watch: Watch | None) -> Awaitable[Value]:
    return engine.searching.vsearch(request)


def _get_document(engine: ReadableEngine, request: DocumentRequest, _watch: Watch | None) -> Awaitable[Value]:
    return engine.reading.get(
        request.document,
        from_line=request.from_line,
        max_lines=request.max_lines,
        line_numbers=request.line_numbers,
    )


def _get_documents(engine: ReadableEngine, request: DocumentsRequest, _watch: Watch | None) -> Awaitable[Value]:
    return engine.reading.get_many(
        request.documents,
        max_lines=request.max_lines,
        max_bytes=request.max_bytes,
        line_numbers=request.line_numbers,
    )


def _status(engine: ReadableEngine, _request: StatusRequest, _watch: Watch | None) -> Awaitable[Value]:
    return engine.status()


_TOOLS = (
    Tool(
        "query",
        title="Search by words and meaning",
        description="Find passages by meaning and exact words together: the best default for any question. Returns "
        "ranked passages, each with path:lines to cite, a snippet and how likely it is relevant; the verdict says "
        "whether the corpus answers at all.",
        request=QueryRequest,
        value=Answer,
        ask=_query,
    ),
    Tool(
        "search",
        title="Search by exact words",
        description="Find passages by exact words (BM25): names, identifiers, error codes. Fastest. "
        '"A phrase" must occur, -"another" must not.',
        request=SearchRequest,
        value=Answer,
        ask=_search,
    ),
    Tool(
        "vsearch",
        title="Search by meaning",
        description="Find passages by meaning alone (embeddings): for descriptions whose wording the text may not "
        "share.",
        request=SearchRequest,
        value=Answer,
        ask=_vsearch,
    ),
    Tool(
        "get_document",
        title="Read a document",
        description="Read one document, or lines of it, as it is on disk now.",
        request=DocumentRequest,
        value=Excerpt,
        ask=_get_document,
    ),
    Tool(
        "get_documents",
        title="Read several documents",
        description="Read several documents at once.",
        request=DocumentsRequest,
        value=Excerpts,
        ask=_get_documents,
    ),
    Tool(
        "status",
        title="Index status",
        description="Which collections are indexed, how much of each, when, and by which models.",
        request=StatusRequest,
        value=IndexStatus,
        ask=_status,
    ),
)

TOOLS: Mapping[str, Tool] = {tool.name: tool for tool in _TOOLS}
"""By name, the best default first."""
