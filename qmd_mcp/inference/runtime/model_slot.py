"""The place of a model that comes when it is needed and goes when it is not."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Generic, Literal, TypeAlias, TypeVar

import anyio
import anyio.to_thread

Model = TypeVar("Model")
SlotState: TypeAlias = Literal["absent", "unloaded", "loading", "ready", "idle"]


class ModelSlot(Generic[Model]):
    """A model that is loaded when it is first needed, once, in a worker thread, and stays for a while.

    `present` says whether its files are there. With `idle_seconds` and `unload_when_idle` running, it is let go when
    nobody has used it for so long.
    """

    def __init__(
        self,
        load: Callable[[], Model],
        *,
        present: Callable[[], bool] = lambda: True,
        idle_seconds: float = math.inf,
    ) -> None:
        self._load = load
        self._present = present
        self._idle_seconds = idle_seconds
        self._model: Model | None = None
        self._loading = False
        self._lock = anyio.Lock()
        self._users = 0
        self._last_used = -math.inf
        self._loaded = anyio.Event()

    @property
    def state(self) -> SlotState:
        """`idle` is a model in memory that nobody uses and whose time runs out."""
        if self._loading:
            return "loading"
        if self._model is None:
            return "unloaded" if self._present() else "absent"
        return "idle" if self._users == 0 and self._idle_seconds < math.inf else "ready"

    async def get(self) -> Model:
        """The model, loaded by whoever comes first; the others wait.

        Raises:
            SetupError: it cannot be loaded; the next call tries again.
        """
        async with self._lock:
            if self._model is None:
                self._loading = True
                try:
                    self._model = await anyio.to_thread.run_sync(self._load)
                finally:
                    self._loading = False
                self._loaded.set()
            self._last_used = anyio.current_time()
            return self._model

    @asynccontextmanager
    async def use(self) -> AsyncGenerator[Model]:
        """The model, which is not let go meanwhile.

        Raises:
            SetupError: it cannot be loaded.
        """
        self._users += 1
        try:
            yield await self.get()
        finally:
            self._users -= 1
            self._last_used = anyio.current_time()

    async def unload_when_idle(self) -> None:
        """Let the model go whenever it has been idle for long enough, until cancelled."""
        while True:
            await self._loaded.wait()
            left = self._last_used + self._idle_seconds - anyio.current_time()
            if self._users == 0 and left <= 0:
                self._model, self._loaded = None, anyio.Event()
            else:
                await anyio.sleep(left if left > 0 else self._idle_seconds)

    def loaded(self) -> Model | None:
        """The model if it is in memory."""
        return self._model
