"""Real embedders in a few kilobytes: an embedding of token ids, a matrix product and a normalisation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer, models, pre_tokenizers

from tests.starving import starving

Form = Literal["fp32", "fp16", "int8", "nbits8"]

WORDS = (
    "[PAD]",
    "[UNK]",
    "a",
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "it",
    "page",
    "speaks",
    "title",
    "text",
    "none",
    "query",
    "task",
    "zeppelins",
    "submarines",
    "soup",
    "lentils",
    "changed",
    "kept",
    "gone",
    "notes",
    "first",
    "second",
    "third",
    "simmer",
    "promote",
    "standby",
    "failover",
    "river",
    "ships",
    "wolf",
)
DIMENSION = 32
"""The smallest width that block-wise quantisation takes."""

INPUTS = ("input_ids", "attention_mask")


def weights(dimension: int = DIMENSION) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Make the weights of the embedding, [words, dimension], and of the product, [dimension, dimension]."""
    random = np.random.default_rng(7)
    embedding = random.normal(size=(len(WORDS), dimension)).astype(np.float32)
    product = np.linalg.qr(random.normal(size=(dimension, dimension)))[0].astype(np.float32)
    return embedding, product


def in_blocks(product: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Pack weights as MatMulNBits reads them: [columns, blocks, 32] around 128, and a scale for each block."""
    blocks = product.T.reshape(product.shape[1], -1, 32)
    scales = np.abs(blocks).max(axis=2) / 127
    return (np.rint(blocks / scales[..., None]) + 128).astype(np.uint8), scales.astype(np.float32)


def graph(
    *,
    dimension: int = DIMENSION,
    inputs: Sequence[str] = INPUTS,
    pooled: bool = False,
    form: Form = "fp32",
    most_rows: int | None = None,
) -> onnx.ModelProto:
    """Make a graph with a state for each token, [batch, sequence, dimension].

    With `pooled` it also gives their mean as `sentence_embedding`.

    A forward pass of more than `most_rows` rows asks for more memory than there is.
    """
    kind, array = (TensorProto.FLOAT16, np.float16) if form == "fp16" else (TensorProto.FLOAT, np.float32)
    embedding, product = (each.astype(array) for each in weights(dimension))
    constants = {"words": embedding, "product": product, "scale": np.ones(dimension, array)}
    multiply = helper.make_node("MatMul", ["embedded", "product"], ["projected"])
    if form == "nbits8":
        constants["product"], constants["block_scales"] = in_blocks(product)
        multiply = helper.make_node(
            "MatMulNBits",
            ["embedded", "product", "block_scales"],
            ["projected"],
            domain="com.microsoft",
            K=dimension,
            N=dimension,
            bits=8,
            block_size=32,
            accuracy_level=4,
        )
    nodes = [
        helper.make_node("Gather", ["words", "input_ids"], ["embedded"]),
        multiply,
        helper.make_node("LayerNormalization", ["projected", "scale"], ["last_hidden_state"], axis=-1),
    ]
    outputs = [helper.make_tensor_value_info("last_hidden_state", kind, ["batch", "sequence", dimension])]
    if pooled:
        nodes.append(helper.make_node("ReduceMean", ["last_hidden_state", "axis"], ["sentence_embedding"], keepdims=0))
        constants["axis"] = np.array([1], dtype=np.int64)
        outputs.append(helper.make_tensor_value_info("sentence_embedding", kind, ["batch", dimension]))
    made = helper.make_graph(
        nodes,
        "embedder",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in inputs],
        outputs,
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=10)
    return model if most_rows is None else starving(model, output="last_hidden_state", most_rows=most_rows)


def write_graph(path: Path, *, form: Form = "fp32", **shape: Any) -> None:
    """Write a graph in one of the real formats."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = graph(form=form, **shape)
    if form == "int8":
        quantize_dynamic(made, path, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul"])
    else:
        onnx.save(made, path)


def write_tokenizer(folder: Path, *, limit: int = 512) -> None:
    """Write a tokenizer that splits at white space; a word that is not in `WORDS` is unknown."""
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token=WORDS[1]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": limit, "pad_token": "[PAD]"}))
    (folder / "config.json").write_text(json.dumps({"pad_token_id": 0}))


def manifest(*, form: Form = "fp32", **changed: Any) -> dict[str, Any]:
    """Make the embedder's table of a manifest."""
    return {
        "model": "tiny",
        "licence": "Apache-2.0",
        "folder": ".",
        "revision": "1",
        "dimension": DIMENSION,
        "max_tokens": 64,
        "pooling": "mean",
        "files": {"cpu": {"graph": "model.onnx", "format": form, "batch_invariant": form != "int8"}},
        **changed,
    }


def write_manifest(path: Path, *, role: str = "embedder", **changed: Any) -> None:
    """Write a manifest as TOML, without the keys that are None."""
    table = {key: value for key, value in manifest(**changed).items() if value is not None}
    write_table(path, table, role=role)


def write_table(path: Path, table: dict[str, Any], *, role: str = "embedder") -> None:
    """Write the table of one role, with its files in tables of their own."""
    lines = [f"[{role}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items() if key != "files")]
    if not table["files"]:
        lines.append("files = {}")
    for provider, file in table["files"].items():
        lines += [f"[{role}.files.{provider}]", *(f"{key} = {json.dumps(value)}" for key, value in file.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_model(folder: Path, *, form: Form = "fp32", **changed: Any) -> Path:
    """Write a model folder that a setting can name, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_graph(folder / "model.onnx", form=form)
    write_tokenizer(folder)
    write_manifest(folder / "manifest.toml", form=form, **changed)
    return folder
