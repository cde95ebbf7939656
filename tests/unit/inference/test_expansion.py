"""The scheduling of expansions."""

from __future__ import annotations

import threading
from collections.abc import Callable

import anyio
import pytest
from anyio.abc import TaskGroup

from qmd_mcp.domain.documents import SubQuery
from qmd_mcp.domain.lookup import Expansion
from qmd_mcp.errors import ModelBusyError, ModelError
from qmd_mcp.inference.expanding.branch_decoding import GenerationCancelled
from qmd_mcp.inference.expanding.expansion_scheduler import ExpansionScheduler, open_expansion
from qmd_mcp.inference.runtime.model_slot import ModelSlot

pytestmark = pytest.mark.anyio


class Patient:
    """An expander that takes a step whenever the test allows one."""

    provider = "CPUExecutionProvider"

    def __init__(self, *, steps: int = 0, lines: bool = True) -> None:
        self.begun, self.ended = threading.Event(), threading.Event()
        self.may_step = threading.Semaphore(steps)
        self.expanded: list[str] = []
        self.at_once = 0
        self._lines = lines

    def expand(self, query: str, *, cancelled: Callable[[], bool]) -> Expansion:
        self.at_once += 1
        assert self.at_once == 1
        self.expanded.append(query)
        self.begun.set()
        try:
            while not self.may_step.acquire(timeout=0.01):
                if cancelled():
                    raise GenerationCancelled
            return Expansion((SubQuery("lex", f"about {query}"),) if self._lines else ())
        finally:
            self.at_once -= 1
            self.ended.set()


def slot(model: Patient, tasks: TaskGroup) -> ModelSlot[Patient]:
    return ModelSlot(lambda: model, tasks=tasks)


async def test_the_same_query_again_is_known(tasks: TaskGroup) -> None:
    model = Patient(steps=9)
    async with open_expansion(slot(model, tasks), identity="m") as scheduler:
        first = await scheduler.expand("fail over")
        second = await scheduler.expand(" fail  over ")
        assert (first.lines, first.cached, second.cached) == (second.lines, False, True)
        assert (scheduler.figures.hits, scheduler.figures.misses) == (1, 1)
    assert model.expanded == ["fail over"]


async def test_a_forgotten_expansion_is_made_again(tasks: TaskGroup) -> None:
    model = Patient(steps=9)
    async with open_expansion(slot(model, tasks), identity="m") as scheduler:
        await scheduler.expand("fail over")
        scheduler.forget("fail over")
        scheduler.forget("never asked")
        assert not (await scheduler.expand("fail over")).cached
    assert len(model.expanded) == 2


async def test_an_expansion_without_lines_is_not_kept(tasks: TaskGroup) -> None:
    model = Patient(steps=9, lines=False)
    async with open_expansion(slot(model, tasks), identity="m") as scheduler:
        assert await scheduler.expand("a") == await scheduler.expand("a") == Expansion(())
    assert model.expanded == ["a", "a"]


async def test_what_was_asked_longest_ago_is_dropped_first(tasks: TaskGroup) -> None:
    model = Patient(steps=9)
    async with open_expansion(slot(model, tasks), identity="m", kept=2) as scheduler:
        for query in ("a", "b", "a", "c", "a", "b"):
            await scheduler.expand(query)
    assert model.expanded == ["a", "b", "c", "b"]


async def ask(scheduler: ExpansionScheduler, query: str, answers: list[Expansion]) -> None:
    answers.append(await scheduler.expand(query))


async def test_equal_queries_at_once_are_one_run(tasks: TaskGroup) -> None:
    model, answers = Patient(), list[Expansion]()
    with anyio.fail_after(30):
        async with open_expansion(slot(model, tasks), identity="m") as scheduler:
            async with anyio.create_task_group() as callers:
                for _ in range(5):
                    callers.start_soon(ask, scheduler, "a", answers)
                await anyio.to_thread.run_sync(model.begun.wait)
                model.may_step.release()
            assert (scheduler.figures.misses, scheduler.figures.shared) == (1, 4)
    assert len(answers) == 5
    assert len(set(answers)) == len(model.expanded) == 1


