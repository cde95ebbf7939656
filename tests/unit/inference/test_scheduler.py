"""The scheduling of callers that wait for a model."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import anyio
import anyio.to_thread
import numpy as np
import pytest
from anyio.abc import TaskGroup

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.errors import ModelBusyError
from qmd_mcp.inference.embedding.embedder import Embedder
from qmd_mcp.inference.embedding.embedding_scheduler import EmbeddingScheduler
from qmd_mcp.inference.reranking.pair_template import Pair
from qmd_mcp.inference.reranking.rerank_scheduler import RerankScheduler
from qmd_mcp.inference.reranking.reranker import Reranker
from qmd_mcp.inference.runtime.lanes import Lanes
from qmd_mcp.inference.runtime.model_slot import ModelSlot

pytestmark = pytest.mark.anyio


class Patient:
    """An embedder that ends its forward pass when the test allows it, and remembers the texts."""

    provider = "CPUExecutionProvider"
    manifest = SimpleNamespace(dimension=1)

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may_end = threading.Event()
        self.embedded: list[str] = []

    def shares(self, texts: Sequence[str], *, threads: int) -> list[list[int]]:
        return [[row] for row in range(len(texts))]

    def embed_queries(self, texts: Sequence[str]) -> FloatArray:
        self.embedded += texts
        self.begun.set()
        self.may_end.wait(30)
        return np.ones((len(texts), 1), dtype=np.float32)


def slot(patient: Patient, tasks: TaskGroup) -> ModelSlot[Embedder]:
    return ModelSlot(lambda: cast("Embedder", patient), tasks=tasks)


async def begun(patient: Patient) -> None:
    await anyio.to_thread.run_sync(patient.begun.wait, abandon_on_cancel=True)


async def test_a_cancelled_query_leaves_the_queue(tasks: TaskGroup) -> None:
    patient = Patient()
    scheduler = EmbeddingScheduler(slot(patient, tasks), lanes=Lanes(threads=1))
    answered: list[Any] = []

    async def ask(text: str) -> None:
        answered.append(await scheduler.embed_query(text))

    with anyio.fail_after(30):
        async with anyio.create_task_group() as kept:
            kept.start_soon(ask, "first")
            await begun(patient)
            async with anyio.create_task_group() as given_up:
                for number in range(10):
                    given_up.start_soon(ask, f"queued {number}")
                await anyio.lowlevel.checkpoint()
                given_up.cancel_scope.cancel()
            patient.may_end.set()
    assert (patient.embedded, len(answered)) == (["first"], 1)


async def test_too_many_waiting_queries_are_refused_in_one_sentence(tasks: TaskGroup) -> None:
    patient = Patient()
    scheduler = EmbeddingScheduler(slot(patient, tasks), lanes=Lanes(threads=1, capacity=2))
    with anyio.fail_after(30):
        async with anyio.create_task_group() as waiting:
            waiting.start_soon(scheduler.embed_queries, ["first", "second", "third"])
            await begun(patient)
            with pytest.raises(ModelBusyError, match="The embedder is busy: 2 texts are waiting for it"):
                await scheduler.embed_query("one too many")
            patient.may_end.set()
    assert sorted(patient.embedded) == ["first", "second", "third"]


async def test_a_burst_is_bounded_too_not_only_what_comes_one_after_the_other(tasks: TaskGroup) -> None:
    patient = Patient()
    patient.may_end.set()
    scheduler = EmbeddingScheduler(slot(patient, tasks), lanes=Lanes(threads=1, capacity=2))
    refused: list[str] = []

    async def ask(number: int) -> None:
        try:
            await scheduler.embed_query(f"{number}")
        except ModelBusyError:
            refused.append(f"{number}")

    with anyio.fail_after(30):
        async with anyio.create_task_group() as burst:
            for number in range(50):
                burst.start_soon(ask, number)
    assert (len(patient.embedded), len(refused)) == (3, 47)
    assert scheduler.figures.waiting == 0


class SlowTokenizer:
    """A reranker whose tokenization ends when the test allows it."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may_end = threading.Event()
        self.has_ended = threading.Event()

    def encode(self, query: str, texts: Sequence[str], *, intent: str | None) -> list[Pair]:
        self.begun.set()
        self.may_end.wait(30)
        self.has_ended.set()
        return []


async def test_a_caller_that_gives_up_need_not_wait_until_its_pairs_are_tokenized(tasks: TaskGroup) -> None:
    reranker = SlowTokenizer()
    scheduler = RerankScheduler(ModelSlot(lambda: cast("Reranker", reranker), tasks=tasks))
    async with anyio.create_task_group() as callers:
        callers.start_soon(scheduler.score, "soup", ["lentils"])
        await anyio.to_thread.run_sync(reranker.begun.wait)
        callers.cancel_scope.cancel()
    assert not reranker.has_ended.is_set()
    reranker.may_end.set()
