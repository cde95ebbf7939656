"""Callers that wait for an expansion, and the one model that makes it."""

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
"""Expansions that are remembered, about 1 KB each."""

CAPACITY = 256
"""Queries that may be expanded or wait for it: the server's own limit of requests, a minute's work for a GPU."""


class Expands(Protocol):
    """What is scheduled."""

    provider: str

    def expand(self, query: str, *, cancelled: Callable[[], bool]) -> Expansion:
        """In a worker thread; ends between two steps when `cancelled` says so."""


class Slot(Protocol):
    """Where the expander is loaded from, once."""

    def use(self) -> AbstractAsyncContextManager[Expands]:
        """Loads it for the first who asks, and keeps it meanwhile."""

    def loaded(self) -> Expands | None:
        """If it is in memory."""


@dataclass(slots=True)
class ExpansionFigures:
    """What has happened so far."""

    hits: int = 0
    """Answered from an earlier expansion."""
    shared: int = 0
    """Answered by an expansion that was being made for another caller."""
    misses: int = 0
    """Expansions begun."""
    cancelled: int = 0
    """Expansions that nobody waited for any more, and that ended early."""


@dataclass(slots=True)
class _Run:
    """One expansion while it is made."""

    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ended: anyio.Event = field(default_factory=anyio.Event)
    abandoned: threading.Event = field(default_factory=threading.Event)
    waiting: int = 0
    result: Expansion | None = None
    error: Exception | None = None


class ExpansionScheduler:
    """Expands for awaiting callers, one query at a time; equal queries at once are one run.

    A caller that gives up leaves at once. A run that nobody waits for leaves the queue, or ends with the step in hand.
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
        """Where the expander runs, once it is loaded."""
        expander = self._slot.loaded()
        return expander.provider if expander else None

    async def expand(self, query: str) -> Expansion:
        """What the model makes of the query, or made of it before.

        Raises:
            SetupError: the model cannot be loaded.
            ModelBusyError: too many queries are waiting for it.
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
        """End every run with the step in hand."""
        for run in self._running.values():
            run.abandoned.set()
            run.scope.cancel()

    def forget(self, query: str) -> None:
        """Drop an expansion that found nothing: it would find nothing again, and another may."""
        self._known.pop(self._key(query), None)

    async def _expand(self, key: str, query: str, run: _Run) -> None:
        try:
            with run.scope:
                async with self._slot.use() as expander, self._limiter:
                    # the thread ends with the step in hand, and only then is the next let in
                    with anyio.CancelScope(shield=True):
                        result = await anyio.to_thread.run_sync(
                            lambda: expander.expand(query, cancelled=run.abandoned.is_set)
                        )
                run.result = result
                if result.lines:
                    self._keep(key, result)
        except GenerationCancelled:
            pass
        except Exception as error:  # noqa: BLE001  # it belongs to those who wait, not to the runs beside it
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
    """A scheduler whose runs end with the block; `identity` is that of model, revision and prompt."""
    async with background() as runs:
        scheduler = ExpansionScheduler(slot, identity=identity, runs=runs, kept=kept, capacity=capacity)
        try:
            yield scheduler
        finally:
            scheduler.close()
