"""Embedders of every format, through fastembed with our session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from anyio.abc import TaskGroup
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper

from qmd_mcp.domain.figures import QueueFigures
from qmd_mcp.errors import ModelError, ModelMissingError, OutOfMemoryError
from qmd_mcp.inference.embedding.embedder import Embedder, prompted
from qmd_mcp.inference.embedding.embedding_scheduler import EmbeddingScheduler
from qmd_mcp.inference.hub.catalogue import Catalogue, models_folder
from qmd_mcp.inference.loading import load_embedder, user_catalogue
from qmd_mcp.inference.runtime.lanes import Lanes
from qmd_mcp.inference.runtime.model_slot import ModelSlot
from qmd_mcp.inference.runtime.session import SessionFactory
from tests import tiny_embedder
from tests.tiny_embedder import DIMENSION, WORDS, Form

pytestmark = pytest.mark.anyio

SHIPPED = load_embedder(user_catalogue().embedder("mini"), SessionFactory(device="cpu"))
TEXTS = ["zeppelins", "the page speaks of submarines and of soup", "ships in the river", "lentils simmer"]


def embedder(folder: Path) -> Embedder:
    catalogue = Catalogue(cache=folder, own=folder, shipped=models_folder())
    return load_embedder(catalogue.embedder(str(folder)), SessionFactory(device="cpu"))


def expected(text: str, *, pooling: str) -> Any:
    words, product = tiny_embedder.weights()
    states = words[[WORDS.index(word) if word in WORDS else 1 for word in text.split()]] @ product
    states = (states - states.mean(axis=1, keepdims=True)) / np.sqrt(states.var(axis=1, keepdims=True) + 1e-5)
    vector = {"mean": states.mean(axis=0), "graph": states.mean(axis=0), "cls": states[0], "last": states[-1]}[pooling]
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_a_vector_is_the_pooled_states_at_unit_length(tmp_path: Path, pooling: str) -> None:
    vectors = embedder(tiny_embedder.write_model(tmp_path, pooling=pooling)).embed_passages(TEXTS)
    for text, vector in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(vector, expected(text, pooling=pooling), atol=1e-5)


def test_a_graph_may_pool_itself(tmp_path: Path) -> None:
    tiny_embedder.write_model(tmp_path, pooling="graph", output="sentence_embedding")
    tiny_embedder.write_graph(tmp_path / "model.onnx", pooled=True)
    np.testing.assert_allclose(embedder(tmp_path).embed_query(TEXTS[1]), expected(TEXTS[1], pooling="graph"), atol=1e-5)


@pytest.mark.parametrize(("form", "least"), [("fp32", 0.99999), ("fp16", 0.9999), ("int8", 0.99), ("nbits8", 0.9999)])
def test_every_format_agrees_with_the_original(tmp_path: Path, form: Form, least: float) -> None:
    model = embedder(tiny_embedder.write_model(tmp_path, form=form))
    vectors = model.embed_passages(TEXTS)
    assert (vectors.dtype, vectors.shape) == (np.float32, (len(TEXTS), DIMENSION))
    originals = np.stack([expected(text, pooling="mean") for text in TEXTS])
    assert (vectors * originals).sum(axis=1).min() > least
    assert model.placed.placement.compute["CPUExecutionProvider"] > 0


@pytest.mark.parametrize(("form", "invariant"), [("fp32", True), ("nbits8", True), ("int8", False)])
def test_only_dynamic_activations_depend_on_the_batch(tmp_path: Path, form: Form, *, invariant: bool) -> None:
    model = embedder(tiny_embedder.write_model(tmp_path, form=form))
    together = model.embed_batch(TEXTS)
    alone = np.concatenate([model.embed_batch([text]) for text in TEXTS])
    assert np.allclose(together, alone, atol=1e-6) == invariant
    assert model.placed.graph.batch_invariant == invariant


def test_query_and_passage_are_read_in_their_prompts(tmp_path: Path) -> None:
    prompts = {"query_prompt": "task query {text}", "passage_prompt": "title {title} text {text}"}
    model = embedder(tiny_embedder.write_model(tmp_path, **prompts))
    np.testing.assert_allclose(model.embed_query("soup"), expected("task query soup", pooling="mean"), atol=1e-5)
    np.testing.assert_allclose(
        model.embed_batch(["notes\nlentils simmer", "lentils simmer"]),
        [
            expected("title notes text lentils simmer", pooling="mean"),
            expected("title none text lentils simmer", pooling="mean"),
        ],
        atol=1e-5,
    )


def test_a_passage_is_put_into_its_prompt_as_it_is() -> None:
    assert prompted("title: {title} | text: {text}", "A > B\nof {title} and {text}\nend") == (
        "title: A > B | text: of {title} and {text}\nend"
    )
    assert prompted("{text}", "A > B\nbody") == "A > B\nbody"


def test_what_is_beyond_the_limit_of_the_manifest_is_cut(tmp_path: Path) -> None:
    model = embedder(tiny_embedder.write_model(tmp_path, max_tokens=16))
    np.testing.assert_allclose(
        model.embed_query("soup " * 16 + "wolf " * 100), expected("soup", pooling="mean"), atol=1e-5
    )


@pytest.mark.parametrize(
    ("shape", "changed", "sentence"),
    [
        ({"dimension": 64}, {}, r"is no 32-d embedder with mean pooling: .* gives last_hidden_state .*64"),
        ({"inputs": ("input_ids", "position_ids")}, {}, r"its graph takes .*position_ids tensor\(int64\)"),
        ({}, {"output": "sentence_embedding"}, "gives last_hidden_state"),
        ({"pooled": True}, {"pooling": "graph"}, "embedder with graph pooling"),
    ],
)
def test_a_graph_of_another_contract_is_refused_with_its_names_and_shapes(
    tmp_path: Path, shape: dict[str, Any], changed: dict[str, Any], sentence: str
) -> None:
    tiny_embedder.write_model(tmp_path, **changed)
    tiny_embedder.write_graph(tmp_path / "model.onnx", **shape)
    with pytest.raises(ModelError, match=sentence):
        embedder(tmp_path)


@pytest.mark.parametrize("form", ["fp32", "int8"])
async def test_several_queries_embedded_by_one_call_are_each_as_it_would_be_alone(
    tmp_path: Path, form: Form, tasks: TaskGroup
) -> None:
    model = embedder(tiny_embedder.write_model(tmp_path, form=form, query_prompt="task query {text}"))
    scheduler = EmbeddingScheduler(ModelSlot(lambda: model, tasks=tasks), lanes=Lanes(threads=2))
    vectors = await scheduler.embed_queries(TEXTS)
    alone = np.stack([await scheduler.embed_query(text) for text in TEXTS])
    np.testing.assert_allclose(vectors, alone, atol=1e-6)
    assert (await scheduler.embed_queries([])).shape == (0, DIMENSION)
    forwards = {"fp32": 2, "int8": len(TEXTS)}[form] + len(TEXTS)
    assert scheduler.figures == QueueFigures("embedder", waiting=0, forwards=forwards, items=2 * len(TEXTS))


@given(texts=st.lists(st.text(max_size=9), max_size=9), threads=st.integers(1, 4))
def test_each_query_is_in_one_share_and_no_share_is_much_longer_than_another(texts: list[str], threads: int) -> None:
    shares = SHIPPED.shares(texts, threads=threads)
    assert sorted(row for share in shares for row in share) == list(range(len(texts)))
    assert len(shares) == min(threads, len(texts))
    sizes = [len(share) for share in shares]
    assert not sizes or max(sizes) - min(sizes) <= 1


def test_a_batch_beyond_memory_is_halved_until_it_fits(tmp_path: Path) -> None:
    tiny_embedder.write_model(tmp_path)
    tiny_embedder.write_graph(tmp_path / "model.onnx", most_rows=2)
    texts = [*TEXTS, "soup"]
    vectors = embedder(tmp_path).embed_batch(texts)
    np.testing.assert_allclose(vectors, [expected(text, pooling="mean") for text in texts], atol=1e-5)


def test_memory_for_not_even_one_text_is_an_error_that_says_so(tmp_path: Path) -> None:
    tiny_embedder.write_model(tmp_path)
    tiny_embedder.write_graph(tmp_path / "model.onnx", most_rows=0)
    with pytest.raises(OutOfMemoryError, match=r"^tiny finds no memory for one text"):
        embedder(tmp_path).embed_query("soup")


def test_a_forward_that_fails_is_an_error_of_the_model(tmp_path: Path) -> None:
    tiny_embedder.write_model(tmp_path)
    model = tiny_embedder.graph()
    (words,) = (each for each in model.graph.initializer if each.name == "words")
    words.CopyFrom(numpy_helper.from_array(tiny_embedder.weights()[0][:5], "words"))  # fewer than its tokenizer knows
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(ModelError, match=r"^tiny failed: .*Gather"):
        embedder(tmp_path).embed_query("wolf")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (tiny_embedder.write_model(tmp_path) / "model.onnx").unlink()
    with pytest.raises(ModelMissingError, match=r"model\.onnx is missing\. Look into"):
        embedder(tmp_path)


def test_a_file_that_is_no_graph_is_named(tmp_path: Path) -> None:
    (tiny_embedder.write_model(tmp_path) / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(ModelError, match=r"model\.onnx cannot be loaded"):
        embedder(tmp_path)


def test_a_broken_tokeniser_is_named(tmp_path: Path) -> None:
    (tiny_embedder.write_model(tmp_path) / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="The tokenizer of tiny cannot be read"):
        embedder(tmp_path)


def test_nothing_is_written_to_stdout(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    embedder(tiny_embedder.write_model(tmp_path)).embed_query("soup")
    assert capfd.readouterr() == ("", "")
