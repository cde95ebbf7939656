"""Properties of decoding branches together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qmd_mcp.inference.expanding.branch_decoding import Branch, Continuation, GenerationCancelled, generate, room_for
from qmd_mcp.inference.expanding.decoder import Decoder, Past
from qmd_mcp.inference.expanding.prompt_cache import PromptCache
from qmd_mcp.inference.hub.manifest import Sampling
from tests.tiny_decoders import FORMS, VOCABULARY, Form, decoder_graph, opened

DECODERS = {form: Decoder(opened(decoder_graph(form))) for form in FORMS}
PROMPT = [3, 14, 15, 9, 2, 6]
PASTS = {form: each.prefill(PROMPT, each.empty(room=len(PROMPT))) for form, each in DECODERS.items()}
GROUPED = Form("grouped")
GREEDY = Sampling(temperature=0)
TIE = 0.05
"""Logits that differ by less than this may change their order with the order of summation. They are near 7, where FP16
has a step of .004."""
SAMPLING = Sampling(temperature=1.5, top_k=8, top_p=0.95)

tokens = st.integers(0, VOCABULARY - 1)
branches = st.builds(
    Branch,
    forced=st.lists(tokens, min_size=1, max_size=4).map(tuple),
    budget=st.integers(1, 7),
    seed=st.integers(0, 2**64 - 1),
)
several = st.lists(branches, min_size=1, max_size=5)
stops = st.frozensets(tokens, max_size=25)


def continued(
    form: Form, wanted: Sequence[Branch], stop: frozenset[int], *, sampling: Sampling = SAMPLING
) -> tuple[Continuation, ...]:
    past = DECODERS[form].fork(PASTS[form], rows=len(wanted), room=room_for(wanted))
    return generate(DECODERS[form], past, wanted, stop=stop, sampling=sampling)


@pytest.mark.parametrize("form", FORMS, ids=str)
@settings(max_examples=12)
@example([Branch((50, 56, 34), budget=2, seed=0), Branch((0, 0, 0, 0), budget=1, seed=0)], frozenset())  # ends in a tie
@given(wanted=several, stop=stops)
def test_branches_together_are_each_branch_alone(form: Form, wanted: list[Branch], stop: frozenset[int]) -> None:
    if form.cache == "float16":
        together = continued(form, wanted, stop, sampling=GREEDY)
        for branch, beside in zip(wanted, together, strict=True):
            (by_itself,) = continued(form, [branch], stop, sampling=GREEDY)
            assert by_itself == beside or _parted_at_a_tie(form, branch, by_itself.tokens, beside.tokens)
    else:
        together = continued(form, wanted, stop)
        alone = [continued(form, [branch], stop)[0] for branch in wanted]
        assert list(together) == alone


def _parted_at_a_tie(form: Form, branch: Branch, one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two continuations first differ at tokens of equal probability: sums in FP16 depend on their order."""
    place = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    decoder = DECODERS[form]
    *known, last = (*PROMPT, *branch.forced, *one[:place])
    past = decoder.prefill(known, decoder.empty(room=len(known) + 1))
    logits, _ = decoder.step([last], past)
    drawn = [*one[place : place + 1], *other[place : place + 1]]
    return bool(logits[0, drawn].min() > logits[0].max() - TIE)


@given(wanted=several, stop=stops)
@settings(max_examples=60)
def test_a_budget_is_never_exceeded_and_the_stop_token_never_given(wanted: list[Branch], stop: frozenset[int]) -> None:
    for branch, continuation in zip(wanted, continued(GROUPED, wanted, stop), strict=True):
        assert len(continuation.tokens) <= branch.budget
        assert not stop.intersection(continuation.tokens)
        assert continuation.stopped or len(continuation.tokens) == branch.budget


