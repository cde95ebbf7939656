"""The reranking of passages for asynchronous callers."""

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
    """Runs the reranker in worker threads; a forward pass takes all CPU threads and may serve several queries.

    Nothing is scored unless `run` is running: whoever makes a scheduler starts `run` in a task group.
    """

    def __init__(self, slot: ModelSlot[Reranker], *, capacity: int = CAPACITY) -> None:
        self._slot = slot
        self._merging: BatchScheduler[Pair, float] = BatchScheduler(role="reranker", capacity=capacity)
        self.padding = 0.0
        """The share of padding that the latest query would have had if it had been scored alone."""

    async def run(self) -> None:
        """Score what callers submit, until cancelled."""
        await self._merging.run()

    async def score(self, query: str, texts: Sequence[str], *, intent: str | None = None) -> Reranking:
        """Score passages; the logits are in the order of the texts.

        A caller that is cancelled leaves at once, whether the model is loading, its texts are being tokenized, or a
        forward pass is running.

        Raises:
            SetupError: the model cannot be loaded, or a forward pass fails.
            ModelBusyError: too much waits for the model.
        """
        async with self._slot.use() as reranker:
            encode = partial(reranker.encode, query, texts, intent=intent)
            pairs = await anyio.to_thread.run_sync(encode, abandon_on_cancel=True)
            self.padding = reranker.padding(pairs)
            outcome = await self._merging.submit(reranker, pairs)
        return Reranking(logits=np.array(outcome.results, dtype=np.float32), batches=outcome.batches)

    @property
    def load(self) -> Load:
        """How much waits for the model, and how much it has computed."""
        return self._merging.load

    @property
    def provider(self) -> str | None:
        """The execution provider of the reranker, or None if it is not loaded."""
        reranker = self._slot.loaded()
        return reranker.provider if reranker else None

    @property
    def warning(self) -> str | None:
        """Why the kind of the loaded model makes it slow, or None."""
        reranker = self._slot.loaded()
        return reranker.warning if reranker else None
