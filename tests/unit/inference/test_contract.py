"""The contract that a reranker's graph must satisfy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from qmd_mcp.errors import ModelError
from qmd_mcp.inference.reranking.reranker import Reranker
from tests.tiny_encoders import bert_tokenizer, chat_tokenizer, encoder, reranker_manifest, session, shaped

MANIFEST = reranker_manifest(max_tokens=480)
INTEGERS, FLOATS = (TensorProto.INT64, ("batch", "tokens")), (TensorProto.FLOAT, ("batch", 1))
KINDS = {TensorProto.INT64: "int64", TensorProto.FLOAT: "float"}
BOTH = {"input_ids": INTEGERS, "attention_mask": INTEGERS}
UNKNOWN, FILLING = "[UNK]", "[FILL]"
VOCABULARY = bert_tokenizer().get_vocab_size()

Infos = dict[str, tuple[int, Sequence[int | str]]]


def reranker(graph: bytes, *, tokenizer: Tokenizer | None = None, **changed: Any) -> Reranker:
    manifest = MANIFEST.model_copy(update=changed)
    return Reranker(session(graph), manifest=manifest, tokenizer=tokenizer or bert_tokenizer(), batch_invariant=True)


@pytest.mark.parametrize(
    ("inputs", "outputs", "reason"),
    [
        ({"input_ids": INTEGERS}, {"logits": FLOATS}, "its graph has no input attention_mask"),
        ({"tokens": INTEGERS}, {"logits": FLOATS}, "its graph has no input attention_mask and input_ids"),
        (
            {**BOTH, "past_key_values.0.key": (TensorProto.FLOAT, ("batch", 2, "past", 8))},
            {"logits": FLOATS},
            "nothing is known to feed past_key_values.0.key with",
        ),
        (
            {**BOTH, "attention_mask": (TensorProto.FLOAT, ("batch", "tokens"))},
            {"logits": FLOATS},
            "its input attention_mask is no matrix of integers",
        ),
        (
            {**BOTH, "input_ids": (TensorProto.INT64, ("tokens",))},
            {"logits": FLOATS},
            "its input input_ids is no matrix of integers",
        ),
        (
            {**BOTH, "input_ids": (TensorProto.INT64, ("batch", 128))},
            {"logits": FLOATS},
            "its input input_ids takes 128 tokens, no more and no fewer",
        ),
        (BOTH, {"one": FLOATS, "other": FLOATS}, "none of its outputs is named logits"),
        (BOTH, {"logits": (TensorProto.INT64, ("batch", 1))}, "its logits are no floating-point numbers"),
        (
            BOTH,
            {"scores": (TensorProto.FLOAT, ("batch",))},
            "its scores are neither (batch, labels) nor (batch, sequence, vocabulary)",
        ),
        (
            BOTH,
            {"last_hidden_state": (TensorProto.FLOAT, ("batch", "tokens", 32))},
            f"it gives 32 numbers for each token, and its tokenizer knows {VOCABULARY} tokens",
        ),
    ],
)
def test_a_graph_that_is_no_reranker_is_refused_with_its_names_and_shapes(
    inputs: Infos, outputs: Infos, reason: str
) -> None:
    with pytest.raises(ModelError) as refused:
        reranker(shaped(inputs, outputs))
    sentence = str(refused.value)
    assert sentence.startswith(f"tiny is no reranker: {reason}. It takes ")
    for name, (kind, shape) in {**inputs, **outputs}.items():
        assert f"{name} {KINDS[kind]}[{', '.join(map(str, shape))}]" in sentence


def test_an_embedder_is_no_reranker() -> None:
    with pytest.raises(ModelError, match="it gives 32 numbers for each token"):
        reranker(encoder("embedder", vocabulary=VOCABULARY))


@pytest.mark.parametrize(
    ("labels", "changed", "sentence"),
    [
        (1, {"positive": 1}, "tiny has 1 label: there is no label 1."),
        (3, {"positive": 3}, "tiny has 3 labels: there is no label 3."),
        (
            1,
            {"activation": "softmax"},
            "tiny has one label, whose softmax is always 1: its manifest must say sigmoid.",
        ),
        (1, {"max_tokens": 18}, "tiny is given at most 18 tokens, and its prompt takes 3"),
    ],
)
def test_options_that_do_not_fit_the_graph_are_refused(labels: int, changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ModelError) as refused:
        reranker(encoder("classifier", vocabulary=VOCABULARY, labels=labels), **changed)
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"yes": "oui"}, "tiny has no token for yes: its tokenizer does not know 'oui'."),
        ({"no": "non"}, "tiny has no token for no: its tokenizer does not know 'non'."),
    ],
)
def test_a_causal_reranker_without_its_two_answers_is_refused(changed: dict[str, Any], sentence: str) -> None:
    tokenizer = chat_tokenizer()
    graph = encoder("causal", vocabulary=tokenizer.get_vocab_size())
    with pytest.raises(ModelError) as refused:
        reranker(graph, tokenizer=tokenizer, template="qwen3", **changed)
    assert str(refused.value) == sentence


def test_a_tokeniser_that_joins_no_pairs_is_refused_for_pairs() -> None:
    tokenizer = chat_tokenizer()
    with pytest.raises(ModelError, match="its tokenizer puts nothing between the two texts"):
        reranker(encoder("classifier", vocabulary=tokenizer.get_vocab_size()), tokenizer=tokenizer)


def test_a_tokeniser_without_padding_is_refused() -> None:
    tokenizer = bert_tokenizer()
    words = {word.replace("[PAD]", FILLING): number for word, number in tokenizer.get_vocab().items()}
    bare = Tokenizer(WordLevel(words, unk_token=UNKNOWN))
    bare.post_processor = tokenizer.post_processor
    with pytest.raises(ModelError) as refused:
        reranker(encoder("classifier", vocabulary=VOCABULARY), tokenizer=bare)
    assert "'<|endoftext|>' or '[PAD]' or '<pad>'" in str(refused.value)
    named = reranker(encoder("classifier", vocabulary=VOCABULARY), tokenizer=bare, pad_token=FILLING)
    assert named.score("a", ["b"]).batches == (1,)


def test_labels_that_the_graph_does_not_count_are_counted_by_a_forward() -> None:
    graph = encoder("classifier", vocabulary=VOCABULARY, labels=3, width_known=False)
    assert reranker(graph).contract.width == 3


def test_only_a_causal_reranker_warns_that_it_is_slow() -> None:
    tokenizer = chat_tokenizer()
    size = tokenizer.get_vocab_size()
    causal = reranker(encoder("causal", vocabulary=size), tokenizer=tokenizer, template="qwen3")
    assert (causal.warning or "").startswith(
        f"tiny is a causal language model: its logits span {size} words at each token"
    )
    assert reranker(encoder("classifier", vocabulary=VOCABULARY)).warning is None


def test_a_graph_for_one_pair_at_a_time_scores_as_one_for_many() -> None:
    texts = ["a b c", "d", "e f g h i j"]
    single = reranker(encoder("classifier", vocabulary=VOCABULARY, rows=1)).score("a", texts)
    many = reranker(encoder("classifier", vocabulary=VOCABULARY)).score("a", texts)
    np.testing.assert_allclose(single.logits, many.logits, atol=1e-5)
    assert single.batches == (1, 1, 1)
