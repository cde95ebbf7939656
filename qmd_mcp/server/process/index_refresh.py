"""Keeping the index up to date while it is being served."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from typing import NoReturn

import anyio

from qmd_mcp.application.engine_protocols import Engine
from qmd_mcp.errors import SetupError
from qmd_mcp.index_errors import WriterBusyError

logger = logging.getLogger(__name__)


class Refresh:
    """Updates the index when the engine opens, and later when the index is used; never while a call waits for it."""

    def __init__(self, *, seconds: float | None, afterwards: Callable[[Engine], Awaitable[None]] | None = None) -> None:
        """Update at most every `seconds`, or never if it is None; `afterwards` is called after each update."""
        self._afterwards = afterwards
        self._seconds = math.inf if seconds is None else seconds
        self._due = anyio.Event()
        self._earliest = math.inf
        self._last_warning = ""

    def used(self) -> None:
        """Note that the index is used, which makes an update due if enough time has passed."""
        if anyio.current_time() >= self._earliest:
            self._due.set()

    async def run(self, engine: Engine) -> NoReturn:
        """Update now and whenever it is due; ends only by cancellation."""
        if math.isinf(self._seconds):
            await anyio.sleep_forever()
        while True:
            self._earliest = math.inf
            await self._update(engine)
            if self._afterwards is not None:
                await self._afterwards(engine)
            self._due = anyio.Event()
            self._earliest = anyio.current_time() + self._seconds
            await self._due.wait()

    async def _update(self, engine: Engine) -> None:
        """Update the index; if that fails, the index stays as it was and is still searched.

        A failure that lasts, such as an index that may not be written, is logged once.
        """
        try:
            await engine.writing.update(wait_seconds=0)
        except WriterBusyError as error:
            logger.info("The index is not refreshed now: %s", error)
        except SetupError as error:
            self._warn(str(error))
        except Exception as error:  # noqa: BLE001  the sentences below say what failed
            self._warn(f"{type(error).__name__}: {error}")
        else:
            self._last_warning = ""

    def _warn(self, reason: str) -> None:
        sentence = " ".join(reason.split())
        if sentence != self._last_warning:
            logger.warning("The index could not be refreshed: %s", sentence)
        self._last_warning = sentence
