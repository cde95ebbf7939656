"""The MCP application of a process, with the engine that is opened behind it."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

import anyio
from anyio.to_thread import run_sync

from qmd_mcp.application.engine_protocols import Engine, EngineSource, OpenEngine, ReadableEngine
from qmd_mcp.server.clients.audit_file import audit_of
from qmd_mcp.server.clients.client import PRESENT, STDIO
from qmd_mcp.server.mcp.mcp_application import Application
from qmd_mcp.server.mcp.tools import Tools
from qmd_mcp.server.process.engine_host import EngineHost, warm
from qmd_mcp.server.process.index_refresh import Refresh
from qmd_mcp.settings import IndexLocation, Settings

logger = logging.getLogger(__name__)

UNASKED_SECONDS = 2.0
"""After how long the engine is opened for a client that has neither listed the tools nor called one."""


@dataclass(frozen=True, slots=True)
class Served:
    """An application, and the host that opens its engine."""

    application: Application
    host: EngineHost


@asynccontextmanager
async def served(
    settings: Settings,
    location: IndexLocation,
    *,
    refresh: bool,
    load: Callable[[], OpenEngine],
    unasked_after: float,
    build: Callable[[EngineHost, EngineSource], Application],
) -> AsyncGenerator[Served]:
    """Serve all callers of the process with one engine, which is imported, opened and refreshed in the background."""

    async def opener() -> AbstractAsyncContextManager[Engine]:
        open_engine = await run_sync(load, abandon_on_cancel=True)
        return open_engine(settings, location)

    async def describe(engine: Engine) -> None:
        try:
            await application.describe(engine, contexts="without" if location.project else "with")
        except Exception as error:  # noqa: BLE001  the general instructions are kept
            logger.info("The instructions could not be made from the index: %s", error)

    async def accompany(engine: Engine) -> None:
        await describe(engine)
        await warm(engine)
        async with anyio.create_task_group() as group:
            group.start_soon(refreshing.run, engine)
            await engine.superseded()
            group.cancel_scope.cancel()

    async def engine() -> ReadableEngine:
        refreshing.used()
        return PRESENT.get().engine(await host.engine())

    refreshing = Refresh(seconds=settings.refresh_seconds if refresh else None, afterwards=describe)
    host = EngineHost(opener, while_open=accompany)
    application = build(host, engine)
    async with anyio.create_task_group() as background:
        background.start_soon(partial(host.run, unasked_after=unasked_after))
        yield Served(application, host)
        background.cancel_scope.cancel()


async def converse(
    settings: Settings, location: IndexLocation, *, refresh: bool, load: Callable[[], OpenEngine]
) -> None:
    """Serve one client until standard input ends.

    The engine is imported and opened once the client has listed the tools: earlier, it would delay that answer.
    """
    PRESENT.set(STDIO)
    async with served(
        settings,
        location,
        refresh=refresh,
        load=load,
        unasked_after=UNASKED_SECONDS,
        build=lambda host, engine: Application(
            Tools(engine, structured=settings.structured), listed=host.ask, audit=audit_of(settings.audit)
        ),
    ) as serving:
        try:
            await serving.application.run_stdio_async()
        except* ConnectionError:  # the client went away in the middle of an answer, so that nobody can be told
            sys.unraisablehook = _report_unless_broken_pipe
        _keep_off_the_wire()


def _report_unless_broken_pipe(unraisable: sys.UnraisableHookArgs) -> None:
    """Report an error of a finalizer, except that of the SDK's output stream once its reader has gone.

    That stream still holds the rest of the answer. From Python 3.13 on, its finalizer reports that it cannot write it.
    """
    if not isinstance(unraisable.exc_value, BrokenPipeError):
        sys.__unraisablehook__(unraisable)


def _keep_off_the_wire() -> None:
    """Send what libraries print while they close to standard error; the SDK does that only while it serves."""
    with suppress(OSError):
        os.dup2(2, 1)
