"""Deadlines of callers whose model is still loading."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.to_thread
import pytest
from anyio.abc import TaskGroup

from qmd_mcp.errors import ModelError
from qmd_mcp.inference.embedding.embedding_scheduler import EmbeddingScheduler
from qmd_mcp.inference.embedding.token_scheduler import TokenScheduler
from qmd_mcp.inference.expanding.expansion_scheduler import open_expansion
from qmd_mcp.inference.reranking.rerank_scheduler import RerankScheduler
from qmd_mcp.inference.runtime.lanes import Lanes
from qmd_mcp.inference.runtime.model_slot import ModelSlot

pytestmark = pytest.mark.anyio


async def embed(slot: ModelSlot[Any]) -> None:
    await EmbeddingScheduler(slot, lanes=Lanes(threads=1)).embed_query("soup")


async def encode(slot: ModelSlot[Any]) -> None:
    def make(embedder: object) -> Any:
        raise AssertionError(embedder)

    await TokenScheduler(slot, make=make, lanes=Lanes(threads=1)).query_states("soup")


async def expand(slot: ModelSlot[Any]) -> None:
    async with open_expansion(slot, identity="m") as scheduler:
        await scheduler.expand("soup")


async def rerank(slot: ModelSlot[Any]) -> None:
    await RerankScheduler(slot).score("soup", ["lentils"])


@pytest.mark.parametrize("ask", [embed, encode, expand, rerank])
async def test_a_caller_of_any_role_need_not_wait_until_the_model_is_loaded(
    ask: Callable[[ModelSlot[Any]], Awaitable[None]], tasks: TaskGroup
) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def load() -> object:
        begun.set()
        may_end.wait(30)
        raise ModelError("The loading has ended.")

    slot = ModelSlot(load, tasks=tasks)
    async with anyio.create_task_group() as callers:
        callers.start_soon(ask, slot)
        await anyio.to_thread.run_sync(begun.wait)
        callers.cancel_scope.cancel()
    assert slot.state == "loading"
    may_end.set()
    with pytest.raises(ModelError, match="ended"), anyio.fail_after(30):
        await ask(slot)
