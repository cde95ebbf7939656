"""Opening the engine in the background."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import NoReturn

import anyio
import anyio.lowlevel
import pytest

from qmd_mcp.application.engine_protocols import Engine
from qmd_mcp.errors import QmdError
from qmd_mcp.index_errors import EmptyIndexError
from qmd_mcp.server.process.engine_host import EngineHost
from tests.fakes import FakeEngine

pytestmark = pytest.mark.anyio


class Door:
    """Opens after as many failures as it was given."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.opened = 0
        self.closed = 0
        self.engines: list[FakeEngine] = []

    async def __call__(self) -> AbstractAsyncContextManager[Engine]:
        """Count, and fail if it is time to fail."""
        self.opened += 1
        if self.failures:
            raise self.failures.pop(0)
        return self._engine()

    @asynccontextmanager
    async def _engine(self) -> AsyncGenerator[Engine]:
        engine = FakeEngine()
        self.engines.append(engine)
        try:
            yield engine
        finally:
            self.closed += 1


async def _idle(_engine: Engine) -> NoReturn:
    while True:
        await anyio.sleep_forever()


def _host(door: Door, *, retry_seconds: float = 60) -> EngineHost:
    return EngineHost(door, while_open=_idle, retry_seconds=retry_seconds)


async def test_every_caller_waits_for_the_same_engine() -> None:
    """Two callers, one opening."""
    door = Door()
    host = _host(door)
    engines: list[Engine] = []

    async def call() -> None:
        engines.append(await host.engine())

    with anyio.fail_after(5):
        async with anyio.create_task_group() as background:
            background.start_soon(partial(host.run, unasked_after=60))
            async with anyio.create_task_group() as callers:
                callers.start_soon(call)
                callers.start_soon(call)
            background.cancel_scope.cancel()
    assert engines[0] is engines[1]
    assert (door.opened, door.closed) == (1, 1)


async def test_the_engine_is_opened_unasked_after_a_while() -> None:
    """A client may never list the tools."""
    opened = anyio.Event()

    async def tell(engine: Engine) -> NoReturn:
        opened.set()
        await _idle(engine)

    host = EngineHost(Door(), while_open=tell)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as background:
            background.start_soon(partial(host.run, unasked_after=0.01))
            await opened.wait()
            background.cancel_scope.cancel()


async def test_a_failure_is_repeated_to_every_caller_and_not_tried_again_at_once() -> None:
    """The sentence comes at once, from memory."""
    door = Door(EmptyIndexError("here"))
    host = _host(door)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as background:
            background.start_soon(partial(host.run, unasked_after=60))
            for _ in range(2):
                with pytest.raises(EmptyIndexError):
                    await host.engine()
            background.cancel_scope.cancel()
    assert door.opened == 1


@pytest.mark.parametrize("failure", [EmptyIndexError("here"), RuntimeError("a bug")])
async def test_after_a_while_the_next_caller_tries_again(failure: Exception) -> None:
    """The user has created the index meanwhile."""
    door = Door(failure)
    host = _host(door, retry_seconds=0)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as background:
            background.start_soon(partial(host.run, unasked_after=60))
            with pytest.raises((QmdError, RuntimeError)):
                await host.engine()
            await host.engine()
            background.cancel_scope.cancel()
    assert (door.opened, door.closed) == (2, 1)


async def test_an_engine_whose_generation_no_longer_serves_is_followed_by_another() -> None:
    """Calls that began with the old one end with it; it is closed some time after."""
    door = Door()
    host = EngineHost(door, while_open=FakeEngine.superseded, leaving_seconds=0)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as background:
            background.start_soon(partial(host.run, unasked_after=60))
            old = await host.engine()
            assert (door.opened, door.closed) == (1, 0)
            door.engines[0].over.set()
            while await host.engine() is old:
                await anyio.lowlevel.checkpoint()
            assert await host.engine() is door.engines[1]
            while not door.closed:
                await anyio.lowlevel.checkpoint()
            background.cancel_scope.cancel()
    assert (door.opened, door.closed) == (2, 2)


async def test_an_engine_that_cannot_be_followed_leaves_the_reason_to_every_call() -> None:
    """Until the operator has changed what hinders."""
    door = Door()
    host = EngineHost(door, while_open=FakeEngine.superseded, leaving_seconds=0)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as background:
            background.start_soon(partial(host.run, unasked_after=60))
            await host.engine()
            door.failures.append(EmptyIndexError("here"))
            door.engines[0].over.set()
            with pytest.raises(EmptyIndexError):
                while await host.engine():
                    await anyio.lowlevel.checkpoint()
            background.cancel_scope.cancel()
