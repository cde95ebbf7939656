"""The worker threads of the embedder: how many forward passes run at once, and how many texts may wait."""

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
    """Shares the CPU between everything that runs the embedder.

    A forward pass takes one thread, and as many run at once as there are cores. On 2 cores that embeds 1.1 to 1.3 times
    as many passages as forward passes of two threads each, and a single query takes as long
    (benchmarks/results/embedder.md). Queries and passages have a lane each, so a query never queues behind an update:
    the two only share the CPU.

    A caller that is cancelled while it waits for a lane leaves at once. A forward pass that has begun cannot be
    stopped, and its caller waits for it.
    """

    def __init__(self, *, threads: int, capacity: int = CAPACITY) -> None:
        """Each lane runs `threads` forward passes at once, and `capacity` texts of queries may wait."""
        self.threads = threads
        self._capacity = capacity
        self._queries = anyio.CapacityLimiter(threads)
        self._passages = anyio.CapacityLimiter(threads)
        self._admitted = self._forwards = self._items = 0

    @property
    def figures(self) -> QueueFigures:
        """The forward passes of queries and passages together."""
        waiting = self._queued() + self._passages.statistics().tasks_waiting
        return QueueFigures("embedder", waiting=waiting, forwards=self._forwards, items=self._items)

    @contextmanager
    def admitted(self, texts: int) -> Generator[None]:
        """Count the texts of one caller from its arrival until it has its answer.

        Raises:
            ModelBusyError: too many texts already wait.
        """
        if (waiting := self._queued()) >= self._capacity:
            raise ModelBusyError("embedder", waiting=waiting)
        self._admitted += texts
        try:
            yield
        finally:
            self._admitted -= texts

    def _queued(self) -> int:
        """Return how many texts of queries cannot have a thread yet."""
        return max(self._admitted - self.threads, 0)

    async def for_query(self, forward: Callable[[], Result], *, items: int) -> Result:
        """Run one forward pass over queries of a caller that was admitted."""
        self._forwards += 1
        self._items += items
        return await anyio.to_thread.run_sync(forward, limiter=self._queries)

    async def for_passages(self, forward: Callable[[], Result], *, items: int) -> Result:
        """Run one forward pass over passages."""
        self._forwards += 1
        self._items += items
        return await anyio.to_thread.run_sync(forward, limiter=self._passages)
