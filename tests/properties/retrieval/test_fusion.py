"""What every fusion keeps."""

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import Ranking
from qmd_mcp.inference.hub.catalogue import models_folder
from qmd_mcp.retrieval.candidates.evidence import UNRANKED, gather
from qmd_mcp.retrieval.query.term_occurrences import Term
from qmd_mcp.retrieval.ranking.features import features
from qmd_mcp.retrieval.ranking.fusion import adaptive, convex, reciprocal_ranks, supported
from qmd_mcp.retrieval.ranking.trained_weights import read_weights

NAMES = st.lists(st.integers(0, 30), unique=True, max_size=20)


def ranking(names: list[int], scores: list[float]) -> Ranking:
    """Passages of these names; vectors depend on the name alone, as in a real index."""
    passages = tuple(Passage(f"{name}", "c", "p", "t", 0, (), "", "x", 1, 1, 0, 1) for name in names)
    angles = np.array(names, dtype=np.float32) / 10
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    return Ranking(passages, np.array(sorted(scores, reverse=True)[: len(names)], dtype=np.float32), vectors)


@given(
    lexical=NAMES, dense=NAMES, scores=st.lists(st.floats(0.01, 50), min_size=20, max_size=20), alpha=st.floats(0, 1)
)
def test_fusion_keeps_every_candidate_and_invents_none(
    lexical: list[int], dense: list[int], scores: list[float], alpha: float
) -> None:
    query = np.array([1.0, 0.0], dtype=np.float32)
    evidence = gather(lexical=ranking(lexical, scores), dense=ranking(dense, scores), query=query)
    assert {int(each.docid) for each in evidence.passages} == {*lexical, *dense}
    for fused in (convex(evidence, alpha=alpha), reciprocal_ranks(evidence, k=60)):
        assert fused.shape == (len(evidence),)
        assert np.isfinite(fused).all()


@given(lexical=NAMES, dense=NAMES, k=st.integers(1, 100))
def test_what_no_list_ranks_lower_never_scores_lower(lexical: list[int], dense: list[int], k: int) -> None:
    query = np.array([1.0, 0.0], dtype=np.float32)
    evidence = gather(lexical=ranking(lexical, [1.0] * 20), dense=ranking(dense, [1.0] * 20), query=query)
    fused = reciprocal_ranks(evidence, k=k)
    for better, worse in permutations(range(len(evidence)), 2):
        ahead = [ranks[better] - ranks[worse] for ranks in (evidence.lexical_rank, evidence.dense_rank)]
        if max(ahead) <= 0 and min(ahead) < 0:
            assert fused[better] > fused[worse]


@given(lexical=NAMES, dense=NAMES, sub_queries=st.lists(NAMES, max_size=3), alpha=st.floats(0, 1))
def test_a_sub_query_never_lifts_anything_above_what_both_lists_have(
    lexical: list[int], dense: list[int], sub_queries: list[list[int]], alpha: float
) -> None:
    query = np.array([1.0, 0.0], dtype=np.float32)
    scores = [20.0 - rank for rank in range(20)]
    evidence = gather(
        lexical=ranking(lexical, scores),
        dense=ranking(dense, scores),
        query=query,
        supporting=[ranking(names, scores) for names in sub_queries],
    )
    before = convex(evidence, alpha=alpha)
    after = supported(before, evidence)
    agreed = (evidence.lexical_rank != UNRANKED) & (evidence.dense_rank != UNRANKED)
    for both, other in permutations(range(len(evidence)), 2):
        if agreed[both] and before[both] > before[other] and not agreed[other]:
            assert after[both] > after[other]
    assert (after[agreed] >= before[agreed]).all()


WEIGHTS = read_weights(models_folder() / "mini" / "fusion").fusion


@given(lexical=NAMES, dense=NAMES, scores=st.lists(st.floats(0.01, 50), min_size=20, max_size=20), text=st.text())
def test_the_adaptive_sum_scores_every_candidate_from_nothing_to_one(
    lexical: list[int], dense: list[int], scores: list[float], text: str
) -> None:
    query = np.array([1.0, 0.0], dtype=np.float32)
    terms = tuple(Term(word, passages=1) for word in text.split())
    evidence = gather(
        lexical=ranking(lexical, scores), dense=ranking(dense, scores), query=query, terms=terms, indexed=40
    )
    fused = adaptive(evidence, features(evidence, text=text), weights=WEIGHTS)
    assert fused.shape == (len(evidence),)
    assert ((fused >= 0) & (fused <= 1)).all()
    assert not len(fused) or fused.max() == 1
