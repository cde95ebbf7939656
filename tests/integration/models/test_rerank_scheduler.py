"""The scheduling of rerankings, with real graphs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import numpy as np
import pytest

from qmd_mcp.domain.lookup import Reranking
from qmd_mcp.errors import ModelError
from qmd_mcp.inference.reranking.rerank_scheduler import RerankScheduler
from qmd_mcp.inference.reranking.reranker import Reranker
from qmd_mcp.inference.runtime.model_slot import ModelSlot
from tests.tiny_encoders import bert_tokenizer, encoder, endless, reranker_manifest, session

pytestmark = pytest.mark.anyio

TEXTS = ["promote the standby", "make tea", "a passage of many more words than the others", "rotate logs"]
VOCABULARY = bert_tokenizer().get_vocab_size()


def reranker(graph: bytes) -> Reranker:
    manifest, tokenizer = reranker_manifest(), bert_tokenizer()
    return Reranker(session(graph), manifest=manifest, tokenizer=tokenizer, batch_invariant=True)


@asynccontextmanager
async def scheduling(graph: bytes) -> AsyncGenerator[RerankScheduler]:
    with anyio.fail_after(30):
        async with anyio.create_task_group() as working:
            scheduler = RerankScheduler(ModelSlot(lambda: reranker(graph), tasks=working))
            working.start_soon(scheduler.run)
            yield scheduler
            working.cancel_scope.cancel()


async def test_concurrent_queries_score_as_they_would_alone() -> None:
    graph = encoder("classifier", vocabulary=VOCABULARY)
    alone = reranker(graph)
    queries = ["fail over", "tea", "logs", "words"]
    answers: dict[str, Reranking] = {}
    async with scheduling(graph) as scheduler:
        assert scheduler.provider is None

        async def ask(query: str) -> None:
            answers[query] = await scheduler.score(query, TEXTS, intent="of a server")

        async with anyio.create_task_group() as callers:
            for query in queries:
                callers.start_soon(ask, query)
        assert (scheduler.provider, scheduler.warning) == ("CPUExecutionProvider", None)
        assert 0 < scheduler.padding < 0.5
        assert scheduler.load.items == len(queries) * len(TEXTS)
        assert scheduler.load.forwards < len(queries) * len(TEXTS)
    for query in queries:
        expected = alone.score(query, TEXTS, intent="of a server").logits
        np.testing.assert_allclose(answers[query].logits, expected, atol=1e-5)


async def test_a_forward_beyond_memory_is_halved_until_it_fits() -> None:
    texts = ["one text", "six text", "ten text", "two text", "all text"]
    expected = reranker(encoder("classifier", vocabulary=VOCABULARY)).score("text", texts)
    assert expected.batches == (5,)
    async with scheduling(encoder("classifier", vocabulary=VOCABULARY, most_rows=2)) as scheduler:
        scored = await scheduler.score("text", texts)
    np.testing.assert_allclose(scored.logits, expected.logits, atol=1e-5)
    assert scored.batches == (2, 1, 2)


async def test_memory_for_not_even_one_text_is_an_error_that_says_so() -> None:
    async with scheduling(encoder("classifier", vocabulary=VOCABULARY, most_rows=0)) as scheduler:
        with pytest.raises(ModelError, match=r"^tiny finds no memory for one text\."):
            await scheduler.score("text", TEXTS)


async def test_a_text_that_the_graph_cannot_take_harms_no_other_caller() -> None:
    known = VOCABULARY - 1  # the graph does not know the last word piece, ##9
    graph = encoder("classifier", vocabulary=known)
    async with scheduling(graph) as scheduler:
        async with anyio.create_task_group() as callers:

            async def fail() -> None:
                with pytest.raises(ModelError, match="tiny failed"):
                    await scheduler.score("text", ["of 99"])

            callers.start_soon(fail)
            scored = await scheduler.score("text", TEXTS)
        np.testing.assert_allclose(scored.logits, reranker(graph).score("text", TEXTS).logits, atol=1e-5)


async def test_a_caller_who_leaves_stops_a_forward_that_nobody_else_waits_for() -> None:
    async with scheduling(endless()) as scheduler:
        for _ in range(2):  # the second would wait for the first for days
            async with anyio.create_task_group() as leaving:
                leaving.start_soon(scheduler.score, "text", TEXTS)
                forwards = scheduler.load.forwards
                while scheduler.load.forwards == forwards:
                    await anyio.lowlevel.checkpoint()
                leaving.cancel_scope.cancel()
