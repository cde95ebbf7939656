"""The loading and unloading of a model that several callers use."""

from __future__ import annotations

import math
import threading

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from anyio.abc import TaskGroup

from qmd_mcp.errors import EngineClosingError, ModelError
from qmd_mcp.inference.runtime.model_slot import ModelSlot
from qmd_mcp.tasks import background

pytestmark = pytest.mark.anyio


async def test_a_model_is_loaded_once_for_all_who_ask_for_it(tasks: TaskGroup) -> None:
    loads: list[object] = []

    def load() -> object:
        loads.append(object())
        return loads[-1]

    slot = ModelSlot(load, tasks=tasks)
    got: list[object] = []

    async def ask() -> None:
        async with slot.use() as model:
            got.append(model)

    assert slot.state == "unloaded"
    async with anyio.create_task_group() as callers:
        for _ in range(5):
            callers.start_soon(ask)
    assert (got, len(loads), slot.state) == ([loads[0]] * 5, 1, "ready")


async def test_a_model_whose_files_are_not_there_is_absent(tasks: TaskGroup) -> None:
    def load() -> object:
        raise ModelError("It is not there.")

    slot = ModelSlot(load, tasks=tasks, present=lambda: False)
    with pytest.raises(ModelError):
        async with slot.use():
            pass
    assert (slot.state, slot.loaded()) == ("absent", None)


async def test_a_model_is_let_go_when_nobody_has_used_it_for_a_while_and_comes_back(tasks: TaskGroup) -> None:
    slot = ModelSlot(object, tasks=tasks, idle_seconds=0.01)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as unloading:
            unloading.start_soon(slot.unload_when_idle)
            for _ in range(2):
                async with slot.use() as model:
                    assert (slot.state, slot.loaded()) == ("ready", model)
                assert slot.state == "idle"
                while slot.state != "unloaded":
                    await anyio.lowlevel.checkpoint()
                assert slot.loaded() is None
            unloading.cancel_scope.cancel()


async def test_a_model_in_use_stays(tasks: TaskGroup) -> None:
    slot = ModelSlot(object, tasks=tasks, idle_seconds=0.0)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as unloading:
            unloading.start_soon(slot.unload_when_idle)
            async with slot.use() as model:
                for _ in range(100):
                    await anyio.lowlevel.checkpoint()
                assert slot.loaded() is model
            while slot.loaded() is not None:
                await anyio.lowlevel.checkpoint()
            unloading.cancel_scope.cancel()


async def test_a_model_without_an_idle_time_stays_for_good(tasks: TaskGroup) -> None:
    slot = ModelSlot(object, tasks=tasks, idle_seconds=math.inf)
    async with slot.use():
        pass
    assert slot.state == "ready"


class SlowLoad:
    """A load that ends when the test allows it."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may_end = threading.Event()
        self.models: list[object] = []

    def __call__(self) -> object:
        self.begun.set()
        self.may_end.wait(30)
        self.models.append(object())
        return self.models[-1]

    async def has_begun(self) -> None:
        await anyio.to_thread.run_sync(self.begun.wait, abandon_on_cancel=True)


async def use(slot: ModelSlot[object]) -> object:
    async with slot.use() as model:
        return model


async def test_a_caller_that_gives_up_while_the_model_loads_leaves_at_once_and_the_loading_goes_on(
    tasks: TaskGroup,
) -> None:
    load = SlowLoad()
    slot = ModelSlot(load, tasks=tasks)
    async with anyio.create_task_group() as callers:
        callers.start_soon(use, slot)
        callers.start_soon(use, slot)
        await load.has_begun()
        callers.cancel_scope.cancel()
    assert (slot.state, load.models) == ("loading", [])
    load.may_end.set()
    assert [await use(slot)] == load.models
    assert (len(load.models), slot.state) == (1, "ready")


async def test_a_caller_without_time_begins_the_loading_that_the_next_one_waits_for(tasks: TaskGroup) -> None:
    load = SlowLoad()
    slot = ModelSlot(load, tasks=tasks)
    with anyio.move_on_after(0) as deadline:
        await use(slot)
    assert (deadline.cancelled_caught, slot.state) == (True, "loading")
    with anyio.fail_after(30):
        await load.has_begun()
        load.may_end.set()
        assert [await use(slot)] == load.models


async def test_a_caller_that_gives_up_takes_the_model_from_nobody_else(tasks: TaskGroup) -> None:
    load, answers = SlowLoad(), list[object]()
    slot = ModelSlot(load, tasks=tasks)

    async def stay() -> None:
        answers.append(await use(slot))

    with anyio.fail_after(30):
        async with anyio.create_task_group() as staying:
            async with anyio.create_task_group() as leaving:
                leaving.start_soon(use, slot)
                await load.has_begun()
                staying.start_soon(stay)
                await anyio.lowlevel.checkpoint()
                leaving.cancel_scope.cancel()
            assert not answers
            load.may_end.set()
    assert answers == load.models


async def test_a_loading_that_fails_after_its_caller_has_gone_is_tried_again(tasks: TaskGroup) -> None:
    may_end, loads = threading.Event(), list[int]()

    def load() -> str:
        loads.append(len(loads))
        may_end.wait(30)
        if len(loads) == 1:
            raise ModelError("The graph is broken.")
        return "model"

    slot = ModelSlot(load, tasks=tasks)
    with anyio.move_on_after(0):
        await use(slot)
    may_end.set()
    with anyio.fail_after(30):
        while slot.state == "loading":
            await anyio.lowlevel.checkpoint()
        assert slot.state == "unloaded"
        assert await use(slot) == "model"


async def test_the_error_of_a_loading_is_that_of_every_caller_that_waits_for_it(tasks: TaskGroup) -> None:
    loads, errors = list[int](), list[str]()

    def load() -> object:
        loads.append(len(loads))
        raise ModelError("The graph is broken.")

    slot = ModelSlot(load, tasks=tasks)

    async def ask() -> None:
        try:
            await use(slot)
        except ModelError as error:
            errors.append(str(error))

    async with anyio.create_task_group() as callers:
        for _ in range(3):
            callers.start_soon(ask)
    assert (errors, len(loads)) == (["The graph is broken."] * 3, 1)


async def test_a_caller_whose_engine_closes_while_the_model_is_being_asked_for_is_told_so() -> None:
    told: list[EngineClosingError] = []

    async def call(slot: ModelSlot[str]) -> None:
        try:
            async with slot.use():
                raise AssertionError
        except EngineClosingError as error:
            told.append(error)

    with anyio.fail_after(20):
        async with anyio.create_task_group() as callers, background() as tasks:
            slot = ModelSlot(lambda: "model", tasks=tasks)
            callers.start_soon(call, slot)
            callers.start_soon(call, slot)
            await anyio.lowlevel.checkpoint()  # both have asked, and no thread has begun
    assert len(told) == 2


async def test_every_caller_that_comes_after_the_engine_has_closed_is_told_so() -> None:
    async with background() as tasks:
        slot = ModelSlot(lambda: "model", tasks=tasks)
    for _ in range(2):
        with anyio.fail_after(20), pytest.raises(EngineClosingError):
            async with slot.use():
                raise AssertionError
