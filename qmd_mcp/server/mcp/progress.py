"""Progress notifications: telling a waiting client which stages of its query have ended."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
from anyio.abc import ObjectReceiveStream
from mcp.server.mcpserver import Context

from qmd_mcp.domain.answers import Stage
from qmd_mcp.visible_text import one_line


@asynccontextmanager
async def told(context: Context[Any, Any] | None) -> AsyncGenerator[Callable[[Stage], None] | None]:
    """Yield what retrieval calls with each stage, without waiting; every stage becomes a progress notification.

    All of them are sent before the answer is. None is yielded if the client asked for no progress, and over REST, where
    there is no client to notify.
    """
    if context is None or not _asked_for_progress(context):
        yield None
        return
    finished, stages = anyio.create_memory_object_stream[Stage](math.inf)
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(_tell, context, stages)

        def tell(stage: Stage) -> None:
            with suppress(anyio.BrokenResourceError):  # the call was cancelled while the stage was ending
                finished.send_nowait(stage)

        try:
            yield tell
        except Exception as error:  # noqa: BLE001  raised again below: the task group would wrap it in an ExceptionGroup
            failure = error
        finally:
            finished.close()
    if failure is not None:
        raise failure


def _asked_for_progress(context: Context[Any, Any]) -> bool:
    return context.protocol_version is not None and "progress_token" in (context.request_context.meta or {})


async def _tell(context: Context[Any, Any], stages: ObjectReceiveStream[Stage]) -> None:
    async with stages:
        number = 0
        async for stage in stages:
            number += 1
            await context.report_progress(number, message=sentence_of(stage))


def sentence_of(stage: Stage) -> str:
    """Word a stage for the person who waits."""
    if not stage.ran:
        return one_line(f"{stage.name}: not run" + (f" ({stage.reason})" if stage.reason else ""))
    return one_line(f"{stage.name}: done" if stage.ms is None else f"{stage.name}: {stage.ms:g} ms")
