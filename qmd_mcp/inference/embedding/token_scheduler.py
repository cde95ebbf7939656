"""The encoding of queries and passages to token states for asynchronous callers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import anyio.to_thread
import numpy as np

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.domain.token_states import CodeArray, EncodedPassages, QueryStates
from qmd_mcp.inference.embedding.embedder import Embedder
from qmd_mcp.inference.embedding.token_encoder import TokenEncoder
from qmd_mcp.inference.runtime.lanes import Lanes
from qmd_mcp.inference.runtime.model_slot import ModelSlot
from qmd_mcp.tasks import task_group


class TokenScheduler:
    """Runs the token encoder in the embedder's worker threads for callers that await its states.

    A caller that is cancelled leaves the queue at once, but waits for the forward passes that have begun for it.
    """

    def __init__(self, slot: ModelSlot[Embedder], *, make: Callable[[Embedder], TokenEncoder], lanes: Lanes) -> None:
        """`make` runs in worker threads for each call and should be cheap: the embedder may have been reloaded."""
        self._slot = slot
        self._make = make
        self._lanes = lanes

    async def query_states(self, text: str) -> QueryStates:
        """Compute the token states of a query and its vector.

        Raises:
            SetupError: the model cannot be loaded, or the forward pass fails.
            ModelBusyError: too many texts wait for the model.
        """
        with self._lanes.admitted(1):
            async with self._slot.use() as embedder:
                return await self._lanes.for_query(lambda: self._make(embedder).query(text), items=1)

    async def encode_passages(self, texts: Sequence[str]) -> EncodedPassages:
        """Compute the vectors and packed states of passages, in the order of the texts.

        Raises:
            SetupError: the model cannot be loaded, or a forward pass fails.
        """
        vectors: list[FloatArray] = [np.empty(0, np.float32)] * len(texts)
        codes: list[CodeArray] = [np.empty((0, 0), np.uint8)] * len(texts)
        async with self._slot.use() as embedder:
            encoder = await anyio.to_thread.run_sync(self._make, embedder)

            async def encode(rows: Sequence[int], batch: Sequence[str]) -> None:
                encoded = await self._lanes.for_passages(partial(encoder.passages, batch), items=len(batch))
                for row, vector, code in zip(rows, encoded.vectors, encoded.codes, strict=True):
                    vectors[row], codes[row] = vector, code

            async with task_group() as forwards:
                for rows, batch in encoder.batches(texts):
                    forwards.start_soon(encode, rows, batch)
        return EncodedPassages(np.array(vectors), codes=tuple(codes))
