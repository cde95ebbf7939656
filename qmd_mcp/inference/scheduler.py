"""The bridge from callers that wait to models that compute."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import anyio
import anyio.to_thread
import numpy as np

from qmd_mcp.figures import QueueFigures
from qmd_mcp.inference.embedder import Embedder
from qmd_mcp.inference.lanes import Lanes
from qmd_mcp.inference.merging import CAPACITY, BatchScheduler, Load
from qmd_mcp.inference.reranker import Reranker
from qmd_mcp.inference.slot import ModelSlot
from qmd_mcp.inference.template import Pair
from qmd_mcp.lookup import FloatArray, Reranking
from qmd_mcp.tasks import task_group


class EmbeddingScheduler:
    """Embeds for awaiting callers, in worker threads.

    Queries of several callers are not merged: two or four in a forward save a sixth of their processor time at most,
    eight nothing, since the shorter ones are padded (benchmarks).
    """

    def __init__(self, slot: ModelSlot[Embedder], *, lanes: Lanes) -> None:
        self._slot = slot
        self._lanes = lanes

    @property
    def figures(self) -> QueueFigures:
        """Everything that the embedder did, token states included."""
        return self._lanes.figures

    async def embed_query(self, text: str) -> FloatArray:
        """[dimension], unit length.

        Raises:
            SetupError: the model cannot be loaded or fails.
            ModelBusyError: too much is waiting for it.
        """
        vector: FloatArray = (await self.embed_queries([text]))[0]
        return vector

    async def embed_queries(self, texts: Sequence[str]) -> FloatArray:
        """[texts, dimension], unit length, in input order: what belongs to one query, as few forwards as are fastest.

        Raises:
            SetupError: the model cannot be loaded or fails.
            ModelBusyError: too much is waiting for it.
        """
        with self._lanes.admitted(len(texts)):
            async with self._slot.use() as embedder:
                vectors = np.empty((len(texts), embedder.manifest.dimension), dtype=np.float32)

                async def embed(rows: list[int]) -> None:
                    forward = partial(embedder.embed_queries, [texts[row] for row in rows])
                    vectors[rows] = await self._lanes.for_query(forward, items=len(rows))

                async with task_group() as forwards:
                    for rows in embedder.shares(texts, threads=self._lanes.threads):
                        forwards.start_soon(embed, rows)
                return vectors

    async def embed_passages(self, texts: Sequence[str]) -> FloatArray:
        """[texts, dimension], unit length, in input order; cancellation takes effect after the batches in hand."""
        async with self._slot.use() as embedder:
            vectors = np.empty((len(texts), embedder.manifest.dimension), dtype=np.float32)

            async def embed(rows: list[int], batch: list[str]) -> None:
                forward = partial(embedder.embed_batch, batch)
                vectors[rows] = await self._lanes.for_passages(forward, items=len(batch))

            async with task_group() as forwards:
                for rows, batch in embedder.batches(texts):
                    forwards.start_soon(embed, rows, batch)
            return vectors

    @property
    def provider(self) -> str | None:
        """Where the embedder runs, once it is loaded."""
        embedder = self._slot.loaded()
        return embedder.provider if embedder else None


class RerankScheduler:
    """Scores for awaiting callers: one forward at a time with all threads, in which several queries may meet.

    `run` must be running, in a task group of whoever opens it.
    """

    def __init__(self, slot: ModelSlot[Reranker], *, capacity: int = CAPACITY) -> None:
        self._slot = slot
        self._merging: BatchScheduler[Pair, float] = BatchScheduler(role="reranker", capacity=capacity)
        self.padding = 0.0
        """Share of padding in what the latest query took, had it been alone."""

    async def run(self) -> None:
        """Work until cancelled."""
        await self._merging.run()

    async def score(self, query: str, texts: Sequence[str], *, intent: str | None = None) -> Reranking:
        """Logits in input order; cancelled, it stops at once.

        Raises:
            SetupError: the model cannot be loaded or fails.
            ModelBusyError: too much is waiting for it.
        """
        async with self._slot.use() as reranker:
            encode = partial(reranker.encode, query, texts, intent=intent)
            pairs = await anyio.to_thread.run_sync(encode)
            self.padding = reranker.padding(pairs)
            outcome = await self._merging.submit(reranker, pairs)
        return Reranking(logits=np.array(outcome.results, dtype=np.float32), batches=outcome.batches)

    @property
    def load(self) -> Load:
        """What waits, and what was computed."""
        return self._merging.load

    @property
    def provider(self) -> str | None:
        """Where the reranker runs, once it is loaded."""
        reranker = self._slot.loaded()
        return reranker.provider if reranker else None

    @property
    def warning(self) -> str | None:
        """What is slow about the model by its form, once it is loaded."""
        reranker = self._slot.loaded()
        return reranker.warning if reranker else None
