"""What the server, the commands and the evaluation need of an engine, without importing lancedb or ONNX Runtime."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol, TypeAlias

from qmd_mcp.corpus.indexing.update_summary import Progress, UpdateSummary
from qmd_mcp.domain.answers import Excerpt, Excerpts
from qmd_mcp.domain.documents import Collection, Passage
from qmd_mcp.domain.figures import Figures
from qmd_mcp.domain.index_status import IndexStatus
from qmd_mcp.domain.searches import Searches
from qmd_mcp.settings import IndexLocation, Settings


class Reading(Protocol):
    """Reads documents as they are on disk now."""

    async def get(self, reference: str, *, from_line: int | None, max_lines: int | None, line_numbers: bool) -> Excerpt:
        """Read lines of the one document that a reference names."""
        ...

    async def get_many(
        self, patterns: Sequence[str], *, max_lines: int | None, max_bytes: int, line_numbers: bool
    ) -> Excerpts:
        """Read the beginning of every document that a reference or glob names."""
        ...

    async def keys(self) -> tuple[str, ...]:
        """Return `collection/path` of every document."""
        ...


class Writing(Protocol):
    """Writes the index."""

    async def add_collection(self, collection: Collection) -> None:
        """Register a folder; its documents are indexed by the next update."""
        ...

    async def update(
        self,
        *,
        collections: Sequence[str] = (),
        embed: bool = True,
        wait_seconds: float | None = None,
        progress: Progress = ...,
    ) -> UpdateSummary:
        """Index what changed on disk, in the collections named or in all of them.

        Raises:
            WriterBusyError: another process still wrote the index after `wait_seconds`; None waits for ever.
        """
        ...


class ReadableEngine(Protocol):
    """An open index with its models, for those who search it and read in it."""

    @property
    def searching(self) -> Searches:
        """Finds passages."""
        ...

    @property
    def reading(self) -> Reading:
        """Reads documents."""
        ...

    async def collections(self) -> Mapping[str, Collection]:
        """Return the collections by name."""
        ...

    async def status(self) -> IndexStatus:
        """Describe the index and the models as they are now."""
        ...


class Engine(ReadableEngine, Protocol):
    """An open index with its models, for the process that holds it."""

    @property
    def writing(self) -> Writing:
        """Writes the index."""
        ...

    def narrowed(self, collections: frozenset[str]) -> ReadableEngine:
        """Return the same index as it is for somebody for whom only these collections exist."""
        ...

    def figures(self) -> Figures:
        """Count what the models and the caches have done so far."""
        ...

    async def superseded(self) -> None:
        """Wait until another generation serves the index. This engine goes on answering from its own."""
        ...

    async def warm(self) -> None:
        """Load the models and read the index once, so that the first query finds them ready."""
        ...

    async def passages(self) -> tuple[Passage, ...]:
        """Return every stored passage."""
        ...


class OpenEngine(Protocol):
    """Opens an index with its models; `application.engine.open_engine` is the real one."""

    def __call__(
        self, settings: Settings, location: IndexLocation, *, create: bool = False
    ) -> AbstractAsyncContextManager[Engine]:
        """Open the index; `create` makes an empty one if there is none."""
        ...


EngineState: TypeAlias = Literal["opening", "open", "failed"]
"""How far a server process has come with opening its engine."""

EngineSource: TypeAlias = Callable[[], Awaitable[ReadableEngine]]
"""Waits until the engine is open, and raises SetupError if it cannot be opened. What it gives is narrowed to what the
client of the present call may see."""
