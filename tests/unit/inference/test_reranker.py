"""Logits of relevance from real graphs."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, RuntimeException
from tokenizers import Tokenizer

from qmd_mcp.errors import ModelError, OutOfMemoryError
from qmd_mcp.inference.reranking.pair_template import TemplateName
from qmd_mcp.inference.reranking.reranker import Reranker
from qmd_mcp.inference.runtime.forward import forward
from tests.tiny_encoders import Form, Head, bert_tokenizer, chat_tokenizer, encoder, reranker_manifest, session

TEXTS = [
    "promote the standby",
    "tea",
    "a passage of many more words than its neighbours have",
    "rotate logs, yes",
    "no",
]
ALL_INPUTS = ("input_ids", "attention_mask", "position_ids", "token_type_ids")

TOLERANCES: dict[Form, float] = {"fp32": 1e-5, "fp16": 1e-2, "qdq": 1e-5, "nbits": 1e-5, "int8": 0.2}
"""Tolerances of logits between 1 and 5; dynamic INT8 takes its scale from the whole batch."""


def reranker(
    head: Head,
    *,
    form: Form = "fp32",
    template: TemplateName = "qwen3",
    inputs: tuple[str, ...] = ALL_INPUTS,
    pad_side: Literal["left", "right"] = "right",
    labels: int = 1,
    activation: Literal["sigmoid", "softmax"] = "sigmoid",
    positive: int = 0,
    most_rows: int | None = None,
    overflow: bool = False,
) -> Reranker:
    tokenizer: Tokenizer = chat_tokenizer() if template == "qwen3" else bert_tokenizer()
    graph = encoder(
        head,
        vocabulary=tokenizer.get_vocab_size(),
        form=form,
        inputs=inputs,
        labels=labels,
        most_rows=most_rows,
        overflow=overflow,
    )
    manifest = reranker_manifest(
        template=template, max_tokens=480, activation=activation, positive=positive, padding=pad_side
    )
    return Reranker(session(graph), manifest=manifest, tokenizer=tokenizer, batch_invariant=form != "int8")


@pytest.mark.parametrize("form", get_args(Form))
@pytest.mark.parametrize("head", ["classifier", "causal"])
def test_a_batch_scores_like_its_members_one_by_one_whichever_side_is_padded(head: Head, form: Form) -> None:
    left, right = (reranker(head, form=form, pad_side=side) for side in ("left", "right"))
    alone = np.array([right.score("fail over?", [text]).logits[0] for text in TEXTS])
    assert np.ptp(alone) > 0.05  # the logits of different texts differ
    for model in (left, right):
        together = model.forward(model.encode("fail over?", TEXTS))  # all in one forward pass, without a plan
        np.testing.assert_allclose(together, alone, atol=TOLERANCES[form])


@pytest.mark.parametrize("inputs", [ALL_INPUTS[:2], ALL_INPUTS[:3], (*ALL_INPUTS[:2], "token_type_ids")])
def test_positions_and_segments_are_fed_where_the_graph_takes_them(inputs: tuple[str, ...]) -> None:
    model = reranker("classifier", template="pair", inputs=inputs, pad_side="left")
    together = model.forward(model.encode("fail over", TEXTS))
    np.testing.assert_allclose(together, [model.score("fail over", [text]).logits[0] for text in TEXTS], atol=1e-5)


def test_scores_come_in_the_order_of_the_texts() -> None:
    model = reranker("classifier")
    forwards, backwards = model.score("fail over?", TEXTS), model.score("fail over?", TEXTS[::-1])
    np.testing.assert_allclose(forwards.logits, backwards.logits[::-1], atol=1e-5)
    assert sum(forwards.batches) == len(TEXTS)


def test_no_text_is_no_forward() -> None:
    scored = reranker("classifier").score("fail over?", [])
    assert (scored.logits.shape, scored.batches) == ((0,), ())


def test_the_sigmoid_of_a_logit_is_the_softmax_of_the_relevant_label() -> None:
    softmax = reranker("classifier", labels=3, activation="softmax", positive=1)
    labels = np.stack(
        [reranker("classifier", labels=3, positive=label).score("fail over?", TEXTS).logits for label in range(3)]
    )
    expected = np.exp(labels[1]) / np.exp(labels).sum(axis=0)
    got = 1 / (1 + np.exp(-softmax.score("fail over?", TEXTS).logits))
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_what_a_caller_is_after_changes_the_scores() -> None:
    for template in ("pair", "qwen3"):
        model = reranker("classifier", template=template)
        plain, meant = model.score("fail over", TEXTS), model.score("fail over", TEXTS, intent="of databases")
        assert np.abs(plain.logits - meant.logits).max() > 1e-3


def test_numbers_that_are_none_are_an_error() -> None:
    model = reranker("classifier", form="fp16", overflow=True)
    with pytest.raises(ModelError, match="NaN or infinite"):
        model.score("fail over", TEXTS)


def test_a_forward_beyond_memory_says_so() -> None:
    model = reranker("classifier", template="pair", most_rows=2)
    pairs = model.encode("fail over", TEXTS)
    assert model.forward(pairs[:2]).shape == (2,)
    with pytest.raises(OutOfMemoryError, match=r"^tiny finds no memory for 3 texts at once\."):
        model.forward(pairs[:3])


class Starving:
    """A session whose device has no memory left."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def run(self, outputs: object, feeds: object, run: object) -> object:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        RuntimeException("CUDA failure 2: out of memory ; GPU=0 ; expr=cudaMalloc((void**)&p, size);"),
        Fail("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; expr=cublasCreate(&cublas_handle_);"),
        RuntimeException("bad allocation"),
        MemoryError(),
    ],
)
def test_memory_that_runs_out_is_told_from_other_failures(error: Exception) -> None:
    feeds = {"input_ids": np.zeros((3, 7), np.int64)}
    with pytest.raises(OutOfMemoryError, match=r"^tiny finds no memory for 3 texts at once"):
        forward(Starving(error), output="logits", feeds=feeds, model="tiny")


def test_a_token_that_the_graph_does_not_know_is_an_error_of_the_model() -> None:
    tokenizer = bert_tokenizer()
    graph = encoder("classifier", vocabulary=10)
    model = Reranker(session(graph), manifest=reranker_manifest(), tokenizer=tokenizer, batch_invariant=True)
    with pytest.raises(ModelError, match=r"^tiny failed: .*Gather"):
        model.score("z", ["z"])


def test_another_instruction_changes_the_scores() -> None:
    tokenizer = chat_tokenizer()
    graph = session(encoder("classifier", vocabulary=tokenizer.get_vocab_size()))
    usual = reranker_manifest(template="qwen3", max_tokens=480)
    other = reranker_manifest(template="qwen3", max_tokens=480, instruction="Find the recipe")
    scores = [
        Reranker(graph, manifest=each, tokenizer=tokenizer, batch_invariant=True).score("tea", TEXTS).logits
        for each in (usual, other)
    ]
    assert np.abs(scores[0] - scores[1]).max() > 1e-3
