"""The protocol of the three searches, for everything that asks them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from qmd_mcp.domain.answers import Answer, Stage
from qmd_mcp.domain.documents import Mode
from qmd_mcp.domain.requests import QueryRequest, SearchRequest


class Searches(Protocol):
    """Answers a request from the passages of one index."""

    async def search(self, request: SearchRequest) -> Answer:
        """Rank passages by BM25 alone."""
        ...

    async def vsearch(self, request: SearchRequest) -> Answer:
        """Rank passages by the cosine of their vectors alone."""
        ...

    async def query(self, request: QueryRequest, *, watch: Callable[[Stage], None] | None = None) -> Answer:
        """Fuse both retrievals, rerank, and judge the result; `watch` is called with each stage as it ends."""
        ...


def search_of(searches: Searches, mode: Mode) -> Callable[[QueryRequest], Awaitable[Answer]]:
    """Return the search that a mode names."""
    by_mode: Mapping[Mode, Callable[[QueryRequest], Awaitable[Answer]]] = {
        "search": searches.search,
        "vsearch": searches.vsearch,
        "query": searches.query,
    }
    return by_mode[mode]
