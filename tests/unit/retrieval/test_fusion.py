"""Fusion by hand-computed examples."""

import numpy as np
import pytest

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import Ranking
from qmd_mcp.retrieval.candidates.evidence import Evidence, gather
from qmd_mcp.retrieval.ranking.fusion import convex, lexical_first, reciprocal_ranks, supported


def passage(name: str) -> Passage:
    return Passage(name, "c", f"{name}.md", name, 0, (), "", name, 1, 1, 0, 1)


def unit(angle: float) -> np.ndarray:
    return np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)


def ranking(**found: tuple[float, float]) -> Ranking:
    """Name = (score, angle to the query)."""
    return Ranking(
        passages=tuple(passage(name) for name in found),
        scores=np.array([score for score, _ in found.values()], dtype=np.float32),
        vectors=np.array([unit(angle) for _, angle in found.values()], dtype=np.float32).reshape(-1, 2),
    )


@pytest.fixture
def evidence() -> Evidence:
    lexical = ranking(a=(8.0, 1.2), b=(4.0, 0.5))
    dense = ranking(c=(0.0, 0.0), b=(0.0, 0.5), d=(0.0, 1.0))
    return gather(lexical=lexical, dense=dense, query=unit(0.0))


def test_evidence_is_the_union_with_exact_cosines(evidence: Evidence) -> None:
    assert [each.docid for each in evidence.passages] == ["a", "b", "c", "d"]
    assert evidence.bm25.tolist() == [8.0, 4.0, 0.0, 0.0]
    assert evidence.cosine == pytest.approx(np.cos([1.2, 0.5, 0.0, 1.0]), abs=1e-6)


def test_the_convex_sum_follows_its_formula(evidence: Evidence) -> None:
    best, last = 1.0, np.cos(1.0)
    dense = (np.cos([1.2, 0.5, 0.0, 1.0]) - last) / (best - last)
    lexical = np.array([8.0, 4.0, 0.0, 0.0]) / 8.0
    assert convex(evidence, alpha=0.3) == pytest.approx(0.3 * dense + 0.7 * lexical, abs=1e-5)


def test_reciprocal_ranks_add_up_over_the_lists(evidence: Evidence) -> None:
    assert reciprocal_ranks(evidence, k=60) == pytest.approx([1 / 61, 1 / 62 + 1 / 62, 1 / 61, 1 / 63])


def test_where_the_embedder_is_a_stranger_bm25_decides_and_cosine_orders_the_rest(evidence: Evidence) -> None:
    scores = lexical_first(evidence)
    assert scores[:2].tolist() == [1.0, 0.5]
    assert 0.0 >= scores[2] > scores[3]


def test_without_dense_retrieval_bm25_decides() -> None:
    alone = gather(lexical=ranking(a=(8.0, 1.2), b=(4.0, 0.5)), dense=None, query=None)
    assert lexical_first(alone).tolist() == [1.0, 0.5]


def test_a_sub_query_lifts_what_it_finds_but_not_above_what_both_lists_have() -> None:
    lexical = ranking(a=(8.0, 0.9), b=(7.9, 0.2))
    dense = ranking(c=(0.0, 0.1), b=(0.0, 0.2), d=(0.0, 1.0))
    sub_query = ranking(c=(3.0, 0.1), new=(2.0, 1.4))
    evidence = gather(lexical=lexical, dense=dense, query=unit(0.0), supporting=[sub_query])
    before = convex(evidence, alpha=0.5)
    after = supported(before, evidence)
    names = [each.docid for each in evidence.passages]
    assert names[int(before.argmax())] == names[int(after.argmax())] == "b"
    assert after[names.index("c")] > before[names.index("c")]
    assert after[names.index("new")] > before[names.index("new")]
    assert after[names.index("a")] == before[names.index("a")]


def test_nothing_found_is_no_error() -> None:
    empty = gather(lexical=ranking(), dense=None, query=None)
    assert len(empty) == 0
    assert convex(empty, alpha=0.5).tolist() == []


def test_equal_cosines_do_not_divide_by_zero() -> None:
    same = gather(lexical=ranking(), dense=ranking(a=(0.0, 0.7), b=(0.0, 0.7)), query=unit(0.0))
    assert convex(same, alpha=0.5).tolist() == [0.5, 0.5]


def test_a_passage_without_a_vector_has_no_dense_share() -> None:
    lexical = Ranking((passage("a"),), np.array([2.0], dtype=np.float32), np.full((1, 2), np.nan, dtype=np.float32))
    mixed = gather(lexical=lexical, dense=ranking(b=(0.0, 0.1), c=(0.0, 0.9)), query=unit(0.0))
    assert convex(mixed, alpha=0.5)[0] == pytest.approx(0.5)
