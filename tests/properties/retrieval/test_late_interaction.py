import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qmd_mcp.domain.token_states import packed, unpacked
from qmd_mcp.retrieval.ranking.late_interaction import max_similarity

WIDTH = 64


def unit(states: np.ndarray) -> np.ndarray:
    return (states / np.linalg.norm(states, axis=1, keepdims=True)).astype(np.float32)


@st.composite
def token_states(draw: st.DrawFn) -> np.ndarray:
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    return unit(generator.standard_normal((draw(st.integers(1, 12)), WIDTH)))


@given(token_states(), st.lists(token_states(), max_size=6))
def test_no_passage_is_nearer_than_one_with_the_querys_own_states(query: np.ndarray, others: list[np.ndarray]) -> None:
    scores = max_similarity(query, [query, *others])
    assert np.isclose(scores[0], 1.0, atol=1e-5)
    assert (scores[1:] <= scores[0] + 1e-5).all()


@given(token_states(), st.lists(token_states(), min_size=1, max_size=6))
def test_a_passage_has_one_score_in_any_company(query: np.ndarray, passages: list[np.ndarray]) -> None:
    together = max_similarity(query, passages)
    alone = [max_similarity(query, [each])[0] for each in passages]
    np.testing.assert_allclose(together, alone, atol=1e-5)


@given(token_states(), token_states(), st.randoms())
def test_the_order_of_a_passages_tokens_does_not_count(query: np.ndarray, passage: np.ndarray, random: object) -> None:
    shuffled = np.random.default_rng(0).permutation(passage)
    np.testing.assert_allclose(max_similarity(query, [passage]), max_similarity(query, [shuffled]), atol=1e-5)


@given(token_states(), token_states(), token_states())
def test_more_tokens_never_take_a_passage_farther_away(
    query: np.ndarray, passage: np.ndarray, more: np.ndarray
) -> None:
    longer = np.concatenate((passage, more))
    assert max_similarity(query, [longer])[0] >= max_similarity(query, [passage])[0] - 1e-5


@given(token_states(), st.lists(st.one_of(st.none(), token_states()), max_size=6))
def test_a_passage_without_states_has_no_score_and_the_others_keep_theirs(
    query: np.ndarray, passages: list[np.ndarray | None]
) -> None:
    scores = max_similarity(query, passages)
    assert [bool(np.isnan(score)) for score in scores] == [each is None for each in passages]
    present = [each for each in passages if each is not None]
    np.testing.assert_allclose(scores[~np.isnan(scores)], max_similarity(query, present), atol=1e-5)


@given(token_states())
def test_packed_states_keep_the_sign_of_every_value_and_come_back_with_unit_length(states: np.ndarray) -> None:
    codes = packed(states)
    assert codes.shape == (len(states), WIDTH // 8)
    back = unpacked(codes)
    np.testing.assert_array_equal(np.sign(back), np.where(states > 0, 1, -1))
    np.testing.assert_allclose(np.linalg.norm(back, axis=1), 1.0, atol=1e-5)
