"""The tools that agents call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from inspect import cleandoc
from typing import Annotated, Any, TypeAlias

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel, ConfigDict, Field, RootModel

from qmd_mcp.application.engine_protocols import EngineSource
from qmd_mcp.domain.answers import Answer, Excerpt, Excerpts
from qmd_mcp.domain.index_status import IndexStatus
from qmd_mcp.domain.requests import (
    CANDIDATE_LIMIT,
    FEWEST_TOKENS,
    MAX_LIMIT,
    MAX_SEARCHES,
    QueryRequest,
    SearchRequest,
    sub_queries,
)
from qmd_mcp.presentation.disclosure import Disclosure, Everything
from qmd_mcp.presentation.json_encoding import as_json
from qmd_mcp.presentation.rendering import render_answer, render_excerpt, render_excerpts, render_status
from qmd_mcp.server.mcp.progress import told

_READ_ONLY = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)

Limit: TypeAlias = Annotated[int, Field(ge=1, le=MAX_LIMIT)]
Collections: TypeAlias = Annotated[Sequence[str], Field(description="Names to search in; default: all")]
MinScore: TypeAlias = Annotated[float | None, Field(description="Drop hits below this score")]
MaxTokens: TypeAlias = Annotated[
    int | None, Field(ge=FEWEST_TOKENS, description="Pack whole passages into this budget instead of snippets")
]
MinRelevance: TypeAlias = Annotated[float | None, Field(ge=0, le=1, description="Drop hits less likely relevant")]
FromLine: TypeAlias = Annotated[int | None, Field(ge=1)]
MaxLines: TypeAlias = Annotated[int | None, Field(ge=1)]


class QueryOptions(BaseModel):
    """What few queries need."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    expand: bool = True
    rerank: bool = True
    candidate_limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="Passages to rerank")] = CANDIDATE_LIMIT
    timeout_ms: Annotated[int | None, Field(ge=1, description="Leave out stages to keep within it")] = None
    searches: Annotated[
        Sequence[str], Field(max_length=MAX_SEARCHES, description="Your own 'lex: …', 'vec: …', 'hyde: …' lines")
    ] = ()
    explain: bool = False


_NO_OPTIONS = QueryOptions()


