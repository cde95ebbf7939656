"""Answers that see one state of the index, while it is being written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from qmd_mcp.domain.answers import Answer, Stage
from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.domain.requests import QueryRequest, SearchRequest
from qmd_mcp.domain.searches import Searches

ATTEMPTS = 5
"""At most: an update commits documents every few seconds, so that a second attempt nearly always sees one state."""


class DocumentsState(Protocol):
    """Tells states of the documents apart."""

    async def version(self) -> int:
        """Counts every write."""
        ...

    async def look(self) -> None:
        """Notice what other processes have decided about the generation that serves."""
        ...


class WarmSearches(Searches, Protocol):
    """The three searches, and reading the index ahead of them."""

    async def warm(self, vector: FloatArray) -> None:
        """Read what the first search would read from disk."""
        ...


class SteadySearches:
    """The three searches, made again when documents changed while they ran.

    Passages are written before their document becomes visible and deleted after it has ceased to be, so as long as the
    documents stay the same every visible document has all its passages. An answer that a change of them ran into could
    lack a document altogether: its old passages no longer visible, its new ones not looked for.
    """

    def __init__(self, searches: WarmSearches, *, documents: DocumentsState) -> None:
        self.searches = searches
        self._documents = documents

    async def search(self, request: SearchRequest) -> Answer:
        """BM25 over passages, titles, headings and identifiers."""
        return await self._steady(partial(self.searches.search, request))

    async def vsearch(self, request: SearchRequest) -> Answer:
        """Dense retrieval by the embedder's cosine."""
        return await self._steady(partial(self.searches.vsearch, request))

    async def query(self, request: QueryRequest, *, watch: Callable[[Stage], None] | None = None) -> Answer:
        """Both retrievals and everything that can be done with what they find; `watch` is told of every stage."""
        return await self._steady(partial(self.searches.query, request, watch=watch))

    async def warm(self, vector: FloatArray) -> None:
        """Read what the first search would read from disk."""
        await self.searches.warm(vector)

    async def _steady(self, answer: Callable[[], Awaitable[Answer]]) -> Answer:
        for _ in range(ATTEMPTS - 1):
            before = await self._documents.version()  # first: what is decided after it is written after it
            await self._documents.look()
            found = await answer()
            if await self._documents.version() == before:
                return found
        return await answer()
