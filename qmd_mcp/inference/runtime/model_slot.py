"""The slot of a model, which is loaded when it is first needed and unloaded when nobody has used it for a while."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeAlias, TypeVar

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from qmd_mcp.errors import EngineClosingError

Model = TypeVar("Model")
SlotState: TypeAlias = Literal["absent", "unloaded", "loading", "ready", "idle"]


@dataclass(slots=True)
class _Loading:
    """One attempt to load the model."""

    ended: anyio.Event = field(default_factory=anyio.Event)
    error: Exception | None = None


class ModelSlot(Generic[Model]):
    """Loads a model in a worker thread when the first caller needs it, and gives the same model to every caller.

    The loading is a task of its own in the group `tasks`. A caller that is cancelled stops waiting at once; the loading
    goes on, and the next caller finds the model loaded or still loading. `present` says whether the model's files are
    on disk. The model is unloaded when nobody has used it for `idle_seconds`, provided that `unload_when_idle` runs.
    """

    def __init__(
        self,
        load: Callable[[], Model],
        *,
        tasks: TaskGroup,
        present: Callable[[], bool] = lambda: True,
        idle_seconds: float = math.inf,
    ) -> None:
        self._load = load
        self._tasks = tasks
        self._present = present
        self._idle_seconds = idle_seconds
        self._model: Model | None = None
        self._loading: _Loading | None = None
        self._users = 0
        self._last_used = -math.inf
        self._loaded = anyio.Event()

    @property
    def state(self) -> SlotState:
        """The state now; `idle` means that the model is loaded, that nobody uses it and that it will be unloaded."""
        if self._loading is not None:
            return "loading"
        if self._model is None:
            return "unloaded" if self._present() else "absent"
        return "idle" if self._users == 0 and self._idle_seconds < math.inf else "ready"

    @asynccontextmanager
    async def use(self) -> AsyncGenerator[Model]:
        """Give the model, loaded if necessary, and keep it loaded until the block ends.

        Raises:
            SetupError: the model cannot be loaded. Everyone who waits for this attempt gets its error; the next call
                tries again.
            EngineClosingError: the task group in which models are loaded ends or has ended.
        """
        self._users += 1
        try:
            yield await self._get()
        finally:
            self._users -= 1
            self._last_used = anyio.current_time()

    async def _get(self) -> Model:
        while self._model is None:
            loading = self._loading or self._started()
            await loading.ended.wait()
            if loading.error is not None:
                raise loading.error.with_traceback(None)  # one error for several callers: each adds its own frames
        return self._model

    def _started(self) -> _Loading:
        loading = _Loading()
        try:
            self._tasks.start_soon(self._run, loading)
        except RuntimeError as error:  # the task group has ended
            raise EngineClosingError from error
        self._loading = loading
        return loading

    async def _run(self, loading: _Loading) -> None:
        try:
            self._model = await anyio.to_thread.run_sync(self._load)
            self._last_used = anyio.current_time()  # nobody may be waiting any more: the idle time begins here
            self._loaded.set()
        except Exception as error:  # noqa: BLE001  it belongs to the callers that wait, not to the other tasks
            loading.error = error
        finally:
            if self._model is None and loading.error is None:  # cancelled, because the task group ends
                loading.error = EngineClosingError()
            self._loading = None
            loading.ended.set()

    async def unload_when_idle(self) -> None:
        """Unload the model whenever nobody has used it for `idle_seconds`, until cancelled."""
        while True:
            await self._loaded.wait()
            left = self._last_used + self._idle_seconds - anyio.current_time()
            if self._users == 0 and left <= 0:
                self._model, self._loaded = None, anyio.Event()
            else:
                await anyio.sleep(left if left > 0 else self._idle_seconds)

    def loaded(self) -> Model | None:
        """Return the model if it is loaded."""
        return self._model
