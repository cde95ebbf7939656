"""Task groups that raise our own errors as they are, not within an exception group."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar, overload

import anyio
from anyio.abc import TaskGroup

from qmd_mcp.errors import QmdError

First = TypeVar("First")
Second = TypeVar("Second")
Third = TypeVar("Third")
Fourth = TypeVar("Fourth")


@asynccontextmanager
async def task_group() -> AsyncGenerator[TaskGroup]:
    """Give an anyio task group that raises an error of ours itself, so that callers can catch it by its class.

    Raises:
        QmdError: the first one that a task has raised.
    """
    try:
        async with anyio.create_task_group() as group:
            yield group
    except BaseExceptionGroup as errors:
        ours: BaseException | None = errors.subgroup(QmdError)
        while isinstance(ours, BaseExceptionGroup):
            ours = ours.exceptions[0]
        if ours is not None:
            raise ours from None
        raise


@asynccontextmanager
async def background() -> AsyncGenerator[TaskGroup]:
    """Give a task group whose tasks are cancelled when the block ends; an error of the block is raised as it is."""
    failure: Exception | None = None
    async with task_group() as group:
        try:
            yield group
        except Exception as error:  # noqa: BLE001  raised below, outside the task group, which would wrap it
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure


@overload
async def concurrently(
    first: Callable[[], Awaitable[First]], second: Callable[[], Awaitable[Second]], /
) -> tuple[First, Second]: ...
@overload
async def concurrently(
    first: Callable[[], Awaitable[First]],
    second: Callable[[], Awaitable[Second]],
    third: Callable[[], Awaitable[Third]],
    fourth: Callable[[], Awaitable[Fourth]],
    /,
) -> tuple[First, Second, Third, Fourth]: ...
@overload
async def concurrently(*calls: Callable[[], Awaitable[First]]) -> tuple[First, ...]: ...


async def concurrently(*calls: Callable[[], Awaitable[Any]]) -> tuple[Any, ...]:
    """Run several calls at the same time and return their results in the order of the calls.

    Raises:
        QmdError: the first that a call raised; the other calls are cancelled.
    """
    results: dict[int, Any] = {}

    async def run(number: int, call: Callable[[], Awaitable[Any]]) -> None:
        results[number] = await call()

    async with task_group() as group:
        for number, call in enumerate(calls):
            group.start_soon(run, number, call)
    return tuple(results[number] for number in range(len(calls)))
