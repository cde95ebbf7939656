"""Keeping the index up to date while it is being served."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from typing import NoReturn

import anyio

from qmd_mcp.application.engine_protocols import Engine
from qmd_mcp.errors import WriterBusyError

logger = logging.getLogger(__name__)


class Refresh:
    """Updates the index when the engine opens and then on use, at most every so many seconds; never in a call's way."""

    def __init__(self, *, seconds: float | None, afterwards: Callable[[Engine], Awaitable[None]] | None = None) -> None:
        """Without seconds it never does."""
        self._afterwards = afterwards
        self._seconds = math.inf if seconds is None else seconds
        self._due = anyio.Event()
        self._earliest = math.inf

    def used(self) -> None:
        """Somebody uses the index: its turn, if enough time has passed."""
        if anyio.current_time() >= self._earliest:
            self._due.set()

    async def run(self, engine: Engine) -> NoReturn:
        """Update now and whenever it is due; ends only by cancellation."""
        if math.isinf(self._seconds):
            await anyio.sleep_forever()
        while True:
            self._earliest = math.inf
            await _update(engine)
            if self._afterwards is not None:
                await self._afterwards(engine)
            self._due = anyio.Event()
            self._earliest = anyio.current_time() + self._seconds
            await self._due.wait()


async def _update(engine: Engine) -> None:
    try:
        await engine.writing.update(wait_seconds=0)
    except WriterBusyError as error:
        logger.info("The index is not refreshed now: %s", error)
    except Exception as error:  # noqa: BLE001  a failed refresh leaves the index as it was: searching goes on
        sentence = " ".join(str(error).split())
        logger.warning("The index could not be refreshed: %s: %s", type(error).__name__, sentence)
