"""The worker threads of one embedder: how many forwards run at once, and how many callers may wait."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

import anyio
import anyio.to_thread

from qmd_mcp.domain.figures import QueueFigures
from qmd_mcp.errors import ModelBusyError
from qmd_mcp.inference.runtime.merging import CAPACITY

Result = TypeVar("Result")


class Lanes:
    """Shared by everything that runs the embedder, so that together they take no more threads than there are.

    A forward takes one thread, and as many run at once as there are processors: on 2 cores that embeds 1.1 to 1.3
    times as many passages as forwards of two threads each, and a single query takes as long (benchmarks). Queries and
    passages have a lane each, so that a query never waits for more of an update than shares the processor with it.
    """

    def __init__(self, *, threads: int, capacity: int = CAPACITY) -> None:
        self.threads = threads
        self._capacity = capacity
        self._queries = anyio.CapacityLimiter(threads)
        self._passages = anyio.CapacityLimiter(threads)
        self._admitted = self._forwards = self._items = 0

    @property
    def figures(self) -> QueueFigures:
        """Forwards of queries and of passages together."""
        waiting = self._queued() + self._passages.statistics().tasks_waiting
        return QueueFigures("embedder", waiting=waiting, forwards=self._forwards, items=self._items)

    @contextmanager
    def admitted(self, texts: int) -> Generator[None]:
        """Room for the texts of one caller, from its coming until it has its answer.

        Raises:
            ModelBusyError: too many texts wait already.
        """
        if (waiting := self._queued()) >= self._capacity:
            raise ModelBusyError("embedder", waiting=waiting)
        self._admitted += texts
        try:
            yield
        finally:
            self._admitted -= texts

    def _queued(self) -> int:
        """Texts of queries that no thread can have begun."""
        return max(self._admitted - self.threads, 0)

    async def for_query(self, forward: Callable[[], Result], *, items: int) -> Result:
        """One forward over queries, for a caller that was admitted."""
        self._forwards += 1
        self._items += items
        return await anyio.to_thread.run_sync(forward, limiter=self._queries)

    async def for_passages(self, forward: Callable[[], Result], *, items: int) -> Result:
        """One forward over passages."""
        self._forwards += 1
        self._items += items
        return await anyio.to_thread.run_sync(forward, limiter=self._passages)
