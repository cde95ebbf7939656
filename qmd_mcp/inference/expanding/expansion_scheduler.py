"""The expansion of queries for asynchronous callers, one query at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from qmd_mcp.domain.lookup import Expansion
from qmd_mcp.errors import ModelBusyError
from qmd_mcp.inference.expanding.branch_decoding import GenerationCancelled
from qmd_mcp.tasks import background

KEPT = 1_000
"""How many expansions are cached; each takes about 1 KB."""

CAPACITY = 256
"""Queries that may be in expansion or wait for it: as many as the server takes requests, a minute's work for a GPU."""


class Expands(Protocol):
    """The expander that is scheduled."""

    provider: str

    def expand(self, query: str, *, cancelled: Callable[[], bool]) -> Expansion:
        """Expand a query in a worker thread; end between two steps when `cancelled` returns True."""


class Slot(Protocol):
    """The slot of the expander."""

    def use(self) -> AbstractAsyncContextManager[Expands]:
        """Give the expander, loaded if necessary, and keep it loaded until the block ends."""

    def loaded(self) -> Expands | None:
        """Return the expander if it is loaded."""


@dataclass(slots=True)
class ExpansionFigures:
    """How many queries were answered in each way."""

    hits: int = 0
    """Queries that were answered from the cache."""
    shared: int = 0
    """Queries that were answered by an expansion in progress for another caller."""
    misses: int = 0
    """Queries for which an expansion was begun."""
    cancelled: int = 0
    """Expansions that were stopped because nobody waited for them any more."""


@dataclass(slots=True)
class _Run:
    """One expansion in progress."""

    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ended: anyio.Event = field(default_factory=anyio.Event)
    abandoned: threading.Event = field(default_factory=threading.Event)
    """Set when nobody waits for the result any more; the model's thread looks at it between two steps."""
    waiting: int = 0
    """Callers that wait for the result."""
    result: Expansion | None = None
    error: Exception | None = None


class ExpansionScheduler:
    """Runs the expander in a worker thread, one query at a time; equal queries at the same time share one run.

    A caller that is cancelled leaves at once. A run that nobody waits for any more leaves the queue or, if it has
    begun, ends after its present decode step.
    """

    def __init__(
        self, slot: Slot, *, identity: str, runs: TaskGroup, kept: int = KEPT, capacity: int = CAPACITY
    ) -> None:
        self.figures = ExpansionFigures()
        self._slot, self._identity, self._runs = slot, identity, runs
        self._kept, self._capacity = kept, capacity
        self._limiter = anyio.CapacityLimiter(1)
        self._known: OrderedDict[str, Expansion] = OrderedDict()
        self._running: dict[str, _Run] = {}

    @property
    def provider(self) -> str | None:
        """The execution provider of the expander, or None if it is not loaded."""
        expander = self._slot.loaded()
        return expander.provider if expander else None

    async def expand(self, query: str) -> Expansion:
        """Return the expansion of a query, from the cache if it is there.

        Raises:
            SetupError: the model cannot be loaded.
            ModelBusyError: too many queries wait for the model.
        """
        query = " ".join(query.split())
        key = self._key(query)
        if (known := self._known.get(key)) is not None:
            self._known.move_to_end(key)
            self.figures.hits += 1
            return replace(known, cached=True)
        run = self._running.get(key)
        if run is None or run.abandoned.is_set():
            if len(self._running) >= self._capacity:
                raise ModelBusyError("expander", waiting=len(self._running))
            run = self._running[key] = _Run()
            self.figures.misses += 1
            self._runs.start_soon(self._expand, key, query, run)
        else:
            self.figures.shared += 1
        run.waiting += 1
        try:
            await run.ended.wait()
        finally:
            run.waiting -= 1
            if not run.waiting and not run.ended.is_set():
                run.abandoned.set()
                run.scope.cancel()
        if run.error is not None:
            raise run.error
        return run.result or Expansion(())

    def close(self) -> None:
        """Make every run end after its present decode step."""
        for run in self._running.values():
            run.abandoned.set()
            run.scope.cancel()

    def forget(self, query: str) -> None:
        """Drop the cached expansion of a query, because it found nothing and would find nothing again."""
        self._known.pop(self._key(query), None)

    async def _expand(self, key: str, query: str, run: _Run) -> None:
        try:
            with run.scope:
                async with self._slot.use() as expander, self._limiter:
                    # the thread ends after its present step, and only then may the next run begin
                    with anyio.CancelScope(shield=True):
                        result = await anyio.to_thread.run_sync(
                            lambda: expander.expand(query, cancelled=run.abandoned.is_set)
                        )
                run.result = result
                if result.lines:
                    self._keep(key, result)
        except GenerationCancelled:
            pass
        except Exception as error:  # noqa: BLE001  # it belongs to the callers that wait, not to the other runs
            run.error = error
        finally:
            self.figures.cancelled += run.abandoned.is_set()
            run.ended.set()
            if self._running.get(key) is run:
                del self._running[key]

    def _keep(self, key: str, expansion: Expansion) -> None:
        self._known[key] = expansion
        self._known.move_to_end(key)
        while len(self._known) > self._kept:
            self._known.popitem(last=False)

    def _key(self, query: str) -> str:
        return f"{self._identity} {' '.join(query.split())}"


@asynccontextmanager
async def open_expansion(
    slot: Slot, *, identity: str, kept: int = KEPT, capacity: int = CAPACITY
) -> AsyncGenerator[ExpansionScheduler]:
    """Open a scheduler whose runs end with the block.

    `identity` names model, revision and prompt: expansions are cached under it.
    """
    async with background() as runs:
        scheduler = ExpansionScheduler(slot, identity=identity, runs=runs, kept=kept, capacity=capacity)
        try:
            yield scheduler
        finally:
            scheduler.close()
