"""The bridge from callers that wait to models that compute."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from qmd_mcp.domain.figures import QueueFigures
from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.inference.embedding.embedder import Embedder
from qmd_mcp.inference.runtime.lanes import Lanes
from qmd_mcp.inference.runtime.model_slot import ModelSlot
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
