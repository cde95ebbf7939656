"""Real classes that satisfy the protocols, with answers known beforehand."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
import anyio.to_thread
from anyio.lowlevel import checkpoint

from qmd_mcp.corpus.indexing.update_summary import Progress, UpdateSummary
from qmd_mcp.domain.answers import Answer, Excerpt, Excerpts, Hit, Skip, Stage
from qmd_mcp.domain.documents import Collection, Context, Mode, Passage
from qmd_mcp.domain.figures import CacheFigures, Figures, QueueFigures
from qmd_mcp.domain.index_status import CollectionStatus, IndexStatus, ModelStatus
from qmd_mcp.domain.requests import QueryRequest, SearchRequest
from qmd_mcp.errors import DocumentNotFoundError, UnknownCollectionError
from qmd_mcp.index_errors import WriterBusyError
from qmd_mcp.settings import IndexLocation, Settings

HIT = Hit(
    docid="#a1b2c3",
    passage_id="notes/runbooks/postgres.md#1",
    collection="notes",
    path="runbooks/postgres.md",
    uri="qmd://notes/runbooks/postgres.md",
    title="Postgres",
    heading=("Failover",),
    start_line=12,
    end_line=14,
    score=0.8314,
    relevance=None,
    snippet="Promote the standby:\n\n    pg_ctl promote",
    context="Runbooks of the operations team",
    freshness="current",
)

EXCERPT = Excerpt(
    docid="#a1b2c3",
    collection="notes",
    path="runbooks/postgres.md",
    uri="qmd://notes/runbooks/postgres.md",
    title="Postgres",
    start_line=9,
    end_line=11,
    total_lines=40,
    text="one\ntwo\nthree",
    freshness="current",
    next_line=12,
)

STATUS = IndexStatus(
    index="/home/someone/notes/.qmd-mcp",
    schema_version=1,
    generation="passages_0",
    embedder="mini",
    dimension=384,
    documents=1,
    passages=2,
    embedded=2,
    size_bytes=1_234_567,
    updated="2026-11-23T15:00:00Z",
    collections=(
        CollectionStatus(
            name="notes",
            root="/home/someone/notes",
            globs=("**/*.md",),
            documents=1,
            passages=2,
            contexts=1,
            skipped={"binary": 3},
        ),
    ),
    models=(ModelStatus(role="embedder", model="mini", state="ready", provider="CPUExecutionProvider"),),
)

FIGURES = Figures(
    queues=(QueueFigures("embedder", waiting=1, forwards=4, items=12),),
    caches=(CacheFigures("passages", hits=7, misses=3),),
)

NOISE = "a library prints this\n"
HANGING = "a call hangs\n"
CANCELLED = "a call is cancelled\n"


def _unwatched(stage: Stage) -> None:
    pass


@dataclass(slots=True)
class FakeSearching:
    """Finds the one hit, unless the query says what should happen instead."""

    requests: list[tuple[Mode, SearchRequest]] = field(default_factory=list[tuple[Mode, SearchRequest]])

    async def search(self, request: SearchRequest) -> Answer:
        """Answer for lexical retrieval."""
        return await self._answer("search", request)

    async def vsearch(self, request: SearchRequest) -> Answer:
        """Answer for dense retrieval."""
        return await self._answer("vsearch", request)

    async def query(self, request: QueryRequest, *, watch: Callable[[Stage], None] | None = None) -> Answer:
        """Answer for both; every stage is told of."""
        try:
            answer = await self._answer("query", request)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await checkpoint()  # as a step that cannot be broken off ends after everything else of the call
            (watch or _unwatched)(Stage(name="query", ran=True, ms=1.5))
            raise
        for stage in answer.stages:
            (watch or _unwatched)(stage)
        return answer

    async def _answer(self, mode: Mode, request: SearchRequest) -> Answer:
        self.requests.append((mode, request))
        if request.collections not in {(), ("notes",)}:
            raise UnknownCollectionError(request.collections[0], known=["notes"])
        match request.query:
            case "bug":
                message = "a secret path"
                raise RuntimeError(message)
            case "hang":
                os.write(2, HANGING.encode())
                await anyio.sleep_forever()
            case "freeze":
                os.write(2, HANGING.encode())
                re.fullmatch("(a+)+", "a" * 60 + "b")  # for centuries, and with the interpreter's lock
            case "hang and tell":
                os.write(2, HANGING.encode())
                try:
                    await anyio.sleep_forever()
                finally:
                    os.write(2, CANCELLED.encode())
            case query if query.startswith("read "):
                os.write(2, HANGING.encode())
                await anyio.to_thread.run_sync(Path(query.removeprefix("read ")).read_text, abandon_on_cancel=True)
            case "noise":
                sys.stdout.write(NOISE)
                sys.stdout.flush()
                os.write(1, NOISE.encode())
            case "nothing":
                return Answer(query=request.query, hits=(), notes=("No passage has 'nothing'.",))
            case _:
                pass
        stages = (Stage(name=mode, ran=True, ms=1.5), Stage(name="rerank", ran=False, reason="no model"))
        return Answer(query=request.query, hits=(HIT,) * min(request.limit, 2), stages=stages)


@dataclass(slots=True)
class FakeReading:
    """Has one document."""

    async def get(self, reference: str, *, from_line: int | None, max_lines: int | None, line_numbers: bool) -> Excerpt:
        """Give the document, wherever reading should begin."""
        if reference.removeprefix("#") not in {"a1b2c3", "notes/runbooks/postgres.md"}:
            raise DocumentNotFoundError(reference, similar=("notes/runbooks/postgres.md",))
        return replace(EXCERPT, start_line=from_line or EXCERPT.start_line)

    async def get_many(
        self, patterns: Sequence[str], *, max_lines: int | None, max_bytes: int, line_numbers: bool
    ) -> Excerpts:
        """Give the document for the first pattern and nothing for the others."""
        return Excerpts((EXCERPT,), tuple(Skip(pattern, "no such document") for pattern in patterns[1:]))

    async def keys(self) -> tuple[str, ...]:
        """Name the document."""
        return ("notes/runbooks/postgres.md",)


@dataclass(slots=True)
class FakeEngine:
    """An engine over one document; updates are counted and may fail."""

    searching: FakeSearching = field(default_factory=FakeSearching)
    reading: FakeReading = field(default_factory=FakeReading)
    updates: int = 0
    failure: Exception | None = None
    updated: anyio.Event = field(default_factory=anyio.Event)
    over: anyio.Event = field(default_factory=anyio.Event)

    @property
    def writing(self) -> FakeEngine:
        """Itself."""
        return self

    def narrowed(self, collections: frozenset[str]) -> FakeEngine:
        """Have one collection, for whoever asks."""
        raise NotImplementedError

    def figures(self) -> Figures:
        """Give the figures known beforehand."""
        return FIGURES

    async def superseded(self) -> None:
        """Wait until the test says so."""
        await self.over.wait()

    async def warm(self) -> None:
        """Be ready as it is."""

    async def collections(self) -> dict[str, Collection]:
        """Give the one collection."""
        context = Context("", "Runbooks of the operations team")
        return {"notes": Collection("notes", Path("/home/someone/notes"), ("**/*.md",), contexts=(context,))}

    async def status(self) -> IndexStatus:
        """Give the status known beforehand."""
        return STATUS

    async def passages(self) -> tuple[Passage, ...]:
        """Have none: hits are made up."""
        return ()

    async def add_collection(self, collection: Collection) -> None:
        """Take none beside the one."""
        raise NotImplementedError

    async def update(
        self,
        *,
        collections: Sequence[str] = (),
        embed: bool = True,
        wait_seconds: float | None = None,
        progress: Progress | None = None,
    ) -> UpdateSummary:
        """Count, tell, and fail if that was asked for."""
        self.updates += 1
        self.updated.set()
        self.updated = anyio.Event()
        if wait_seconds != 0:
            raise WriterBusyError("the index", holder="whoever is waited for")
        if self.failure is not None:
            raise self.failure
        return UpdateSummary(unchanged=1)


@asynccontextmanager
async def open_fake_engine(
    settings: Settings, location: IndexLocation, *, create: bool = False
) -> AsyncGenerator[FakeEngine]:
    """Open as the real engine is opened; says on standard output, where it must not, that it closes."""
    try:
        yield FakeEngine()
    finally:
        os.write(1, NOISE.encode())
