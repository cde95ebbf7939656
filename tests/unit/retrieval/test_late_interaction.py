"""Weights of tokens, and passages without states; the similarity itself is tested by properties."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.token_states import QueryStates
from qmd_mcp.retrieval.query.rarity import Rarities, TokenWeights, rarity, words_of
from qmd_mcp.retrieval.ranking.late_interaction import LateInteraction, max_similarity, nearest_tokens, unmet

pytestmark = pytest.mark.anyio


def passage(text: str) -> Passage:
    return Passage(
        docid=text,
        collection="notes",
        path=f"{text}.md",
        title="",
        ordinal=0,
        heading=(),
        breadcrumb="",
        text=text,
        start_line=1,
        end_line=1,
        start_char=0,
        end_char=len(text),
    )


AXES = {word: np.eye(8, dtype=np.float32)[number] for number, word in enumerate(("the", "lease", "expired", "leader"))}


def states_of(text: str) -> QueryStates:
    """Each word a direction of its own."""
    spans, start = [], 0
    for word in text.split():
        spans.append((start, start + len(word)))
        start += len(word) + 1
    states = np.array([AXES[word] for word in text.split()])
    return QueryStates(states, spans=tuple(spans), vector=states.mean(axis=0))


@dataclass(frozen=True)
class Kept:
    """States in memory."""

    texts: tuple[str, ...]

    async def states(self, passages: Sequence[Passage]) -> Mapping[str, np.ndarray]:
        kept = [each for each in passages if each.text in self.texts]
        return {each.text_hash: np.array([AXES[word] for word in each.text.split()]) for each in kept}


@dataclass(frozen=True)
class Words:
    """A term is the word in lower case."""

    counts: Mapping[str, int]

    async def terms_of(self, text: str) -> Sequence[str]:
        return text.lower().split()

    async def frequencies(self, terms: Sequence[str]) -> Mapping[str, int]:
        return {term: self.counts.get(term, 0) for term in terms}

    async def passages(self) -> int:
        return 100


def late(*texts: str, **counts: int) -> LateInteraction:
    return LateInteraction(index=Kept(texts), rarities=Rarities(Words(counts)))


async def test_a_rare_word_found_counts_more_than_a_frequent_one_found() -> None:
    interaction = late("the leader", "lease leader", the=99, lease=2)
    compared = await interaction.compare(
        "the lease", states_of("the lease"), [passage("the leader"), passage("lease leader")]
    )
    frequent, rare = compared.maxsim
    assert rare > frequent > 0


async def test_passages_without_states_have_no_score() -> None:
    found = await late("the lease").compare("lease", states_of("lease"), [passage("expired"), passage("the lease")])
    assert np.isnan(found.maxsim[0])
    assert np.isnan(found.unmet[0])
    assert found.maxsim[1] == pytest.approx(1.0)


async def test_an_index_without_states_or_candidates_compares_nothing() -> None:
    interaction = late()
    assert np.isnan((await interaction.compare("the", states_of("the"), [passage("the")])).maxsim).all()
    assert (await interaction.compare("the", states_of("the"), [])).unmet.shape == (0,)


async def test_a_query_that_holds_the_separator_of_words_is_one_like_any_other() -> None:
    rarities = Rarities(Words({"lease": 1}))
    weights = await rarities.weights("qzpassagebreakzq lease", [(0, 0), (0, 16), (17, 22), (0, 0)])
    other = await rarities.weights("another lease", [(0, 0), (0, 7), (8, 13), (0, 0)])
    assert weights.tokens.tolist() == other.tokens.tolist()


async def test_the_rarest_word_that_a_passage_does_not_meet_is_told_and_function_words_do_not_count() -> None:
    interaction = late("the leader", "lease expired", "lease leader", the=99, leader=10, lease=50)
    query = "the lease leader"
    passages = [passage("the leader"), passage("lease expired"), passage("lease leader")]
    without_lease, without_leader, whole = (await interaction.compare(query, states_of(query), passages)).unmet
    assert 1 > without_leader > without_lease > whole == 0
    absent = await interaction.compare("expired leader", states_of("expired leader"), [passage("lease leader")])
    assert absent.unmet == pytest.approx([1.0])


def test_a_word_that_a_passage_says_in_another_way_is_nearly_met() -> None:
    near = np.array([[0.8, 0.6]], dtype=np.float32)
    query = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    weights = TokenWeights(
        tokens=np.ones(3, dtype=np.float32),
        word_of=np.array([[0.5, 0], [0.5, 0], [0, 1]], dtype=np.float32),
        words=np.array([1.0, 0.1], dtype=np.float32),
    )
    met, other = unmet(nearest_tokens(query, [near, near[:, ::-1]]), weights)
    assert met == pytest.approx(0.2)
    assert other == pytest.approx(0.4)


async def test_a_query_of_function_words_alone_lacks_nothing() -> None:
    found = await late("the leader").compare("the", states_of("the"), [passage("the leader"), passage("lease")])
    assert found.unmet[0] == 0
    assert np.isnan(found.unmet[1])


def test_pieces_of_one_word_share_it_and_signs_and_special_tokens_have_none() -> None:
    query = "what's ERR_CONN in 3.11?"
    spans = [(0, 0), (0, 4), (4, 5), (5, 6), (7, 10), (10, 11), (11, 13), (13, 15), (16, 18), (19, 20), (20, 21)]
    spans += [(21, 23), (23, 24), (0, 0)]
    words = words_of(query, spans)
    assert words == ["", "what", "", "s", "ERR", "", "CONN", "CONN", "in", "3", "", "11", "", ""]


def test_rarity_falls_with_frequency_and_stays_above_zero() -> None:
    values = [rarity(frequency, total=100) for frequency in (0, 1, 50, 100, 200)]
    assert values == sorted(values, reverse=True)
    assert values[-1] > 0


def test_weights_say_how_much_each_token_of_the_query_counts() -> None:
    query = np.array([AXES["lease"], AXES["the"]])
    passages = [np.array([AXES["lease"]]), np.array([AXES["the"]])]
    scores = max_similarity(query, passages, weights=np.array([3, 1], dtype=np.float32))
    np.testing.assert_allclose(scores, [0.75, 0.25])
    assert np.isnan(max_similarity(query, passages, weights=np.zeros(2, dtype=np.float32))).all()