async def test_a_caller_that_gives_up_leaves_the_run_to_the_others(tasks: TaskGroup) -> None:
    model, answers = Patient(), list[Expansion]()
    with anyio.fail_after(30):
        async with open_expansion(slot(model, tasks), identity="m") as scheduler, anyio.create_task_group() as callers:
            with anyio.CancelScope() as first:
                callers.start_soon(ask, scheduler, "a", answers)
                async with anyio.create_task_group() as giving_up:
                    giving_up.start_soon(ask, scheduler, "a", answers)
                    await anyio.to_thread.run_sync(model.begun.wait)
                    first.cancel()
            assert not answers
            model.may_step.release()
    assert [len(answer.lines) for answer in answers] == [1]


async def test_a_run_that_nobody_waits_for_ends_with_its_step_and_lets_the_next_in(tasks: TaskGroup) -> None:
    model, answers = Patient(), list[Expansion]()
    with anyio.fail_after(30):
        async with open_expansion(slot(model, tasks), identity="m") as scheduler:
            async with anyio.create_task_group() as callers:
                callers.start_soon(ask, scheduler, "a", answers)
                callers.start_soon(ask, scheduler, "queued", answers)
                await anyio.to_thread.run_sync(model.begun.wait)
                callers.cancel_scope.cancel()
            await anyio.to_thread.run_sync(model.ended.wait)
            async with anyio.create_task_group() as callers:
                callers.start_soon(ask, scheduler, "a", answers)
                model.may_step.release()
            assert scheduler.figures.cancelled == 2
    assert model.expanded == ["a", "a"]
    assert [answer.lines[0].text for answer in answers] == ["about a"]


async def test_a_model_that_cannot_be_loaded_is_every_callers_error_and_the_next_tries_again(tasks: TaskGroup) -> None:
    failures = [ModelError("The file is missing."), ModelError("The file is missing.")]

    def load() -> Patient:
        if failures:
            raise failures.pop()
        return Patient(steps=1)

    async with open_expansion(ModelSlot(load, tasks=tasks), identity="m") as scheduler:
        for _ in range(2):
            with pytest.raises(ModelError, match="missing"):
                await scheduler.expand("a")
        assert (await scheduler.expand("a")).lines


async def test_an_unexpected_error_is_its_callers_and_the_next_query_is_answered(tasks: TaskGroup) -> None:
    class Broken(Patient):
        def expand(self, query: str, *, cancelled: Callable[[], bool]) -> Expansion:
            if query == "bad":
                raise RuntimeError(query)
            return super().expand(query, cancelled=cancelled)

    async with open_expansion(slot(Broken(steps=1), tasks), identity="m") as scheduler:
        with pytest.raises(RuntimeError, match="bad"):
            await scheduler.expand("bad")
        assert (await scheduler.expand("good")).lines


async def test_too_many_waiting_queries_are_refused_and_equal_ones_are_not(tasks: TaskGroup) -> None:
    model, answers = Patient(), list[Expansion]()
    with anyio.fail_after(30):
        async with open_expansion(slot(model, tasks), identity="m", capacity=2) as scheduler:
            async with anyio.create_task_group() as callers:
                for query in ("a", "b", "a"):
                    callers.start_soon(ask, scheduler, query, answers)
                await anyio.to_thread.run_sync(model.begun.wait, abandon_on_cancel=True)
                with pytest.raises(ModelBusyError, match="The expander is busy: 2 texts are waiting for it"):
                    await scheduler.expand("one too many")
                model.may_step.release(2)
            model.may_step.release()
            assert (await scheduler.expand("one too many")).lines
    assert len(answers) == 3


async def test_closing_ends_what_runs(tasks: TaskGroup) -> None:
    model = Patient()
    with anyio.fail_after(30):
        async with anyio.create_task_group() as callers, open_expansion(slot(model, tasks), identity="m") as scheduler:
            callers.start_soon(ask, scheduler, "a", [])
            await anyio.to_thread.run_sync(model.begun.wait)
    assert model.ended.is_set()


async def test_the_provider_is_known_once_the_model_is_loaded(tasks: TaskGroup) -> None:
    async with open_expansion(slot(Patient(steps=1), tasks), identity="m") as scheduler:
        assert scheduler.provider is None
        await scheduler.expand("a")
        assert scheduler.provider == "CPUExecutionProvider"
