"""A real graph, with its tokenizer, of a causal language model that repeats the texts that it was made from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from qmd_mcp.inference.hub.manifest import ExpanderManifest, GraphFile, Sampling

UNKNOWN = "[UNK]"
CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>")


def word_tokenizer(words: Iterable[str]) -> Tokenizer:
    """Make a tokenizer with one token for each word, line break and control token; any other word is `[UNK]`."""
    known = dict.fromkeys((UNKNOWN, "\n", *(f"{kind}:" for kind in ("lex", "vec", "hyde")), *words))
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(known)}, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split("\n", "isolated"), pre_tokenizers.Split(" ", "removed")]
    )
    tokenizer.add_special_tokens(list(CONTROL))
    return tokenizer


def talker_graph(tokenizer: Tokenizer, texts: Iterable[str]) -> onnx.ModelProto:
    """Make a causal language model that follows each word by one of the words that followed it in the texts.

    All of them have the same probability; a line break follows a word that none followed. The graph has a KV cache like
    any other but does not use it.
    """
    size = tokenizer.get_vocab_size()
    table = np.full((size, size), -30.0, dtype=np.float32)
    for text in texts:
        ids = tokenizer.encode(text).ids
        table[ids[:-1], ids[1:]] = 0.0
    table[(table < 0).all(axis=1), tokenizer.token_to_id("\n")] = 0.0
    past, shape = [f"past_key_values.0.{part}" for part in ("key", "value")], ["rows", 1, "past", 1]
    states = [
        helper.make_node("Cast", ["input_ids"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["numbers", "axes"], ["states"]),
        helper.make_node("Gather", ["table", "input_ids"], ["logits"]),
        *(helper.make_node("Concat", [name, "states"], [f"present.0.{name[18:]}"], axis=2) for name in past),
    ]
    inputs = [
        ("input_ids", TensorProto.INT64, ["rows", "new"]),
        ("attention_mask", TensorProto.INT64, ["rows", "total"]),
    ]
    outputs = [("logits", TensorProto.FLOAT, ["rows", "new", size])]
    inputs += [(name, TensorProto.FLOAT, shape) for name in past]
    outputs += [(f"present.0.{name[18:]}", TensorProto.FLOAT, ["rows", 1, "total", 1]) for name in past]
    proto = helper.make_graph(
        states,
        "talker",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(*each) for each in outputs],
        [numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.array([1, 3]), "axes")],
    )
    return helper.make_model(proto, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def write_talker(folder: Path, texts: Iterable[str]) -> Path:
    """Write `model.onnx` and `tokenizer.json` of a model that repeats these texts, each a line with its prefix."""
    lines = [f"{text} \n" for text in texts]
    tokenizer = word_tokenizer(word for line in lines for word in line.split())
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "model.onnx").write_bytes(talker_graph(tokenizer, lines).SerializeToString())
    return folder


def expander_manifest(**changed: Any) -> ExpanderManifest:
    """Make the manifest of such a model in a folder."""
    file = GraphFile(graph="model.onnx", format="fp32", batch_invariant=True)
    told = {"template": "qwen3", "sampling": Sampling(top_p=1.0)} | changed
    return ExpanderManifest(model="talker", licence="Apache-2.0", folder=".", revision="1", files={"cpu": file}, **told)
