"""The graphs that are made for timing satisfy the contracts of the product."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Literal

import numpy as np
import pytest

from qmd_mcp.inference.reranking.reranker import Reranker
from qmd_mcp.inference.runtime.session import open_session
from tests.tiny_encoders import chat_tokenizer, reranker_manifest

TRAINING = Path(__file__).parents[3] / "models" / "training" / "synthetic"
SIZES = {"layers": 2, "hidden": 32, "heads": 4, "kv_heads": 2, "head_size": 8, "intermediate": 48}
TEXTS = ["promote the standby", "tea", "a passage of many more words than its neighbours have"]


@pytest.fixture
def synthetic(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(TRAINING)
    return importlib.import_module("synthetic_encoder")


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("head", ["classifier", "causal"])
def test_a_synthetic_reranker_scores_a_batch_like_its_members_whichever_side_is_padded(
    synthetic: ModuleType, tmp_path: Path, head: str, precision: str
) -> None:
    tokenizer = chat_tokenizer()
    sizes = synthetic.Qwen3(
        **SIZES, vocabulary=tokenizer.get_vocab_size(), padding=tokenizer.token_to_id("<|endoftext|>")
    )
    path = synthetic.build_reranker(tmp_path, head=head, precision=precision, sizes=sizes)

    def reranker(pad_side: Literal["left", "right"]) -> Reranker:
        manifest = reranker_manifest(template="qwen3", max_tokens=480, padding=pad_side)
        opened = open_session(path, threads=1)
        return Reranker(opened, manifest=manifest, tokenizer=tokenizer, batch_invariant=True)

    alone = [reranker("left").score("fail over?", [text]).logits[0] for text in TEXTS]
    for model in (reranker("left"), reranker("right")):
        together = model.forward(model.encode("fail over?", TEXTS))
        np.testing.assert_allclose(together, alone, atol=1e-5 if precision == "fp32" else 2e-3)


@pytest.mark.parametrize("precision", ["int8", "fp16", "fp32"])
def test_a_synthetic_embedder_gives_states_of_its_width(synthetic: ModuleType, tmp_path: Path, precision: str) -> None:
    sizes = synthetic.Bert(layers=1, hidden=32, heads=4, intermediate=48, vocabulary=50)
    session = open_session(synthetic.build_embedder(tmp_path, precision=precision, sizes=sizes), threads=1)
    ids = np.arange(6).reshape(2, 3)
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    (states,) = session.run(None, feeds)
    assert np.asarray(states).shape == (2, 3, 32)
    np.testing.assert_allclose(np.asarray(states, np.float32).mean(axis=-1), 0, atol=1e-2)  # normalised
