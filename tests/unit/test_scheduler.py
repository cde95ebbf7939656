"""Waiting for models that compute."""

from __future__ import annotations

import threading
from typing import Any, cast

import anyio
import numpy as np
import pytest

from qmd_mcp.inference.embedder import Embedder
from qmd_mcp.inference.scheduler import EmbeddingScheduler, ModelSlot
from qmd_mcp.lookup import FloatArray

pytestmark = pytest.mark.anyio


class Patient:
    """Embeds when it is told to, and remembers what."""

    provider = "CPUExecutionProvider"

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may_end = threading.Event()
        self.embedded: list[str] = []

    def embed_query(self, text: str) -> FloatArray:
        self.embedded.append(text)
        self.begun.set()
        self.may_end.wait(30)
        return np.ones(1, dtype=np.float32)


async def test_a_cancelled_query_leaves_the_queue() -> None:
    patient = Patient()
    scheduler = EmbeddingScheduler(ModelSlot(lambda: cast("Embedder", patient)), threads=1)
    answered: list[Any] = []

    async def ask(text: str) -> None:
        answered.append(await scheduler.embed_query(text))

    with anyio.fail_after(30):
        async with anyio.create_task_group() as kept:
            kept.start_soon(ask, "first")
            await anyio.to_thread.run_sync(patient.begun.wait)
            async with anyio.create_task_group() as given_up:
                for number in range(10):
                    given_up.start_soon(ask, f"queued {number}")
                await anyio.lowlevel.checkpoint()
                given_up.cancel_scope.cancel()
            patient.may_end.set()
    assert (patient.embedded, len(answered)) == (["first"], 1)
