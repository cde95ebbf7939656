"""Properties that hold for callers that share a model, whatever they submit and whenever they leave."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import anyio
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmd_mcp.errors import ModelBusyError, OutOfMemoryError
from qmd_mcp.inference.runtime.batch_job import Outcome
from qmd_mcp.inference.runtime.merging import BatchScheduler

ROWS = 5
When = Literal["at first", "later"]


class UnfitItemError(Exception):
    """An item that the model below cannot compute."""


@dataclass(eq=False)
class Doubling:
    """Doubles numbers, a few at a time; a negative number fails, and so does a forward pass beyond its memory."""

    batch_invariant: bool = True
    memory: int = ROWS
    forwards: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])

    def batches(self, items: Sequence[int]) -> list[list[int]]:
        order = sorted(range(len(items)), key=lambda place: items[place])
        return [order[start : start + ROWS] for start in range(0, len(order), ROWS)]

    def forward(self, items: Sequence[int], *, run: ort.RunOptions) -> list[int]:
        if len(items) > self.memory:
            raise OutOfMemoryError("doubling", rows=len(items))
        if any(item < 0 for item in items):
            raise UnfitItemError(items)
        self.forwards.append(tuple(items))
        return [2 * item for item in items]


JOBS = st.lists(st.lists(st.integers(0, 1000), max_size=12), max_size=6)
short = settings(max_examples=40)


@short
@given(jobs=JOBS, model=st.builds(Doubling, memory=st.integers(1, ROWS), batch_invariant=st.booleans()))
def test_every_caller_gets_its_own_results_in_order(jobs: list[list[int]], model: Doubling) -> None:
    outcomes = anyio.run(_submit_all, model, jobs)
    for items, outcome in zip(jobs, outcomes, strict=True):
        assert isinstance(outcome, Outcome)
        assert outcome.results == tuple(2 * item for item in items)
        assert all(0 < size <= model.memory for size in outcome.batches)
    computed = sorted(item for forward in model.forwards for item in forward)
    assert computed == sorted(item for items in jobs for item in items)


@short
@given(jobs=JOBS, spoilt=st.sets(st.integers(0, 5)))
def test_an_item_that_fails_harms_no_other_caller(jobs: list[list[int]], spoilt: set[int]) -> None:
    asked = [[*items, -1] if number in spoilt else items for number, items in enumerate(jobs)]
    for number, (items, outcome) in enumerate(zip(jobs, anyio.run(_submit_all, Doubling(), asked), strict=True)):
        if number in spoilt:
            assert isinstance(outcome, UnfitItemError)
        else:
            assert outcome == Outcome(tuple(2 * item for item in items), outcome.batches)


@short
@given(jobs=JOBS, leaving=st.sets(st.integers(0, 5)), when=st.sampled_from(get_args(When)))
def test_callers_who_leave_harm_no_one_who_stays(jobs: list[list[int]], leaving: set[int], when: When) -> None:
    outcomes = anyio.run(_submit_all, Doubling(), jobs, frozenset(leaving), when)
    for number, (items, outcome) in enumerate(zip(jobs, outcomes, strict=True)):
        if number not in leaving:
            assert isinstance(outcome, Outcome)
            assert outcome.results == tuple(2 * item for item in items)


@short
@given(jobs=JOBS)
def test_callers_of_a_model_that_depends_on_its_batch_are_never_mixed(jobs: list[list[int]]) -> None:
    marked = [[100 * number + item % 100 for item in items] for number, items in enumerate(jobs)]
    model = Doubling(batch_invariant=False)
    anyio.run(_submit_all, model, marked)
    assert all(len({item // 100 for item in forward}) == 1 for forward in model.forwards)


async def _submit_all(
    model: Doubling, jobs: list[list[int]], leaving: frozenset[int] = frozenset(), when: When = "at first"
) -> list[Outcome[int] | Exception | None]:
    """Return the outcome of every job; a job leaves before the first forward pass or after the first result."""
    scheduler: BatchScheduler[int, int] = BatchScheduler(role="doubler")
    outcomes: list[Outcome[int] | Exception | None] = [None] * len(jobs)
    answered = anyio.Event()
    scopes = [anyio.CancelScope() for _ in jobs]

    async def submit(number: int) -> None:
        with scopes[number]:
            try:
                outcomes[number] = await scheduler.submit(model, jobs[number])
            except UnfitItemError as error:
                outcomes[number] = error
            answered.set()

    with anyio.fail_after(30):
        async with anyio.create_task_group() as working:
            async with anyio.create_task_group() as callers:
                for number in range(len(jobs)):
                    callers.start_soon(submit, number)
                await anyio.lowlevel.checkpoint()
                working.start_soon(scheduler.run)
                if jobs and when == "later":
                    await answered.wait()
                for number in leaving & set(range(len(jobs))):
                    scopes[number].cancel()
            assert scheduler.load.waiting == 0
            working.cancel_scope.cancel()
    return outcomes


@dataclass(eq=False)
class Patient(Doubling):
    """Doubles numbers when the test allows it."""

    begun: threading.Event = field(default_factory=threading.Event)
    may_end: threading.Event = field(default_factory=threading.Event)

    def forward(self, items: Sequence[int], *, run: ort.RunOptions) -> list[int]:
        self.begun.set()
        assert self.may_end.wait(30)
        return super().forward(items, run=run)


@pytest.mark.anyio
async def test_what_arrives_during_a_forward_goes_into_the_next_together() -> None:
    model = Patient()
    scheduler: BatchScheduler[int, int] = BatchScheduler(role="doubler")
    with anyio.fail_after(30):
        async with anyio.create_task_group() as working:
            working.start_soon(scheduler.run)
            async with anyio.create_task_group() as callers:
                callers.start_soon(scheduler.submit, model, [1])
                await anyio.to_thread.run_sync(model.begun.wait)
                for number in (2, 3, 4):
                    callers.start_soon(scheduler.submit, model, [number])
                await anyio.lowlevel.checkpoint()
                assert scheduler.load.waiting == 3
                model.may_end.set()
            working.cancel_scope.cancel()
    assert model.forwards == [(1,), (2, 3, 4)]
    assert (scheduler.load.forwards, scheduler.load.items, scheduler.load.recent) == (2, 4, (1, 3))


@pytest.mark.anyio
async def test_what_a_caller_who_left_was_waiting_for_is_never_computed() -> None:
    model = Patient()
    scheduler: BatchScheduler[int, int] = BatchScheduler(role="doubler")
    with anyio.fail_after(30):
        async with anyio.create_task_group() as working:
            working.start_soon(scheduler.run)
            async with anyio.create_task_group() as staying:
                staying.start_soon(scheduler.submit, model, [1])
                await anyio.to_thread.run_sync(model.begun.wait)
                async with anyio.create_task_group() as leaving:
                    leaving.start_soon(scheduler.submit, model, [2, 3])
                    await anyio.lowlevel.checkpoint()
                    leaving.cancel_scope.cancel()
                model.may_end.set()
            working.cancel_scope.cancel()
    assert model.forwards == [(1,)]


@pytest.mark.anyio
async def test_too_much_waiting_is_refused_in_one_sentence() -> None:
    scheduler: BatchScheduler[int, int] = BatchScheduler(role="doubler", capacity=4)
    model = Doubling()
    async with anyio.create_task_group() as callers:
        callers.start_soon(scheduler.submit, model, [1, 2, 3])
        await anyio.lowlevel.checkpoint()
        with pytest.raises(ModelBusyError) as refused:
            await scheduler.submit(model, [4, 5])
        callers.cancel_scope.cancel()
    assert str(refused.value) == "The doubler is busy: 3 texts are waiting for it. Try again in a second."
