"""The scheduler that merges the work of concurrent callers into forward passes of one model."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic

import anyio
import anyio.to_thread
import onnxruntime as ort

from qmd_mcp.errors import ModelBusyError
from qmd_mcp.inference.runtime.batch_job import BatchModel, Entry, Item, Job, Outcome, Result

CAPACITY = 1024
"""Items that may wait: 25 queries of 40 candidates each, which are minutes of work for a CPU."""
WINDOW = 128
"""How many waiting items are considered for the forward pass of the oldest one; planning takes at most a few
milliseconds."""
RECENT = 64
"""Forward passes whose sizes are remembered."""

_FATAL = 4
"""ONNX Runtime's severity: a failing forward pass raises, so it need not also write to standard error."""


@dataclass(frozen=True, slots=True)
class Load:
    """How much waits for a scheduler, and how much it has computed."""

    waiting: int
    """Items that no forward pass has taken yet."""
    forwards: int
    """Forward passes since the scheduler was made."""
    items: int
    """Items in these forward passes."""
    recent: tuple[int, ...]
    """Sizes of the latest forward passes, oldest first."""


class BatchScheduler(Generic[Item, Result]):
    """Runs one forward pass at a time; items that arrive meanwhile go into the next one together.

    An item that arrives while nothing is computed starts at once. Nothing happens unless `run` is running: whoever
    makes a scheduler starts `run` in a task group.
    """

    def __init__(self, *, role: str, capacity: int = CAPACITY) -> None:
        self._role = role
        self._capacity = capacity
        self._jobs: list[Job[Item, Result]] = []
        """The jobs with items that wait, oldest first."""
        self._arrival = anyio.Event()
        self._limiter = anyio.CapacityLimiter(1)
        self._running: tuple[Sequence[Entry[Item, Result]], ort.RunOptions] | None = None
        self._recent: deque[int] = deque(maxlen=RECENT)
        self._forwards = self._items = 0

    @property
    def load(self) -> Load:
        """The load now."""
        waiting = sum(len(job.waiting) for job in self._jobs)
        return Load(waiting=waiting, forwards=self._forwards, items=self._items, recent=tuple(self._recent))

    async def submit(self, model: BatchModel[Item, Result], items: Sequence[Item]) -> Outcome[Result]:
        """Compute items, perhaps together with items of other callers for the same model.

        If the caller is cancelled, the items that no forward pass has taken are dropped, and a forward pass that nobody
        else waits for is stopped.

        Raises:
            ModelBusyError: too much is waiting already.
            Exception: what the model raised for one of these items alone.
        """
        if not items:
            return Outcome((), ())
        if (waiting := self.load.waiting) and waiting + len(items) > self._capacity:
            raise ModelBusyError(self._role, waiting=waiting)
        job = Job(model, items, waiting=list(range(len(items))))
        self._jobs.append(job)
        self._arrival.set()
        try:
            await job.ended.wait()
        finally:
            self._drop(job)
        return job.outcome()

    async def run(self) -> None:
        """Compute what callers submit, until cancelled."""
        while True:
            while self._jobs:
                model, entries = self._take()
                run = ort.RunOptions()
                run.log_severity_level = _FATAL
                self._running = entries, run
                try:
                    await self._compute(model, entries, run)
                finally:
                    run.terminate = True  # if this task was cancelled, the thread is left behind and ends soon
                    self._running = None
            self._arrival = anyio.Event()
            await self._arrival.wait()

    def _take(self) -> tuple[BatchModel[Item, Result], list[Entry[Item, Result]]]:
        """Take the items of the next forward pass: the oldest that waits and those that go with it."""
        oldest = self._jobs[0]
        companions = (
            [job for job in self._jobs if job.model is oldest.model] if oldest.model.batch_invariant else [oldest]
        )
        window = [Entry(job, place) for job in companions for place in job.waiting][:WINDOW]
        plan = oldest.model.batches([entry.item for entry in window])
        entries = [window[index] for index in next(batch for batch in plan if 0 in batch)]
        for entry in entries:
            entry.job.waiting.remove(entry.place)
        self._jobs = [job for job in self._jobs if job.waiting]
        return oldest.model, entries

    async def _compute(
        self, model: BatchModel[Item, Result], entries: Sequence[Entry[Item, Result]], run: ort.RunOptions
    ) -> None:
        entries = [entry for entry in entries if not entry.job.over]
        if not entries:
            return
        items = [entry.item for entry in entries]
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
            # a half may fit where the whole did not, and halving leaves an item that always fails alone in the end
            half = (len(entries) + 1) // 2
            await self._compute(model, entries[:half], run)
            await self._compute(model, entries[half:], run)
            return
        for job in {entry.job for entry in entries}:
            job.batches.append(len(entries))
        for entry, result in zip(entries, results, strict=True):
            entry.finish(result)

    def _drop(self, job: Job[Item, Result]) -> None:
        """Take a job off the queue, and stop the running forward pass if nobody waits for any of its items."""
        job.over = True
        self._jobs = [other for other in self._jobs if other is not job]
        if self._running is not None:
            entries, run = self._running
            if all(entry.job.over for entry in entries):
                run.terminate = True
