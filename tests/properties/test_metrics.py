"""What holds for measures of every ranking."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from qmd_mcp.evaluation.metrics import best_of_each, bootstrap_interval, ndcg, recall, reciprocal_rank

DOCUMENTS = [f"d{number}" for number in range(15)]

grades_of_a_query = st.dictionaries(st.sampled_from(DOCUMENTS), st.integers(1, 4), min_size=1)
rankings = st.lists(st.sampled_from(DOCUMENTS), unique=True)
depths = st.integers(1, 20)


def perfect(grades: dict[str, int]) -> list[str]:
    return sorted(grades, key=lambda document: -grades[document])


@given(rankings, grades_of_a_query, depths)
def test_every_measure_lies_between_0_and_1(ranking: list[str], grades: dict[str, int], depth: int) -> None:
    for measure in (ndcg, recall, reciprocal_rank):
        assert 0 <= measure(ranking, grades, depth=depth) <= 1


@given(grades_of_a_query, depths)
def test_a_perfect_ranking_has_ndcg_1(grades: dict[str, int], depth: int) -> None:
    assert ndcg(perfect(grades), grades, depth=depth) == 1


@given(grades_of_a_query, rankings)
def test_what_follows_a_perfect_ranking_does_not_matter(grades: dict[str, int], tail: list[str]) -> None:
    ranking = best_of_each([*perfect(grades), *tail])

    assert ndcg(ranking, grades, depth=10) == recall(ranking, grades, depth=15) == 1


@given(rankings, grades_of_a_query, depths, st.randoms(use_true_random=False))
def test_documents_of_one_grade_may_change_places(
    ranking: list[str], grades: dict[str, int], depth: int, generator: random.Random
) -> None:
    by_grade: dict[int, list[str]] = {}
    for document in ranking:
        by_grade.setdefault(grades.get(document, 0), []).append(document)
    for tied in by_grade.values():
        generator.shuffle(tied)
    swapped = [by_grade[grades.get(document, 0)].pop() for document in ranking]

    for measure in (ndcg, recall, reciprocal_rank):
        assert measure(swapped, grades, depth=depth) == measure(ranking, grades, depth=depth)


@given(rankings, grades_of_a_query, depths, st.data())
def test_moving_a_better_document_up_never_lowers_ndcg(
    ranking: list[str], grades: dict[str, int], depth: int, data: st.DataObject
) -> None:
    below = [rank for rank in range(1, len(ranking)) if grades.get(ranking[rank], 0) > grades.get(ranking[rank - 1], 0)]
    if not below:
        return
    rank = data.draw(st.sampled_from(below))
    better = [*ranking]
    better[rank - 1], better[rank] = better[rank], better[rank - 1]

    assert ndcg(better, grades, depth=depth) >= ndcg(ranking, grades, depth=depth)


@given(rankings, grades_of_a_query, depths)
def test_recall_never_falls_with_depth(ranking: list[str], grades: dict[str, int], depth: int) -> None:
    assert recall(ranking, grades, depth=depth) <= recall(ranking, grades, depth=depth + 1)


@given(st.lists(st.sampled_from(DOCUMENTS)))
def test_the_best_of_each_keeps_every_document_once_in_order(passages: list[str]) -> None:
    documents = best_of_each(passages)

    assert set(documents) == set(passages)
    assert [passages.index(document) for document in documents] == sorted({passages.index(name) for name in passages})


@settings(max_examples=10)  # 2,000 resamples each
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_interval_lies_within_the_values(values: list[float]) -> None:
    low, high = bootstrap_interval(values)
    rounding = 1e-12

    assert min(values) - rounding <= low <= high <= max(values) + rounding
