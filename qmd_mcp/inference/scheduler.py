"""The one bridge from callers that wait to models that compute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Literal, TypeVar

import anyio
import anyio.to_thread
import numpy as np

from qmd_mcp.inference.embedder import Embedder
from qmd_mcp.lookup import FloatArray
from qmd_mcp.tasks import task_group

Model = TypeVar("Model")


class ModelSlot(Generic[Model]):
    """A model that is loaded when it is first needed, once, in a worker thread."""

    def __init__(self, load: Callable[[], Model]) -> None:
        self._load = load
        self._model: Model | None = None
        self._lock = anyio.Lock()
        self.state: Literal["unloaded", "loading", "ready"] = "unloaded"

    async def get(self) -> Model:
        """The model, loaded by whoever comes first; the others wait.

        Raises:
            SetupError: it cannot be loaded; the next call tries again.
        """
        async with self._lock:
            if self._model is None:
                self.state = "loading"
                try:
                    self._model = await anyio.to_thread.run_sync(self._load)
                finally:
                    self.state = "unloaded" if self._model is None else "ready"
            return self._model

    def loaded(self) -> Model | None:
        """The model if it is in memory."""
        return self._model


class EmbeddingScheduler:
    """Embeds for awaiting callers, in worker threads.

    A forward takes one thread, and as many run at once as there are processors: on 2 cores that embeds 1.1 to 1.3
    times as many passages as forwards of two threads each, and a single query takes as long (benchmarks). Queries and
    passages have a lane each, so that a query never waits for more of an update than shares the processor with it.
    """

    def __init__(self, slot: ModelSlot[Embedder], *, threads: int) -> None:
        self._slot = slot
        self._queries = anyio.CapacityLimiter(threads)
        self._passages = anyio.CapacityLimiter(threads)

    async def embed_query(self, text: str) -> FloatArray:
        """[dimension], unit length."""
        embedder = await self._slot.get()
        return await anyio.to_thread.run_sync(embedder.embed_query, text, limiter=self._queries)

    async def embed_passages(self, texts: Sequence[str]) -> FloatArray:
        """[texts, dimension], unit length, in input order; cancellation takes effect after the batches in hand."""
        embedder = await self._slot.get()
        vectors = np.empty((len(texts), embedder.manifest.dimension), dtype=np.float32)

        async def embed(rows: list[int], batch: list[str]) -> None:
            vectors[rows] = await anyio.to_thread.run_sync(embedder.embed_batch, batch, limiter=self._passages)

        async with task_group() as forwards:
            for rows, batch in embedder.batches(texts):
                forwards.start_soon(embed, rows, batch)
        return vectors

    @property
    def provider(self) -> str | None:
        """Where the embedder runs, once it is loaded."""
        embedder = self._slot.loaded()
        return embedder.provider if embedder else None
