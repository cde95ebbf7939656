"""Features by small examples."""

from dataclasses import replace

import numpy as np
import pytest

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import Ranking
from qmd_mcp.retrieval.candidates.evidence import Evidence, gather
from qmd_mcp.retrieval.query.term_occurrences import Term
from qmd_mcp.retrieval.ranking.features import CANDIDATE_FEATURES, QUERY_FEATURES, Features, features

TERMS = (Term("data", passages=50), Term("pool", passages=5))


def evidence_of(*texts: str, terms: tuple[Term, ...] = TERMS) -> Evidence:
    """Passages of these texts, all found by both lists, the first best."""
    passages = tuple(Passage(f"{n}", "c", f"{n}.md", "", 0, (), "", text, 1, 1, 0, 1) for n, text in enumerate(texts))
    angles = np.arange(len(texts), dtype=np.float32) / 10
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    ranking = Ranking(passages, np.linspace(9, 1, len(texts), dtype=np.float32), vectors)
    query = np.array([1.0, 0.0], dtype=np.float32)
    return gather(lexical=ranking, dense=ranking, query=query, terms=terms, indexed=100)


def column(found: Features, name: str) -> list[float]:
    return found.candidates[:, CANDIDATE_FEATURES.index(name)].tolist()


def of_query(found: Features, name: str) -> float:
    return float(found.query[QUERY_FEATURES.index(name)])


def test_a_rare_term_covers_more_of_the_query_than_a_common_one() -> None:
    neither, common, rare, both = column(
        features(evidence_of("other", "data", "pools", "pool of data"), text="data pool"), "coverage"
    )
    assert neither == 0 < common < rare < both
    assert both == pytest.approx(1)


def test_the_rarest_term_that_a_passage_lacks_is_told_and_one_that_the_index_lacks_counts_whole() -> None:
    neither, common, rare, both = column(
        features(evidence_of("other", "data", "pools", "pool of data"), text="data pool"), "missing"
    )
    assert 1 > neither == common > rare > both == 0
    absent = evidence_of("data pool", terms=(*TERMS, Term("zeppelin", passages=0)))
    assert column(features(absent, text="data pool zeppelin"), "missing") == pytest.approx([1])


def test_pairs_count_in_the_order_of_the_query_and_nearness_in_any() -> None:
    found = features(evidence_of("data pool", "pool data", f"data {'x ' * 20} pool"), text="data pool")
    assert column(found, "pairs") == pytest.approx([1, 0, 0])
    assert column(found, "nearness")[0] == pytest.approx(column(found, "nearness")[1])
    assert column(found, "nearness")[2] == 0
    assert column(found, "complete") == [1, 1, 1]


def test_the_query_is_described_too() -> None:
    asked = features(evidence_of("def pool(data):\n    return data"), text="how does the data pool work")
    told = features(evidence_of("The pool holds all of the data."), text="data pool")
    assert of_query(asked, "question") == 1
    assert of_query(told, "question") == 0
    assert of_query(asked, "code") > of_query(told, "code")
    assert of_query(told, "length") == pytest.approx(np.log(3))
    assert of_query(told, "closest") == pytest.approx(1)


def test_a_passage_that_is_not_embedded_counts_as_the_farthest() -> None:
    whole = evidence_of("data", "pool", "data pool")
    cosine, vectors = whole.cosine.copy(), whole.vectors.copy()
    cosine[1], vectors[1] = np.nan, np.nan
    found = features(replace(whole, cosine=cosine, vectors=vectors), text="data pool")
    assert np.isfinite(found.candidates).all()
    assert column(found, "meaning")[1] == min(column(found, "meaning"))


def test_late_interaction_counts_where_it_was_computed_and_as_the_least_where_not() -> None:
    whole = evidence_of("data", "pool", "data pool")
    found = features(replace(whole, maxsim=np.array([5.0, np.nan, 9.0], dtype=np.float32)), text="data pool")
    assert column(found, "late")[0] == column(found, "late")[1] < column(found, "late")[2]
    assert column(features(whole, text="data pool"), "late") == [0, 0, 0]


def test_without_terms_vectors_or_differences_every_feature_is_finite() -> None:
    alone = evidence_of("data", terms=())
    bare = replace(
        alone, cosine=np.full(1, np.nan, dtype=np.float32), vectors=np.full((1, 2), np.nan, dtype=np.float32)
    )
    for each in (alone, bare):
        found = features(each, text="?")
        assert np.isfinite(found.candidates).all()
        assert np.isfinite(found.query).all()


def test_no_candidates_have_no_features() -> None:
    empty = Ranking((), np.empty(0, dtype=np.float32), np.empty((0, 2), dtype=np.float32))
    found = features(gather(lexical=empty, dense=None, query=None), text="data")
    assert found.candidates.shape == (0, len(CANDIDATE_FEATURES))
    assert found.query.shape == (len(QUERY_FEATURES),)
