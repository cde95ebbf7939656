"""Searching again when documents change meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from qmd_mcp.domain.answers import Answer, Stage
from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.domain.requests import QueryRequest, SearchRequest
from qmd_mcp.retrieval.consistent_searches import ATTEMPTS, SteadySearches

pytestmark = pytest.mark.anyio


@dataclass(slots=True)
class Changing:
    """Documents that change during as many searches as it is told, and searches that count."""

    changes: int
    state: int = 0
    looks: int = 0
    searches: list[int] = field(default_factory=list[int])

    async def version(self) -> int:
        """Tell the state."""
        return self.state

    async def look(self) -> None:
        """Count."""
        self.looks += 1

    async def search(self, request: SearchRequest) -> Answer:
        """Answer, and change if it is time to."""
        self.searches.append(self.state)
        self.state += len(self.searches) <= self.changes
        return Answer(query=str(len(self.searches)), hits=())

    async def query(self, request: QueryRequest, *, watch: Callable[[Stage], None] | None = None) -> Answer:
        """As the others."""
        return await self.search(request)

    vsearch = search

    async def warm(self, vector: FloatArray) -> None:
        """Be warm."""


@pytest.mark.parametrize("mode", ["search", "vsearch", "query"])
@pytest.mark.parametrize(("changes", "searches"), [(0, 1), (1, 2), (2, 3), (100, ATTEMPTS)])
async def test_a_search_is_made_again_as_often_as_documents_change_during_it(
    mode: str, changes: int, searches: int
) -> None:
    documents = Changing(changes)
    answer = await getattr(SteadySearches(documents, documents=documents), mode)(QueryRequest("x"))
    assert (len(documents.searches), answer.query) == (searches, str(searches))
    assert documents.looks == min(searches, ATTEMPTS - 1)
