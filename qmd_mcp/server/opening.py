"""Opening the engine in the background and lending it to every call."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Literal, NoReturn, TypeAlias

import anyio

from qmd_mcp.errors import QmdError
from qmd_mcp.server.port import Engine

logger = logging.getLogger(__name__)

RETRY_SECONDS = 3.0
"""Between two attempts: what hinders is a person's to mend, and every attempt reads the disk."""

State: TypeAlias = Literal["opening", "open", "failed"]

Opener: TypeAlias = Callable[[], Awaitable[AbstractAsyncContextManager[Engine]]]


class EngineHost:
    """Opens the engine when first asked, keeps it open until cancelled, and tries again after a failure.

    One task enters and leaves the engine's context, because a cancel scope may not change tasks.
    """

    def __init__(
        self,
        opener: Opener,
        *,
        while_open: Callable[[Engine], Awaitable[NoReturn]],
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._opener = opener
        self._while_open = while_open
        self._retry_seconds = retry_seconds
        self._asked = anyio.Event()
        self._settled = anyio.Event()
        self._outcome: Engine | Exception = RuntimeError("nobody has asked for the engine yet")
        self._retry_at = math.inf

    @property
    def state(self) -> State:
        """How far it is, for whoever only looks."""
        if not self._settled.is_set():
            return "opening"
        return "failed" if isinstance(self._outcome, Exception) else "open"

    def ask(self) -> None:
        """Begin to open, unless somebody asked before."""
        self._asked.set()

    async def engine(self) -> Engine:
        """Wait until the engine is open.

        Raises:
            SetupError: it cannot be opened now, or could not a moment ago.
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

    async def run(self, *, unasked_after: float) -> NoReturn:
        """Open when asked, or unasked after so many seconds; ends only by cancellation."""
        with anyio.move_on_after(unasked_after):
            await self._asked.wait()
        while True:
            try:
                async with await self._opener() as engine:
                    self._settle(engine)
                    await self._while_open(engine)
            except QmdError as error:
                self._fail(error)
            except Exception as error:
                logger.exception("The engine failed")
                self._fail(error)
            await self._asked.wait()

    def _fail(self, error: Exception) -> None:
        self._retry_at = anyio.current_time() + self._retry_seconds
        self._asked = anyio.Event()
        self._settle(error)

    def _settle(self, outcome: Engine | Exception) -> None:
        self._outcome = outcome
        self._settled.set()
