"""Expansion with a real graph, from the queue of callers on."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from anyio.abc import TaskGroup

from qmd_mcp.domain.lookup import Expansion
from qmd_mcp.domain.text.scripts import script_of
from qmd_mcp.inference.expanding.decoder import Decoder
from qmd_mcp.inference.expanding.expander import Expander
from qmd_mcp.inference.expanding.expansion_scheduler import open_expansion
from qmd_mcp.inference.runtime.model_slot import ModelSlot
from qmd_mcp.inference.runtime.session import open_session
from qmd_mcp.inference.runtime.tokenizer import read_tokenizer
from tests.tiny_talker import expander_manifest, write_talker

pytestmark = pytest.mark.anyio


@pytest.fixture
def slot(tmp_path: Path, tasks: TaskGroup) -> ModelSlot[Expander]:
    folder = write_talker(tmp_path, ["lex: standby replica", "vec: what takes over", "hyde: another machine does"])

    def load() -> Expander:
        decoder = Decoder(open_session(folder / "model.onnx", threads=1))
        tokenizer = read_tokenizer(folder)
        return Expander(expander_manifest(), decoder=decoder, tokenizer=tokenizer, script_of=script_of)

    return ModelSlot(load, tasks=tasks)


async def test_many_callers_at_once_are_all_answered_by_one_model(slot: ModelSlot[Expander]) -> None:
    answers: dict[int, Expansion] = {}

    async def ask(number: int) -> None:
        answers[number] = await scheduler.expand(f"how do we fail over {chr(ord('a') + number % 20) * 3}")

    with anyio.fail_after(60):
        async with open_expansion(slot, identity="talker qwen3-1") as scheduler, anyio.create_task_group() as callers:
            for number in range(100):
                callers.start_soon(ask, number)
    assert (scheduler.figures.misses, scheduler.figures.shared) == (20, 80)
    assert all(answers[number] == answers[number % 20] for number in range(100))
    assert {line.kind for answer in answers.values() for line in answer.lines} == {"lex", "vec", "hyde"}


async def test_a_deadline_takes_effect_while_the_model_computes(slot: ModelSlot[Expander]) -> None:
    with anyio.fail_after(60):
        async with open_expansion(slot, identity="talker qwen3-1") as scheduler:
            await scheduler.expand("how do we fail over")
            with anyio.move_on_after(0):
                await scheduler.expand("how do we fail back")
            assert (await scheduler.expand("how do we fail over")).cached
    assert scheduler.figures.cancelled <= 1
