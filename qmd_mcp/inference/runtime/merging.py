"""The work of concurrent callers, merged into forwards of one model."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, Protocol, TypeVar

import anyio
import anyio.to_thread
import onnxruntime as ort

from qmd_mcp.errors import ModelBusyError

Item = TypeVar("Item")
Result = TypeVar("Result")
Item_contra = TypeVar("Item_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)

CAPACITY = 1024
"""Items that may wait: 25 queries of 40 candidates each, minutes of work for a CPU."""
WINDOW = 128
"""Waiting items among which companions for the oldest are looked for: planning stays below a few milliseconds."""
RECENT = 64
"""Forwards whose sizes are remembered."""

_FATAL = 4
"""ONNX Runtime's severity: a failing forward raises, so it need not also write to standard error."""


class BatchModel(Protocol[Item_contra, Result_co]):
    """A model that computes several items in one forward."""

    @property
    def batch_invariant(self) -> bool:
        """Whether an item's result is the same alone and in any batch; else callers' items are never mixed."""
        ...

    def batches(self, items: Sequence[Item_contra], /) -> Sequence[Sequence[int]]:
        """Which items go into one forward, as indices; each item in exactly one."""
        ...

    def forward(self, items: Sequence[Item_contra], /, *, run: ort.RunOptions) -> Iterable[Result_co]:
        """A result for each item; stops soon after `run.terminate` is set."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Result]):
    """What became of one caller's items."""

    results: tuple[Result, ...]
    """In the order of the items."""
    batches: tuple[int, ...]
    """Items in each forward that they took part in, others' items included."""


@dataclass(frozen=True, slots=True)
class Load:
    """A scheduler as it stands."""

    waiting: int
    """Items that no forward has taken yet."""
    forwards: int
    """Since the beginning."""
    items: int
    """In these forwards."""
    recent: tuple[int, ...]
    """Sizes of the latest forwards, oldest first."""


@dataclass(slots=True, eq=False)
class _Job(Generic[Item, Result]):
    model: BatchModel[Item, Result]
    items: Sequence[Item]
    waiting: list[int]
    """Items that no forward has taken."""
    results: dict[int, Result] = field(default_factory=dict)
    batches: list[int] = field(default_factory=list)
    error: Exception | None = None
    over: bool = False
    """Nobody waits for more: it is complete, has failed, or its caller has gone."""
    ended: anyio.Event = field(default_factory=anyio.Event)

    def end(self, error: Exception | None = None) -> None:
        self.error, self.over = error, True
        self.ended.set()


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Item, Result]):
    job: _Job[Item, Result]
    place: int


class BatchScheduler(Generic[Item, Result]):
    """Runs one forward at a time; what arrives meanwhile goes into the next, and nothing waits while it is idle.

    `run` must be running for anything to happen: whoever opens a scheduler starts it in a task group.
    """

    def __init__(self, *, role: str, capacity: int = CAPACITY) -> None:
        self._role = role
        self._capacity = capacity
        self._jobs: list[_Job[Item, Result]] = []
        """Those with items that wait, oldest first."""
        self._arrival = anyio.Event()
        self._limiter = anyio.CapacityLimiter(1)
        self._running: tuple[Sequence[_Entry[Item, Result]], ort.RunOptions] | None = None
        self._recent: deque[int] = deque(maxlen=RECENT)
        self._forwards = self._items = 0

    @property
    def load(self) -> Load:
        """As it is now."""
        waiting = sum(len(job.waiting) for job in self._jobs)
        return Load(waiting=waiting, forwards=self._forwards, items=self._items, recent=tuple(self._recent))

    async def submit(self, model: BatchModel[Item, Result], items: Sequence[Item]) -> Outcome[Result]:
        """Compute items, perhaps together with other callers' items for the same model.

        Cancelled, it drops what no forward has taken, and stops a forward that nobody else waits for.

        Raises:
            ModelBusyError: too much is waiting already.
            Exception: what the model raised for one of these items alone.
        """
        if not items:
            return Outcome((), ())
        if (waiting := self.load.waiting) and waiting + len(items) > self._capacity:
            raise ModelBusyError(self._role, waiting=waiting)
        job = _Job(model, items, waiting=list(range(len(items))))
        self._jobs.append(job)
        self._arrival.set()
        try:
            await job.ended.wait()
        finally:
            self._forget(job)
        if job.error is not None:
            raise job.error
        return Outcome(tuple(job.results[place] for place in range(len(items))), tuple(job.batches))

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            while self._jobs:
                model, entries = self._take()
                run = ort.RunOptions()
                run.log_severity_level = _FATAL
                self._running = entries, run
                try:
                    await self._compute(model, entries, run)
                finally:
                    run.terminate = True  # cancelled: the thread is left behind and ends soon
                    self._running = None
            self._arrival = anyio.Event()
            await self._arrival.wait()

    def _take(self) -> tuple[BatchModel[Item, Result], list[_Entry[Item, Result]]]:
        """The forward of the oldest item that waits."""
        oldest = self._jobs[0]
        companions = (
            [job for job in self._jobs if job.model is oldest.model] if oldest.model.batch_invariant else [oldest]
        )
        window = [_Entry(job, place) for job in companions for place in job.waiting][:WINDOW]
        plan = oldest.model.batches([entry.job.items[entry.place] for entry in window])
        entries = [window[index] for index in next(batch for batch in plan if 0 in batch)]
        for entry in entries:
            entry.job.waiting.remove(entry.place)
        self._jobs = [job for job in self._jobs if job.waiting]
        return oldest.model, entries

    async def _compute(
        self, model: BatchModel[Item, Result], entries: Sequence[_Entry[Item, Result]], run: ort.RunOptions
    ) -> None:
        entries = [entry for entry in entries if not entry.job.over]
        if not entries:
            return
        items = [entry.job.items[entry.place] for entry in entries]
        self._forwards, self._items = self._forwards + 1, self._items + len(items)
        self._recent.append(len(items))
        forward = partial(model.forward, items, run=run)
        try:
            results = await anyio.to_thread.run_sync(forward, abandon_on_cancel=True, limiter=self._limiter)
        except Exception as error:  # noqa: BLE001  whatever it is, it belongs to the caller whose item it is
            if run.terminate:
                return  # nobody waits
            if len(entries) == 1:
                entries[0].job.end(error)
                return
            half = (len(entries) + 1) // 2  # fits where the whole did not, and sooner or later leaves a bad item alone
            await self._compute(model, entries[:half], run)
            await self._compute(model, entries[half:], run)
            return
        for job in {entry.job for entry in entries}:
            job.batches.append(len(entries))
        for entry, result in zip(entries, results, strict=True):
            entry.job.results[entry.place] = result
            if len(entry.job.results) == len(entry.job.items):
                entry.job.end()

    def _forget(self, job: _Job[Item, Result]) -> None:
        job.over = True
        self._jobs = [other for other in self._jobs if other is not job]
        if self._running is not None:
            entries, run = self._running
            if all(entry.job.over for entry in entries):
                run.terminate = True
