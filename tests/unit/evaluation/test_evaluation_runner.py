"""Asking the queries of a set, with an engine that counts the words in common."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qmd_mcp.domain.documents import Mode
from qmd_mcp.domain.requests import QueryRequest
from qmd_mcp.errors import UnknownCollectionError
from qmd_mcp.evaluation.datasets import Dataset, JudgedQuery
from qmd_mcp.evaluation.report import Report
from qmd_mcp.evaluation.runner import COLLECTION, WARM_UP, evaluate
from tests.words_in_common import DATASET, FakeEngine, indexed


def figures(report: Report) -> dict[str, object]:
    """The report without what the clock says."""
    return {key: value for key, value in report.as_json().items() if key not in {"p50_ms", "p95_ms"}}


def with_queries(*queries: JudgedQuery) -> Dataset:
    return Dataset(DATASET.name, DATASET.documents, queries, DATASET.fingerprint)


@pytest.mark.anyio
async def test_documents_are_ranked_by_their_best_passage_and_measured(tmp_path: Path) -> None:
    report = await evaluate(await indexed(tmp_path), DATASET, mode="search")

    assert figures(report) == {
        "set": "animals",
        "mode": "search",
        "documents": 3,
        "queries": 3,
        "ndcg@10": pytest.approx(2 / 3),
        "ndcg@10_ci": [0, 1],
        "recall@10": pytest.approx(2 / 3),
        "recall@100": pytest.approx(2 / 3),
        "mrr@10": pytest.approx(2 / 3),
    }
    assert 0 < report.p50_ms <= report.p95_ms
    assert report.refused == ()


@pytest.mark.anyio
async def test_the_report_is_json_under_exactly_the_promised_keys(tmp_path: Path) -> None:
    report = await evaluate(await indexed(tmp_path), DATASET, mode="query")

    assert " ".join(sorted(json.loads(json.dumps(report.as_json())))) == (
        "documents mode mrr@10 ndcg@10 ndcg@10_ci p50_ms p95_ms queries recall@10 recall@100 set"
    )


@pytest.mark.anyio
@pytest.mark.parametrize(("mode", "recall"), [("search", 2 / 3), ("vsearch", 0), ("query", 2 / 3)])
async def test_each_mode_asks_its_own_search(tmp_path: Path, mode: Mode, recall: float) -> None:
    report = await evaluate(await indexed(tmp_path), DATASET, mode=mode)

    assert report.mode == mode
    assert report.quality.recall_at_10 == pytest.approx(recall)


@pytest.mark.anyio
async def test_a_few_queries_warm_up_and_all_ask_for_a_hundred_passages_of_the_set(tmp_path: Path) -> None:
    queries = tuple(JudgedQuery(f"q{number}", f"cat {number}", {"mammals/cat": 1}) for number in range(8))
    engine = await indexed(tmp_path)

    await evaluate(engine, with_queries(*queries), mode="search")

    assert engine.searching.requests == [
        QueryRequest(query.text, collections=(COLLECTION,), limit=100) for query in (*queries[:WARM_UP], *queries)
    ]


@pytest.mark.anyio
async def test_a_query_that_the_service_refuses_counts_as_nothing_found_and_is_named(tmp_path: Path) -> None:
    refused = (
        JudgedQuery("only excludes", "-cat", {"mammals/dog": 1}),
        JudgedQuery("too long", "cat " * 2_000, {"mammals/cat": 1}),
    )

    report = await evaluate(await indexed(tmp_path), with_queries(DATASET.queries[1], *refused), mode="search")

    assert report.refused == ("only excludes", "too long")
    assert report.quality.ndcg_at_10 == pytest.approx(1 / 3)


@pytest.mark.anyio
async def test_a_set_that_was_not_indexed_is_no_score_of_zero() -> None:
    with pytest.raises(UnknownCollectionError):
        await evaluate(FakeEngine(), DATASET, mode="search")


@pytest.mark.anyio
async def test_a_sample_is_measured_alone_and_watched(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def watch(done: int, total: int) -> None:
        seen.append((done, total))

    report = await evaluate(await indexed(tmp_path), DATASET, mode="search", sample=2, answered=watch)

    assert report.quality.queries == 2
    assert seen == [(1, 2), (2, 2)]
