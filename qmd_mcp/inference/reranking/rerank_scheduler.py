"""The bridge from callers that wait to the reranker that computes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import anyio
import anyio.to_thread
import numpy as np

from qmd_mcp.domain.lookup import Reranking
from qmd_mcp.inference.reranking.pair_template import Pair
from qmd_mcp.inference.reranking.reranker import Reranker
from qmd_mcp.inference.runtime.merging import CAPACITY, BatchScheduler, Load
from qmd_mcp.inference.runtime.model_slot import ModelSlot


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
            pairs = await anyio.to_thread.run_sync(encode, abandon_on_cancel=True)
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
