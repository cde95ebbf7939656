"""What the server needs of the engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol, TypeAlias

from qmd_mcp.corpus.indexing.update_summary import UpdateSummary
from qmd_mcp.domain.answers import Answer, Excerpt, Excerpts, Stage
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.figures import Figures
from qmd_mcp.domain.index_status import IndexStatus
from qmd_mcp.domain.requests import QueryRequest, SearchRequest
from qmd_mcp.settings import IndexLocation, Settings


class Searching(Protocol):
    """The three searches."""

    async def search(self, request: SearchRequest) -> Answer:
        """Lexical retrieval alone."""
        ...

    async def vsearch(self, request: SearchRequest) -> Answer:
        """Dense retrieval alone."""
        ...

    async def query(self, request: QueryRequest, *, watch: Callable[[Stage], None] | None = None) -> Answer:
        """Both, fused; `watch` is told of every stage as it ends."""
        ...


class Reading(Protocol):
    """Documents as they are on disk."""

    async def get(self, reference: str, *, from_line: int | None, max_lines: int | None, line_numbers: bool) -> Excerpt:
        """Lines of the one document that a reference names."""
        ...

    async def get_many(
        self, patterns: Sequence[str], *, max_lines: int | None, max_bytes: int, line_numbers: bool
    ) -> Excerpts:
        """Beginnings of every document that a reference or glob names."""
        ...

    async def keys(self) -> tuple[str, ...]:
        """Every document's `collection/path`."""
        ...


class Writing(Protocol):
    """What brings the index up to date."""

    async def update(self, *, wait_seconds: float | None = None) -> UpdateSummary:
        """Index what changed on disk.

        Raises:
            WriterBusyError: another process still wrote the index after `wait_seconds`.
        """
        ...


class Engine(Protocol):
    """An open index with its models."""

    @property
    def searching(self) -> Searching:
        """Finds passages."""
        ...

    @property
    def reading(self) -> Reading:
        """Reads documents."""
        ...

    @property
    def writing(self) -> Writing:
        """Writes the index."""
        ...

    def figures(self) -> Figures:
        """What the models and the caches have done so far."""
        ...

    async def superseded(self) -> None:
        """Wait until another generation serves the index; this one still answers, as it was then."""
        ...

    async def warm(self) -> None:
        """Load the models and read the index once, so that the first query finds them ready."""
        ...

    async def collections(self) -> Mapping[str, Collection]:
        """By name."""
        ...

    async def status(self) -> IndexStatus:
        """The index and the models as they stand."""
        ...


EngineState: TypeAlias = Literal["opening", "open", "failed"]
"""How far the engine of a server process is."""

EngineSource: TypeAlias = Callable[[], Awaitable[Engine]]
"""Waits until the engine is open; raises SetupError when it cannot be opened."""

OpenEngine: TypeAlias = Callable[[Settings, IndexLocation], AbstractAsyncContextManager[Engine]]
