"""Task groups that raise our own errors as they are, not within an exception group."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup

from qmd_mcp.errors import QmdError


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