@given(branch=branches, stop=stops, more=st.integers(1, 4))
@settings(max_examples=40)
def test_a_larger_budget_goes_on_from_the_smaller(branch: Branch, stop: frozenset[int], more: int) -> None:
    (short,) = continued(GROUPED, [branch], stop)
    (long,) = continued(GROUPED, [replace(branch, budget=branch.budget + more)], stop)
    assert long.tokens[: len(short.tokens)] == short.tokens
    assert long == short or not short.stopped


@given(wanted=several, stop=stops)
@settings(max_examples=20)
def test_the_same_seeds_give_the_same_and_leave_the_prompt_as_it_was(
    wanted: list[Branch], stop: frozenset[int]
) -> None:
    assert continued(GROUPED, wanted, stop) == continued(GROUPED, wanted, stop)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_query_behind_the_known_part_is_the_whole_prompt_whatever_was_asked_before(form: Form) -> None:
    decoder = DECODERS[form]
    # the rows end at different steps, so that some leave the batch and others are moved
    wanted = [Branch(forced=(1, 2), budget=6 - seed, seed=seed) for seed in range(3)]
    cache, room = PromptCache(decoder, PROMPT, room=5), room_for(wanted)
    greedy = Sampling(temperature=0)
    tails = [7, 8, 9, 1, 2], [7], [7, 8, 9, 1, 2, 3, 4], [7, 8, 9, 1, 2], [5]  # the third is longer than its room
    for tail, rows in zip(tails, (3, 3, 3, 2, 2), strict=True):
        whole = decoder.prefill([*PROMPT, *tail], decoder.empty(room=len(PROMPT) + len(tail)))
        pasts = (cache.past(tail, rows=rows, room=room), decoder.fork(whole, rows=rows, room=room))
        behind, anew = (generate(decoder, past, wanted[:rows], stop=(), sampling=greedy) for past in pasts)
        assert behind == anew


def test_repeats_of_a_branch_with_other_seeds_are_no_twins() -> None:
    wanted = [Branch(forced=(1,), budget=12, seed=seed) for seed in range(5)]
    assert len({each.tokens for each in continued(GROUPED, wanted, frozenset())}) > 1


class Counting:
    """A real decoder that counts the tokens that it is fed."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self.narrows = decoder.narrows
        self.keep = decoder.keep
        self.fed: list[int] = []

    def step(self, fed: Sequence[int], past: Past) -> object:
        self.fed.append(len(fed))
        return self._decoder.step(fed, past)


def test_every_step_feeds_one_token_to_each_branch_that_is_not_done() -> None:
    decoder = Counting(DECODERS[GROUPED])
    wanted = [Branch(forced=(1,), budget=1, seed=1), Branch(forced=(1, 2), budget=3, seed=2)]
    past = DECODERS[GROUPED].fork(PASTS[GROUPED], rows=2, room=room_for(wanted))
    generate(decoder, past, wanted, stop=(), sampling=SAMPLING)
    assert decoder.fed == [2, 1, 1, 1]


def test_no_branches_are_no_work() -> None:
    assert generate(DECODERS[GROUPED], PASTS[GROUPED], [], stop=(), sampling=SAMPLING) == ()


def test_cancelling_ends_before_the_next_step() -> None:
    decoder = Counting(DECODERS[GROUPED])
    with pytest.raises(GenerationCancelled):
        generate(
            decoder,
            DECODERS[GROUPED].fork(PASTS[GROUPED], rows=1, room=10),
            [Branch(forced=(1,), budget=9, seed=1)],
            stop=(),
            sampling=SAMPLING,
            cancelled=lambda: len(decoder.fed) == 3,
        )
    assert decoder.fed == [1, 1, 1]


@pytest.mark.parametrize(("forced", "budget"), [((), 1), ((1,), 0)])
def test_a_branch_begins_with_a_token_and_draws_one(forced: tuple[int, ...], budget: int) -> None:
    with pytest.raises(ValueError, match="needs a forced token and a budget of at least one"):
        Branch(forced=forced, budget=budget, seed=0)
