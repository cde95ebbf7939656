"""A model that comes when it is needed and goes when it is not."""

from __future__ import annotations

import math

import anyio
import pytest

from qmd_mcp.errors import ModelError
from qmd_mcp.inference.runtime.model_slot import ModelSlot

pytestmark = pytest.mark.anyio


async def test_a_model_is_loaded_once_for_all_who_ask_for_it() -> None:
    loads: list[object] = []

    def load() -> object:
        loads.append(object())
        return loads[-1]

    slot = ModelSlot(load)
    got: list[object] = []

    async def ask() -> None:
        got.append(await slot.get())

    assert slot.state == "unloaded"
    async with anyio.create_task_group() as callers:
        for _ in range(5):
            callers.start_soon(ask)
    assert (got, len(loads), slot.state) == ([loads[0]] * 5, 1, "ready")


async def test_a_model_whose_files_are_not_there_is_absent() -> None:
    def load() -> object:
        raise ModelError("It is not there.")

    slot = ModelSlot(load, present=lambda: False)
    with pytest.raises(ModelError):
        await slot.get()
    assert (slot.state, slot.loaded()) == ("absent", None)


async def test_a_model_is_let_go_when_nobody_has_used_it_for_a_while_and_comes_back() -> None:
    slot = ModelSlot(object, idle_seconds=0.01)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(slot.unload_when_idle)
            for _ in range(2):
                async with slot.use() as model:
                    assert (slot.state, slot.loaded()) == ("ready", model)
                assert slot.state == "idle"
                while slot.state != "unloaded":
                    await anyio.lowlevel.checkpoint()
                assert slot.loaded() is None
            tasks.cancel_scope.cancel()


async def test_a_model_in_use_stays() -> None:
    slot = ModelSlot(object, idle_seconds=0.0)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(slot.unload_when_idle)
            async with slot.use() as model:
                for _ in range(100):
                    await anyio.lowlevel.checkpoint()
                assert slot.loaded() is model
            while slot.loaded() is not None:
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()


async def test_a_model_without_an_idle_time_stays_for_good() -> None:
    slot = ModelSlot(object, idle_seconds=math.inf)
    async with slot.use():
        pass
    assert slot.state == "ready"
