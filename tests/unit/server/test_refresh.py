"""Keeping the index up to date while it is served."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.lowlevel import checkpoint

from qmd_mcp.index_errors import ReadOnlyIndexError, WriterBusyError
from qmd_mcp.server.process.index_refresh import Refresh
from tests.fakes import FakeEngine

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def _running(refresh: Refresh, engine: FakeEngine) -> AsyncGenerator[None]:
    with anyio.fail_after(5):
        async with anyio.create_task_group() as background:
            background.start_soon(refresh.run, engine)
            yield
            background.cancel_scope.cancel()


async def test_the_index_is_updated_when_the_engine_opens() -> None:
    """Without anybody's use."""
    engine = FakeEngine()
    first = engine.updated
    async with _running(Refresh(seconds=300), engine):
        await first.wait()
    assert engine.updates == 1


async def test_use_updates_it_again_once_the_interval_is_over() -> None:
    """An interval of nothing is always over."""
    engine = FakeEngine()
    refresh = Refresh(seconds=0)
    first = engine.updated
    async with _running(refresh, engine):
        await first.wait()
        await checkpoint()
        second = engine.updated
        refresh.used()
        await second.wait()
    assert engine.updates == 2


async def test_use_within_the_interval_changes_nothing() -> None:
    """However often."""
    engine = FakeEngine()
    refresh = Refresh(seconds=300)
    first = engine.updated
    async with _running(refresh, engine):
        await first.wait()
        for _ in range(10):
            refresh.used()
            await checkpoint()
    assert engine.updates == 1


async def test_it_can_be_off() -> None:
    """No update, not even the first."""
    engine = FakeEngine()
    refresh = Refresh(seconds=None)
    async with _running(refresh, engine):
        for _ in range(10):
            refresh.used()
            await checkpoint()
    assert engine.updates == 0


@pytest.mark.parametrize(
    ("failure", "lines"),
    [
        (OSError("the disk\nis full"), ["The index could not be refreshed: OSError: the disk is full"]),
        (
            ReadOnlyIndexError("here", reason="permission denied"),
            [
                f"The index could not be refreshed: {ReadOnlyIndexError('here', reason='permission denied')}",
            ],
        ),
        (WriterBusyError("here", holder="process 7"), []),
    ],
)
async def test_a_failed_update_is_one_line_in_the_log_and_a_busy_index_is_none(
    failure: Exception, lines: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """However often it fails; the next one is tried all the same."""
    caplog.set_level(logging.WARNING)
    engine = FakeEngine(failure=failure)
    refresh = Refresh(seconds=0)
    first = engine.updated
    async with _running(refresh, engine):
        await first.wait()
        await checkpoint()
        for reason in (failure, failure, None):
            following, engine.failure = engine.updated, reason
            refresh.used()
            await following.wait()
            await checkpoint()
    assert engine.updates == 4
    assert [record.getMessage() for record in caplog.records] == lines


async def test_a_failure_that_comes_back_after_a_success_is_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    engine = FakeEngine(failure=OSError("the disk is full"))
    refresh = Refresh(seconds=0)
    first = engine.updated
    async with _running(refresh, engine):
        await first.wait()
        await checkpoint()
        for reason in (None, OSError("the disk is full")):
            following, engine.failure = engine.updated, reason
            refresh.used()
            await following.wait()
            await checkpoint()
    assert [record.getMessage() for record in caplog.records] == [
        "The index could not be refreshed: OSError: the disk is full"
    ] * 2
