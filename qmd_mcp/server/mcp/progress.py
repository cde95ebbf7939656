"""Telling a waiting client how far its query is."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
from anyio.abc import ObjectReceiveStream
from mcp.server.mcpserver import Context

from qmd_mcp.domain.answers import Stage


@asynccontextmanager
async def told(context: Context[Any, Any]) -> AsyncGenerator[Callable[[Stage], None]]:
    """Something that retrieval can call without waiting; every stage becomes a progress notification.

    The SDK sends none to a client that asked for none. All are sent before the answer is. Over REST there is nobody
    to tell.
    """
    if context.protocol_version is None:
        yield _nobody
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
        except Exception as error:  # noqa: BLE001  raised again below: inside it would come out in a group
            failure = error
        finally:
            finished.close()
    if failure is not None:
        raise failure


def _nobody(_stage: Stage) -> None:
    pass


async def _tell(context: Context[Any, Any], stages: ObjectReceiveStream[Stage]) -> None:
    async with stages:
        number = 0
        async for stage in stages:
            number += 1
            await context.report_progress(number, message=_sentence(stage))


def _sentence(stage: Stage) -> str:
    if not stage.ran:
        return f"{stage.name}: not run" + (f" ({stage.reason})" if stage.reason else "")
    return f"{stage.name}: done" if stage.ms is None else f"{stage.name}: {stage.ms:g} ms"
