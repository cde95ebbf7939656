"""Properties of the sampling of the next token."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.inference.expanding.sampling import Sampler, greatest
from qmd_mcp.inference.hub.manifest import Sampling

seeds = st.integers(0, 2**64 - 1)


def values(seed: int, *, count: int) -> FloatArray:
    return np.random.default_rng(seed).standard_normal(count).astype(np.float32)


@given(seed=seeds, width=st.integers(1, 9_000), count=st.integers(1, 60))
def test_the_greatest_are_those_of_a_sort(seed: int, width: int, count: int) -> None:
    logits = values(seed, count=width)
    np.testing.assert_array_equal(greatest(logits, count=count), np.sort(np.argsort(-logits)[:count]))


@given(seed=seeds)
def test_the_same_seed_draws_the_same_tokens(seed: int) -> None:
    logits = values(seed, count=500)
    first, second = Sampler(Sampling(), seed=seed), Sampler(Sampling(), seed=seed)
    assert [first.draw(logits) for _ in range(20)] == [second.draw(logits) for _ in range(20)]


@given(seed=seeds, top_k=st.integers(1, 30))
def test_no_token_beyond_the_best_k_is_drawn(seed: int, top_k: int) -> None:
    logits = values(seed, count=3_000)
    sampler = Sampler(Sampling(temperature=2.0, top_k=top_k, top_p=1.0, presence_penalty=0.0), seed=seed)
    best = set(np.argsort(-logits)[:top_k].tolist())
    assert {sampler.draw(logits) for _ in range(40)} <= best


def test_the_nucleus_is_the_fewest_tokens_that_reach_their_share() -> None:
    logits = np.log(np.array([0.5, 0.29, 0.15, 0.06], dtype=np.float32))
    sampler = Sampler(Sampling(temperature=1.0, top_k=4, top_p=0.78, presence_penalty=0.0), seed=3)
    assert {sampler.draw(logits) for _ in range(200)} == {0, 1}


def test_temperature_zero_takes_the_most_likely() -> None:
    logits = values(1, count=400)
    sampler = Sampler(Sampling(temperature=0, presence_penalty=0.0), seed=1)
    assert {sampler.draw(logits) for _ in range(3)} == {int(logits.argmax())}


@given(seed=seeds)
def test_a_great_penalty_draws_every_token_once(seed: int) -> None:
    sampler = Sampler(Sampling(temperature=0, top_k=3, presence_penalty=2.0), seed=seed)
    logits = values(seed, count=90) / 10
    assert sorted(sampler.draw(logits) for _ in range(90)) == list(range(90))


def test_logits_are_left_as_they_are() -> None:
    logits = values(2, count=600)
    before = logits.copy()
    sampler = Sampler(Sampling(), seed=2)
    for _ in range(5):
        sampler.draw(logits)
    np.testing.assert_array_equal(logits, before)
