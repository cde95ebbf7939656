"""Measures, against figures worked out by hand."""

from __future__ import annotations

from math import log2

import pytest

from qmd_mcp.evaluation.metrics import Quality, best_of_each, bootstrap_interval, measure, ndcg, recall, reciprocal_rank


def test_a_document_ranks_by_its_best_passage() -> None:
    assert best_of_each(["b", "a", "b", "c", "a"]) == ("b", "a", "c")


def test_ndcg_takes_the_grade_itself_as_gain() -> None:
    # ranks 1 to 3 gain 1, 0 and 3; ideal is 3 then 1; exponential gains would give .647
    expected = (1 / log2(2) + 3 / log2(4)) / (3 / log2(2) + 1 / log2(3))

    assert ndcg(["low", "other", "high"], {"high": 3, "low": 1}, depth=10) == pytest.approx(expected)
    assert expected == pytest.approx(0.6885, abs=1e-4)


def test_ndcg_stops_at_its_depth_in_ranking_and_ideal() -> None:
    assert ndcg(["x", "a"], {"a": 1}, depth=1) == 0
    assert ndcg(["a", "x"], {"a": 1, "b": 1}, depth=1) == 1


def test_recall_is_the_share_of_all_relevant_documents() -> None:
    grades = {"a": 1, "b": 2, "c": 1, "not relevant": 0}

    assert recall(["a", "x", "not relevant", "b"], grades, depth=3) == pytest.approx(1 / 3)
    assert recall(["a", "x", "not relevant", "b"], grades, depth=4) == pytest.approx(2 / 3)


def test_reciprocal_rank_is_that_of_the_first_relevant_document_within_the_depth() -> None:
    assert reciprocal_rank(["x", "y", "a", "b"], {"a": 1, "b": 3, "x": 0}, depth=10) == pytest.approx(1 / 3)
    assert reciprocal_rank(["x", "y", "a"], {"a": 1}, depth=2) == 0


def test_nothing_relevant_measures_nothing() -> None:
    assert ndcg(["a"], {"a": 0}, depth=10) == recall(["a"], {"a": 0}, depth=10) == 0


def test_means_are_over_queries_with_a_relevant_document_and_a_missing_ranking_is_an_empty_one() -> None:
    quality = measure(
        {"found": ["x", "a"], "nothing relevant": ["a"]},
        {"found": {"a": 1}, "not asked": {"a": 1}, "nothing relevant": {"a": 0}},
    )

    assert quality == Quality(
        queries=2,
        ndcg_at_10=1 / log2(3) / 2,
        ndcg_at_10_interval=(0, 1 / log2(3)),
        recall_at_10=0.5,
        recall_at_100=0.5,
        mrr_at_10=0.25,
    )


def test_a_set_without_a_relevant_document_cannot_be_measured() -> None:
    with pytest.raises(ValueError, match="No query has a relevant document"):
        measure({"q": ["a"]}, {"q": {"a": 0}})


def test_the_interval_of_a_coin_is_near_that_of_the_normal_approximation() -> None:
    low, high = bootstrap_interval([0.0, 1.0] * 200)

    assert low == pytest.approx(0.451, abs=0.01)  # .5 - 1.96 * .5 / sqrt(400)
    assert high == pytest.approx(0.549, abs=0.01)


def test_the_interval_is_the_same_for_the_same_seed() -> None:
    values = [number / 30 for number in range(30)]

    assert bootstrap_interval(values, seed=1) == bootstrap_interval(values, seed=1)
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)