@dataclass(frozen=True, slots=True)
class Tools:
    """Each public coroutine is a tool; its docstring is what the model reads."""

    engine: EngineSource
    disclosure: Disclosure = field(default_factory=Everything)

    async def query(
        self,
        query: str,
        *,
        context: Context[Any, Any],
        limit: Limit = 10,
        collections: Collections = (),
        intent: Annotated[str | None, Field(description="What you are after, if the query does not say it")] = None,
        max_tokens: MaxTokens = None,
        min_relevance: MinRelevance = None,
        cursor: Annotated[str | None, Field(description="From the last answer: continue there")] = None,
        options: QueryOptions = _NO_OPTIONS,
    ) -> Annotated[CallToolResult, RootModel[Answer]]:
        """Find passages by meaning and exact words together: the best default for any question.

        Returns ranked passages, each with path:lines to cite, a snippet and how likely it is relevant; the verdict
        says whether the corpus answers at all.
        """
        request = QueryRequest(
            query,
            limit=limit,
            collections=tuple(collections),
            intent=intent,
            max_tokens=max_tokens,
            min_relevance=min_relevance,
            cursor=cursor,
            expand=options.expand,
            rerank=options.rerank,
            candidate_limit=options.candidate_limit,
            timeout_ms=options.timeout_ms,
            searches=sub_queries(options.searches),
            explain=options.explain,
        )
        engine = await self.engine()
        async with told(context) as watch:
            answer = await engine.searching.query(request, watch=watch)
        return _answered(answer)

    async def search(
        self, query: str, limit: Limit = 10, collections: Collections = (), min_score: MinScore = None
    ) -> Annotated[CallToolResult, RootModel[Answer]]:
        """Find passages by exact words (BM25): names, identifiers, error codes. Fastest.

        "quoted phrase" must occur, -word must not.
        """
        request = SearchRequest(query, limit=limit, collections=tuple(collections), min_score=min_score)
        engine = await self.engine()
        return _answered(await engine.searching.search(request))

    async def vsearch(
        self, query: str, limit: Limit = 10, collections: Collections = (), min_score: MinScore = None
    ) -> Annotated[CallToolResult, RootModel[Answer]]:
        """Find passages by meaning alone (embeddings): for descriptions whose wording the text may not share."""
        request = SearchRequest(query, limit=limit, collections=tuple(collections), min_score=min_score)
        engine = await self.engine()
        return _answered(await engine.searching.vsearch(request))

    async def get_document(
        self,
        document: Annotated[
            str,
            Field(description="docid (#a1b2c3), collection/path, qmd:// URI or absolute path; :from:count may follow"),
        ],
        from_line: FromLine = None,
        max_lines: MaxLines = None,
        line_numbers: bool = True,  # noqa: FBT001, FBT002  an argument of the tool, passed by name
    ) -> Annotated[CallToolResult, RootModel[Excerpt]]:
        """Read one document, or lines of it, as it is on disk now."""
        engine = await self.engine()
        excerpt = await engine.reading.get(
            document, from_line=from_line, max_lines=max_lines, line_numbers=line_numbers
        )
        return _result(render_excerpt(excerpt), excerpt)

    async def get_documents(
        self,
        documents: Annotated[
            Sequence[str],
            Field(min_length=1, max_length=100, description="References as in get_document, or globs: notes/**/*.md"),
        ],
        max_lines: MaxLines = None,
        max_bytes: Annotated[int, Field(ge=1, description="Longer files are skipped")] = 65_536,
        line_numbers: bool = True,  # noqa: FBT001, FBT002  an argument of the tool, passed by name
    ) -> Annotated[CallToolResult, RootModel[Excerpts]]:
        """Read several documents at once."""
        engine = await self.engine()
        excerpts = await engine.reading.get_many(
            documents, max_lines=max_lines, max_bytes=max_bytes, line_numbers=line_numbers
        )
        return _result(render_excerpts(excerpts), excerpts)

    async def status(self) -> Annotated[CallToolResult, RootModel[IndexStatus]]:
        """Which collections are indexed, how much of each, when, and by which models."""
        engine = await self.engine()
        status = self.disclosure.status(await engine.status())
        return _result(render_status(status), status)

    def registered(self) -> list[Tool]:
        """Every tool as the SDK wants it, best default first."""
        titled: dict[str, Callable[..., Any]] = {
            "Search by words and meaning": self.query,
            "Search by exact words": self.search,
            "Search by meaning": self.vsearch,
            "Read a document": self.get_document,
            "Read several documents": self.get_documents,
            "Index status": self.status,
        }
        tools = [
            Tool.from_function(
                tool, title=title, description=" ".join(cleandoc(tool.__doc__ or "").split()), annotations=_READ_ONLY
            )
            for title, tool in titled.items()
        ]
        return [tool.model_copy(update={"parameters": plain_schema(tool.parameters)}) for tool in tools]


def plain_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """An input schema without what costs tokens and says nothing: titles, nulls and their defaults, references."""
    definitions = schema.get("$defs", {})
    properties = {
        name: plain_schema(definitions[value["$ref"].rsplit("/", 1)[-1]]) if "$ref" in value else _plain_property(value)
        for name, value in schema["properties"].items()
    }
    required = {"required": schema["required"]} if "required" in schema else {}
    return {"type": "object", "properties": properties, **required, "additionalProperties": False}


def _plain_property(schema: dict[str, Any]) -> dict[str, Any]:
    plain = {key: value for key, value in schema.items() if key not in {"title", "anyOf"}}
    if "anyOf" in schema:  # optional: leaving it out and null are the same
        plain = {**schema["anyOf"][0], **{key: value for key, value in plain.items() if key != "default"}}
    return {key: value for key, value in plain.items() if (key, value) != ("default", [])}


def _answered(answer: Answer) -> CallToolResult:
    return _result(render_answer(answer), answer)


def _result(text: str, value: Answer | Excerpt | Excerpts | IndexStatus) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=as_json(value))
