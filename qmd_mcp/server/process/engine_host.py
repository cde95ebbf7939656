"""Opening the engine in the background and lending it to every call."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

import anyio
from anyio.abc import TaskGroup

from qmd_mcp.application.engine_protocols import Engine, EngineState
from qmd_mcp.errors import QmdError

logger = logging.getLogger(__name__)

RETRY_SECONDS = 3.0
"""How long a failure is repeated from memory before opening is tried again: a person has to remove the cause, and every
attempt reads the disk."""

LEAVING_SECONDS = 10.0
"""How long an engine stays open once it has a successor, so that the calls that began with it can end with it."""

Opener: TypeAlias = Callable[[], Awaitable[AbstractAsyncContextManager[Engine]]]


class EngineHost:
    """Opens the engine when it is first needed, keeps it open until cancelled, and tries again after a failure.

    When the index has been rebuilt and an engine still serves the old generation, a successor is opened and warmed
    beside it and takes its place; calls in progress end with the engine that they began with. The context of an engine
    is entered and left by the same task, because anyio requires that of cancel scopes.
    """

    def __init__(
        self,
        opener: Opener,
        *,
        while_open: Callable[[Engine], Awaitable[None]],
        retry_seconds: float = RETRY_SECONDS,
        leaving_seconds: float = LEAVING_SECONDS,
    ) -> None:
        """Open engines with `opener`; `while_open` runs beside each one and returns when it needs a successor."""
        self._opener = opener
        self._while_open = while_open
        self._retry_seconds = retry_seconds
        self._leaving_seconds = leaving_seconds
        self._asked = anyio.Event()
        self._settled = anyio.Event()
        self._outcome: Engine | Exception = RuntimeError("nobody has asked for the engine yet")
        self._retry_at = math.inf

    @property
    def state(self) -> EngineState:
        """Return how far the engine is, without waiting for it."""
        if not self._settled.is_set():
            return "opening"
        return "failed" if isinstance(self._outcome, Exception) else "open"

    @property
    def opened(self) -> Engine | None:
        """Return the engine if it is open, without waiting for it."""
        return self._outcome if self._settled.is_set() and not isinstance(self._outcome, Exception) else None

    def ask(self) -> None:
        """Begin to open the engine, unless that has begun already."""
        self._asked.set()

    async def engine(self) -> Engine:
        """Wait until the engine is open.

        Raises:
            SetupError: the engine cannot be opened, or could not be opened less than `retry_seconds` ago.
        """
        if anyio.current_time() >= self._retry_at:
            self._retry_at = math.inf
            self._settled = anyio.Event()
        if not self._settled.is_set():
            self._asked.set()
            await self._settled.wait()
        if isinstance(self._outcome, Exception):
            raise self._outcome.with_traceback(None)
        return self._outcome

    async def run(self, *, unasked_after: float) -> None:
        """Open the engine when asked, or after so many seconds without being asked; ends only by cancellation."""
        with anyio.move_on_after(unasked_after):
            await self._asked.wait()
        async with anyio.create_task_group() as holders:
            holders.start_soon(self._hold, holders)
            await anyio.sleep_forever()

    async def _hold(self, holders: TaskGroup, settled: anyio.Event | None = None) -> None:
        """Keep one engine open until a successor has replaced it; set `settled` once it is usable or has failed."""
        while True:
            try:
                async with await self._opener() as engine:
                    if settled is not None:
                        await warm(engine)
                        settled.set()
                    self._settle(engine)
                    await self._while_open(engine)
                    succeeded = anyio.Event()
                    holders.start_soon(self._hold, holders, succeeded)
                    await succeeded.wait()
                    await anyio.sleep(self._leaving_seconds)
                    return
            except QmdError as error:
                self._fail(error)
            except Exception as error:
                logger.exception("The engine failed")
                self._fail(error)
            if settled is not None:
                settled.set()
            await self._asked.wait()

    def _fail(self, error: Exception) -> None:
        self._retry_at = anyio.current_time() + self._retry_seconds
        self._asked = anyio.Event()
        self._settle(error)

    def _settle(self, outcome: Engine | Exception) -> None:
        self._outcome = outcome
        self._settled.set()


async def warm(engine: Engine) -> None:
    """Load the models ahead of the first query, if they can be loaded."""
    try:
        await engine.warm()
    except Exception as error:  # noqa: BLE001  the call that needs the missing model says so
        logger.info("The models could not be loaded ahead: %s", error)
