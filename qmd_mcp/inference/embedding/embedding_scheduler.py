"""The embedding of queries and passages for asynchronous callers."""

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
    """Runs the embedder in worker threads for callers that await its vectors.

    A caller that is cancelled leaves the queue at once, but waits for the forward passes that have begun for it.

    Queries of different callers are not merged: two or four in one forward pass save at most a sixth of their CPU time,
    and eight save nothing, because the shorter ones are padded (benchmarks/results/did_not_help.md).
    """

    def __init__(self, slot: ModelSlot[Embedder], *, lanes: Lanes) -> None:
        self._slot = slot
        self._lanes = lanes

    @property
    def figures(self) -> QueueFigures:
        """What the embedder has done, token states included."""
        return self._lanes.figures

    async def embed_query(self, text: str) -> FloatArray:
        """Embed one query: [dimension], unit length.

        Raises:
            SetupError: the model cannot be loaded, or a forward pass fails.
            ModelBusyError: too many texts wait for the model.
        """
        vector: FloatArray = (await self.embed_queries([text]))[0]
        return vector

    async def embed_queries(self, texts: Sequence[str]) -> FloatArray:
        """Embed the texts of one query in the forward passes that are done soonest: [texts, dimension], unit length.

        Raises:
            SetupError: the model cannot be loaded, or a forward pass fails.
            ModelBusyError: too many texts wait for the model.
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
        """Embed passages: [texts, dimension], unit length, in the order of the texts.

        Raises:
            SetupError: the model cannot be loaded, or a forward pass fails.
        """
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
        """The execution provider of the embedder, or None if it is not loaded."""
        embedder = self._slot.loaded()
        return embedder.provider if embedder else None
