"""Making an answer again when documents change meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from qmd_mcp.domain.answers import Answer
from qmd_mcp.retrieval.consistent_reads import ATTEMPTS, INCONSISTENT, ConsistentReads
from qmd_mcp.retrieval.stage_log import StageLog

pytestmark = pytest.mark.anyio


@dataclass(slots=True)
class Changing:
    """Documents that change during as many answers as it is told, and answers that count."""

    changes: int
    version: int = 0
    looks: int = 0
    answers: list[int] = field(default_factory=list[int])

    async def state(self) -> int:
        return self.version

    async def look(self) -> None:
        self.looks += 1

    async def answer(self) -> Answer:
        self.answers.append(self.version)
        self.version += len(self.answers) <= self.changes
        return Answer(query=str(len(self.answers)), hits=())


@pytest.mark.parametrize(("changes", "answers"), [(0, 1), (1, 2), (2, 3), (ATTEMPTS - 1, ATTEMPTS), (100, ATTEMPTS)])
async def test_an_answer_is_made_again_as_often_as_documents_change_during_it(changes: int, answers: int) -> None:
    documents = Changing(changes)
    answer = await ConsistentReads(documents).answer(documents.answer, log=StageLog())
    assert (len(documents.answers), answer.query) == (answers, str(answers))
    assert documents.looks == answers


@pytest.mark.parametrize(("changes", "notes"), [(ATTEMPTS - 1, ()), (ATTEMPTS, (INCONSISTENT,))])
async def test_an_answer_that_never_saw_one_state_says_so(changes: int, notes: tuple[str, ...]) -> None:
    documents = Changing(changes)
    answer = await ConsistentReads(documents).answer(documents.answer, log=StageLog())
    assert answer.notes == notes


async def test_an_answer_whose_time_is_over_is_not_made_again_and_says_so() -> None:
    documents = Changing(100)
    answer = await ConsistentReads(documents).answer(documents.answer, log=StageLog(timeout_ms=0))
    assert (len(documents.answers), answer.notes) == (1, (INCONSISTENT,))


async def test_only_the_stages_of_the_answer_that_is_given_are_recorded() -> None:
    documents, log = Changing(2), StageLog()

    async def answer() -> Answer:
        log.skipped("rerank", reason="rerank=false")
        return await documents.answer()

    await ConsistentReads(documents).answer(answer, log=log)
    assert len(log.stages) == 1


async def test_the_clock_runs_on_when_an_answer_is_made_again() -> None:
    documents, log = Changing(2), StageLog(timeout_ms=3_600_000)
    left: list[float] = []

    async def answer() -> Answer:
        left.append(log.seconds_left())
        return await documents.answer()

    await ConsistentReads(documents).answer(answer, log=log)
    assert left == sorted(left, reverse=True)
    assert len(set(left)) == len(left)
