"""Relevance and verdict by small examples."""

from dataclasses import replace

import numpy as np
import pytest

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import FloatArray, Ranking
from qmd_mcp.retrieval.answering.relevance import SIGNS, Signs, relevance, signs
from qmd_mcp.retrieval.answering.verdict import answerable, verdict_of
from qmd_mcp.retrieval.candidates.evidence import Evidence, gather
from qmd_mcp.retrieval.query.term_occurrences import Term
from qmd_mcp.retrieval.ranking.features import features
from qmd_mcp.retrieval.ranking.trained_weights import RelevanceWeights, VerdictWeights

BY_COSINE = VerdictWeights(intercept=-5.0, linear={"cosine": 10.0}, none_below=0.5, answered_below=0.1, good_from=0.6)


def evidence_of(documents: list[str], *, cosines: list[float]) -> Evidence:
    passages = tuple(Passage(each, "c", each, "", n, (), "", "text", 1, 1, 0, 1) for n, each in enumerate(documents))
    vectors = np.array([[each, np.sqrt(1 - each**2)] for each in cosines], dtype=np.float32)
    nothing = Ranking((), np.empty(0, dtype=np.float32), np.empty((0, 2), dtype=np.float32))
    dense = Ranking(passages, np.array(cosines, dtype=np.float32), vectors)
    return gather(lexical=nothing, dense=dense, query=np.array([1, 0], dtype=np.float32))


def signs_of(documents: list[str], scores: list[float], *, cosines: list[float]) -> Signs:
    evidence = evidence_of(documents, cosines=cosines)
    return signs(evidence, features(evidence, text="text"), np.array(scores, dtype=np.float32))


def of(found: Signs, name: str) -> FloatArray:
    return found.named()[name]


def test_the_odds_of_all_documents_add_up_to_one() -> None:
    found = signs_of(["a", "b", "c"], [3, 2, 1], cosines=[0.9, 0.8, 0.7])
    assert (1 / (1 + np.exp(-of(found, "odds")))).sum() == pytest.approx(1, abs=1e-5)


def test_passages_of_one_document_share_its_odds() -> None:
    found = signs_of(["a", "b", "a"], [3, 2, 1], cosines=[0.9, 0.8, 0.7])
    assert of(found, "odds")[0] == of(found, "odds")[2] > of(found, "odds")[1]


def test_ranks_follow_the_scores_and_leads_are_counted_to_the_best_of_another_document() -> None:
    found = signs_of(["a", "a", "b"], [5, 4, 1], cosines=[0.9, 0.8, 0.7])
    assert of(found, "rank") == pytest.approx(np.log([1, 2, 3]))
    assert of(found, "lead")[0] > of(found, "lead")[1] > 0 > of(found, "lead")[2]


@pytest.mark.parametrize(("factor", "shift"), [(1.0, 0.0), (30.0, 0.0), (0.01, -5.0)])
def test_no_unit_of_the_scores_changes_a_sign(factor: float, shift: float) -> None:
    plain = signs_of(["a", "b", "c"], [3, 2, 1], cosines=[0.9, 0.8, 0.7])
    moved = signs_of(["a", "b", "c"], [factor * each + shift for each in (3, 2, 1)], cosines=[0.9, 0.8, 0.7])
    assert moved.values == pytest.approx(plain.values, abs=1e-4)


def test_a_candidate_that_was_not_compared_lacks_as_much_as_the_worst_that_was() -> None:
    evidence = evidence_of(["a", "b", "c"], cosines=[0.9, 0.8, 0.7])
    scores = np.array([3, 2, 1], dtype=np.float32)
    compared = replace(evidence, unmet=np.array([0.2, 0.6, np.nan], dtype=np.float32))
    assert of(signs(compared, features(compared, text="text"), scores), "unmet") == pytest.approx([0.2, 0.6, 0.6])


def test_without_token_states_a_candidate_lacks_the_rarest_term_that_it_does_not_have() -> None:
    evidence = replace(
        evidence_of(["a", "b"], cosines=[0.9, 0.8]), terms=(Term("text", passages=9), Term("zeppelin", 0)), indexed=9
    )
    known = features(evidence, text="text zeppelin")
    assert of(signs(evidence, known, np.array([2, 1], dtype=np.float32)), "unmet") == pytest.approx([1, 1])


def test_a_lead_is_doubted_as_far_as_the_candidate_lacks_what_was_asked_for() -> None:
    evidence = evidence_of(["a", "b", "c"], cosines=[0.9, 0.8, 0.7])
    known, scores = features(evidence, text="text"), np.array([9, 2, 1], dtype=np.float32)
    whole, lacking = (
        signs(replace(evidence, unmet=np.full(3, each, dtype=np.float32)), known, scores) for each in (0.1, 0.7)
    )
    assert of(lacking, "doubt")[0] == pytest.approx(7 * of(whole, "doubt")[0])
    assert of(lacking, "odds")[0] > 0 > of(lacking, "odds")[1]
    assert of(lacking, "doubt")[1] == 0


def test_relevance_is_a_probability_that_grows_with_the_odds() -> None:
    found = signs_of(["a", "b", "c"], [3, 2, 1], cosines=[0.9, 0.8, 0.7])
    likely = relevance(found, weights=RelevanceWeights(intercept=0.0, linear={"odds": 1.0}))
    assert 1 > likely[0] > likely[1] > likely[2] > 0


def test_a_candidate_that_lacks_the_rarest_word_is_never_likely() -> None:
    evidence = evidence_of(["a", "b", "c"], cosines=[0.9, 0.8, 0.7])
    lacking = replace(evidence, unmet=np.array([0.7, 0.4, 0.9], dtype=np.float32))
    found = signs(lacking, features(lacking, text="text"), np.array([3, 2, 1], dtype=np.float32))
    weights = RelevanceWeights(intercept=2.0, linear={"odds": 0.1}, lacking_from=0.7, lacking_at_most=0.45)
    first, second, third = relevance(found, weights=weights)
    assert first == third == pytest.approx(0.45)
    assert second > 0.8


@pytest.mark.parametrize(("cosine", "likely", "verdict"), [(0.2, 0.9, "none"), (0.9, 0.3, "weak"), (0.9, 0.7, "good")])
def test_the_verdict_asks_first_whether_there_is_an_answer_and_then_whether_it_is_first(
    cosine: float, likely: float, verdict: str
) -> None:
    found = signs_of(["a", "b"], [0.5, 1.0], cosines=[0.95, cosine])
    relevances = np.array([0.99, likely], dtype=np.float32)
    assert verdict_of(found, relevances, first=1, weights=BY_COSINE) == verdict


def test_the_best_of_nothing_is_none() -> None:
    found = signs_of([], [], cosines=[])
    empty = np.empty(0, dtype=np.float32)
    assert found.values.shape == (0, len(SIGNS))
    assert relevance(found, weights=RelevanceWeights(intercept=0.0, linear={"cosine": 1.0})).shape == (0,)
    assert verdict_of(found, empty, first=None, weights=BY_COSINE) == "none"


def test_one_candidate_alone_has_finite_signs() -> None:
    found = signs_of(["a"], [2.0], cosines=[0.5])
    assert np.isfinite(found.values).all()
    assert answerable(found, first=0, weights=BY_COSINE) == pytest.approx(0.5, abs=1e-5)
