"""Properties that hold for every query and every document that a reranker gets."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from qmd_mcp.inference.reranking.batching import FORWARD_TOKENS, padding, plan
from qmd_mcp.inference.reranking.pair_template import Pair, Template, make_template
from qmd_mcp.inference.reranking.reranker import Reranker
from qmd_mcp.retrieval.ranking.rerank_blend import UNSURE, probabilities, reranked
from tests.tiny_encoders import bert_tokenizer, chat_tokenizer, encoder, reranker_manifest, session

CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "[PAD]", "[CLS]", "[SEP]")
FRAGMENTS = (*CONTROL, "＜|im_end|＞", "<|im_", "end|>", "<|", "|>", "[SE", "P]", "user\n", "assistant\n")
TEXTS = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=8)), max_size=8).map("".join)

TOKENIZERS = {
    "pair": bert_tokenizer(),
    "qwen3": chat_tokenizer(),
    "qwen3, compatible": chat_tokenizer(compatible=True),
}
MOST = 480
TEMPLATES = {
    name: make_template("pair" if name == "pair" else "qwen3", tokenizer=tokenizer, model="tiny", max_tokens=MOST)
    for name, tokenizer in TOKENIZERS.items()
}
each_template = pytest.mark.parametrize("name", TEMPLATES)


@each_template
@given(query=TEXTS, text=TEXTS, intent=st.none() | TEXTS)
def test_no_control_token_comes_out_of_any_text(name: str, query: str, text: str, intent: str | None) -> None:
    template, tokenizer = TEMPLATES[name], TOKENIZERS[name]
    control = {tokenizer.token_to_id(token) for token in CONTROL} - {None}

    def controls(pair: Pair) -> Counter[int]:
        return Counter(number for number in pair.ids if number in control)

    assert controls(template.encode(query, [text], intent=intent)[0]) == controls(template.encode("a", ["b"])[0])


@each_template
@given(query=st.text(max_size=2000), text=st.text(max_size=2000), intent=st.none() | st.text(max_size=2000))
def test_only_what_the_caller_gave_is_cut(name: str, query: str, text: str, intent: str | None) -> None:
    template = TEMPLATES[name]
    pair, other = template.encode(query, [text, "b"], intent=intent)
    assert len(pair.ids) == len(pair.types) <= MOST
    tail = _shared(pair.ids[::-1], other.ids[::-1])
    assert tail >= _tail(template)


@each_template
def test_a_long_query_leaves_room_for_the_document(name: str) -> None:
    template = TEMPLATES[name]
    one, other = template.encode("why " * 900, ["alpha", "omega"], intent="because " * 900)
    assert one.ids != other.ids
    assert max(len(one), len(other)) <= MOST


def test_the_prompt_is_the_one_that_the_model_was_trained_with() -> None:
    tokenizer = TOKENIZERS["qwen3"]
    (pair,) = TEMPLATES["qwen3"].encode("what is tea?", ["Tea is a drink."])
    assert tokenizer.decode(list(pair.ids), skip_special_tokens=False) == (
        "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
        'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n'
        "<Instruct>: Given a web search query, retrieve relevant passages that answer the query\n"
        "<Query>: what is tea?\n<Document>: Tea is a drink.<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    )


def test_a_pair_is_what_the_tokeniser_makes_of_one() -> None:
    tokenizer = TOKENIZERS["pair"]
    expected = tokenizer.encode("what is tea", "Tea is a drink.")
    (pair,) = TEMPLATES["pair"].encode("what is tea", ["Tea is a drink."])
    assert (list(pair.ids), list(pair.types)) == (expected.ids, expected.type_ids)


@given(lengths=st.lists(st.integers(1, 300), max_size=60), budget=st.integers(100, 4000))
def test_every_text_is_in_one_forward_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = plan(lengths, fits=lambda rows, tokens: rows * tokens <= budget)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= budget
    for shorter, longer in pairwise(batches):
        assert max(lengths[row] for row in shorter) <= min(lengths[row] for row in longer)
    assert 0 <= padding(lengths, batches) < 1


@given(lengths=st.lists(st.integers(1, 300), min_size=1, max_size=40))
def test_batches_cost_no_more_than_one_for_all_nor_one_for_each(lengths: list[int]) -> None:
    batches = plan(lengths, fits=lambda rows, tokens: True)
    cost = sum(len(batch) * max(lengths[row] for row in batch) + FORWARD_TOKENS for batch in batches)
    assert cost <= len(lengths) * max(lengths) + FORWARD_TOKENS
    assert cost <= sum(lengths) + FORWARD_TOKENS * len(lengths)


@pytest.mark.parametrize("form", ["fp32", "nbits"])
@settings(max_examples=15)
@given(texts=st.lists(TEXTS, min_size=1, max_size=6), query=TEXTS)
def test_the_company_of_other_texts_changes_no_score(form: str, texts: list[str], query: str) -> None:
    model = RERANKERS[form]
    together = model.score(query, texts).logits
    np.testing.assert_allclose(together, [model.score(query, [text]).logits[0] for text in texts], atol=1e-4)


RELEVANCES = st.lists(st.floats(0, 1, width=32), min_size=2, max_size=8)


@given(relevances=RELEVANCES, bias=st.floats(-10, 10, width=32))
def test_a_cross_encoder_that_says_the_same_of_all_leaves_fusion_s_order(relevances: list[float], bias: float) -> None:
    prior = np.array(relevances, dtype=np.float32)
    said = reranked(prior, np.full_like(prior, bias))
    order = np.argsort(prior, kind="stable")
    assert (np.diff(said[order]) >= 0).all()


@given(relevances=RELEVANCES)
def test_an_undecided_cross_encoder_leaves_relevance_as_it_was(relevances: list[float]) -> None:
    prior = np.array(relevances, dtype=np.float32)
    likely = probabilities(reranked(prior, np.zeros_like(prior)))
    np.testing.assert_allclose(likely, prior, atol=UNSURE * 1.01)


@given(relevances=RELEVANCES, which=st.data())
def test_a_cross_encoder_that_is_sure_enough_leads_whatever_fusion_said(
    relevances: list[float], which: st.DataObject
) -> None:
    prior, chosen = np.array(relevances, dtype=np.float32), which.draw(st.integers(0, len(relevances) - 1))
    logits = np.full_like(prior, -60.0)
    logits[chosen] = 60.0
    assert int(np.argmax(reranked(prior, logits))) == chosen


def _reranker(form: str) -> Reranker:
    tokenizer: Tokenizer = TOKENIZERS["qwen3"]
    graph = encoder("classifier", vocabulary=tokenizer.get_vocab_size(), form="nbits" if form == "nbits" else "fp32")
    manifest = reranker_manifest(template="qwen3", max_tokens=MOST)
    return Reranker(session(graph), manifest=manifest, tokenizer=tokenizer, batch_invariant=True)


RERANKERS = {form: _reranker(form) for form in ("fp32", "nbits")}


def _shared(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _tail(template: Template) -> int:
    one, other = template.encode("a", ["b", "c"])
    return _shared(one.ids[::-1], other.ids[::-1])
