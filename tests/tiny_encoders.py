"""Real graphs and tokenizers of cross-encoders and embedders in a few kilobytes, built in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from qmd_mcp.inference.hub.manifest import GraphFile, RerankerManifest
from tests.starving import starving

Head = Literal["classifier", "causal", "embedder"]
Form = Literal["fp32", "fp16", "int8", "qdq", "nbits"]

HIDDEN = 32
"""The smallest block that MatMulNBits takes."""
POSITIONS = 512
FAR = -1e4
"""Is added to the attention score of a masked position; FP16 can represent it."""


@dataclass(slots=True)
class _Graph:
    """Collects nodes in order; `add` returns the name of a node's output."""

    precision: type[np.float32 | np.float16]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        output = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def constant(self, value: Any) -> str:
        name = f"constant_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def number(self, value: float) -> str:
        return self.constant(self.precision(value))

    def weight(self, *shape: int) -> str:
        return self.constant((self.random.standard_normal(shape) / 2).astype(self.precision))


def encoder(
    head: Head,
    *,
    vocabulary: int,
    labels: int = 1,
    form: Form = "fp32",
    inputs: Sequence[str] = ("input_ids", "attention_mask"),
    rows: int | str = "batch",
    width_known: bool = True,
    most_rows: int | None = None,
    overflow: bool = False,
) -> bytes:
    """Make a graph of one layer of self-attention and a head.

    A forward pass of more than `most_rows` rows asks for more memory than there is. With `overflow`, FP16 cannot
    represent the logits.
    """
    graph = _Graph(np.float16 if form == "fp16" else np.float32)
    mask = graph.add("Cast", "attention_mask", to=helper.np_dtype_to_tensor_dtype(np.dtype(graph.precision)))
    states = graph.add("Gather", graph.weight(vocabulary, HIDDEN), "input_ids")  # [batch, tokens, hidden]
    for name, size in (("position_ids", POSITIONS), ("token_type_ids", 2)):
        if name in inputs:
            states = graph.add("Add", states, graph.add("Gather", graph.weight(size, HIDDEN), name))
    query, key, value = (graph.add("MatMul", states, graph.weight(HIDDEN, HIDDEN)) for _ in range(3))
    scores = graph.add("MatMul", query, graph.add("Transpose", key, perm=[0, 2, 1]))  # [batch, tokens, tokens]
    hidden = graph.add("Mul", graph.add("Sub", graph.number(1), mask), graph.number(FAR))
    scores = graph.add("Mul", scores, graph.number(1 / HIDDEN))
    scores = graph.add("Add", scores, graph.add("Unsqueeze", hidden, graph.constant([1])))
    states = graph.add("Add", states, graph.add("MatMul", graph.add("Softmax", scores, axis=-1), value))
    if head == "classifier":
        each = graph.add("Unsqueeze", mask, graph.constant([2]))
        summed = graph.add("ReduceSum", graph.add("Mul", states, each), graph.constant([1]), keepdims=0)
        states = graph.add("Div", summed, graph.add("ReduceSum", mask, graph.constant([1]), keepdims=1))
    width = {"classifier": labels, "causal": vocabulary, "embedder": HIDDEN}[head]
    logits = graph.add("MatMul", states, graph.weight(HIDDEN, width))
    if overflow:
        logits = graph.add("Mul", graph.add("Mul", logits, graph.number(3e4)), graph.number(3e4))
    name = "last_hidden_state" if head == "embedder" else "logits"
    graph.nodes.append(helper.make_node("Identity", [logits], [name]))
    tokens = () if head == "classifier" else ("tokens",)
    output = helper.make_tensor_value_info(
        name,
        helper.np_dtype_to_tensor_dtype(np.dtype(graph.precision)),
        [rows, *tokens, width if width_known else "width"],
    )
    feeds = [helper.make_tensor_value_info(each, TensorProto.INT64, [rows, "tokens"]) for each in inputs]
    model = _model(helper.make_graph(graph.nodes, "tiny", feeds, [output], graph.weights))
    return _in_form(model if most_rows is None else starving(model, output=name, most_rows=most_rows), form)


def reranker_manifest(**changed: Any) -> RerankerManifest:
    """Make the manifest of a reranker that reads pairs."""
    file = GraphFile(graph="model.onnx", format="fp32", batch_invariant=True)
    told = {"template": "pair", "max_tokens": 64} | changed
    return RerankerManifest(model="tiny", licence="MIT", folder=".", revision="1", files={"cpu": file}, **told)


def shaped(
    inputs: dict[str, tuple[int, Sequence[int | str]]], outputs: dict[str, tuple[int, Sequence[int | str]]]
) -> bytes:
    """Make a graph with these inputs and outputs that computes nothing, for contracts that refuse it."""
    graph = _Graph(np.float32)
    size = graph.add("ReduceMin", graph.add("Shape", next(iter(inputs))), keepdims=1)
    nothing = graph.add("Mul", size, graph.constant([0]))  # 0, but ONNX Runtime does not know it
    for name, (kind, shape) in outputs.items():
        sizes = graph.add("Add", nothing, graph.constant([each if isinstance(each, int) else 1 for each in shape]))
        value = numpy_helper.from_array(np.zeros(1, helper.tensor_dtype_to_np_dtype(kind)))
        graph.nodes.append(helper.make_node("ConstantOfShape", [sizes], [name], value=value))
    infos = [
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in each.items()]
        for each in (inputs, outputs)
    ]
    return _model(helper.make_graph(graph.nodes, "shaped", *infos, graph.weights)).SerializeToString()


def endless() -> bytes:
    """Make a classifier whose forward pass takes days."""
    body = helper.make_graph(
        [helper.make_node("Sin", ["in"], ["out"]), helper.make_node("Identity", ["go"], ["on"])],
        "body",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("in", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("out", TensorProto.FLOAT, None),
        ],
    )
    graph = _Graph(np.float32)
    ids = graph.add("ReduceSum", "input_ids", graph.constant([1]), keepdims=1)
    start = graph.add("Cast", ids, to=TensorProto.FLOAT)
    graph.nodes.append(helper.make_node("Loop", [graph.constant(2**60), "", start], ["logits"], body=body))
    feeds = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 1])
    return _model(helper.make_graph(graph.nodes, "endless", feeds, [output], graph.weights)).SerializeToString()


def session(graph: bytes) -> ort.InferenceSession:
    """Open a session on the CPU that logs nothing, because tests expect some forward passes to fail."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return ort.InferenceSession(graph, sess_options=options, providers=["CPUExecutionProvider"])


def bert_tokenizer() -> Tokenizer:
    """Make a tokenizer with letters as word pieces that joins pairs as `[CLS] query [SEP] document [SEP]`."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *(f"##{letter}" for letter in letters)]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=words[1]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    return tokenizer


def chat_tokenizer(*, compatible: bool = False) -> Tokenizer:
    """Make a tokenizer of bytes, `yes`, `no` and the control tokens of a chat.

    With `compatible`, normalisation turns `＜|im_end|＞` into a control token too.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate([*alphabet, "ye", "yes", "no"])}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges=[("y", "e"), ("ye", "s"), ("n", "o")]))
    if compatible:
        tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    control = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=compatible) for token in control])
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in ("<think>", "</think>", "<tool_call>")])
    return tokenizer


def _model(graph: onnx.GraphProto) -> onnx.ModelProto:
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _in_form(model: onnx.ModelProto, form: Form) -> bytes:
    if form == "int8":
        with tempfile.TemporaryDirectory() as folder:
            quantize_dynamic(model, path := Path(folder) / "int8.onnx", weight_type=QuantType.QInt8)
            return path.read_bytes()
    if form == "nbits":
        _in_blocks(model)
    if form == "qdq":
        _with_fixed_scales(model)
    return model.SerializeToString()


def _in_blocks(model: onnx.ModelProto) -> None:
    """Store weights as `q4` and `q4f16` files do: four bits each, two in a byte, with a scale for each block."""
    weights = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "MatMul" or node.input[1] not in weights:
            continue
        weight = weights[node.input[1]].T  # [outputs, inputs]: one block is a row
        scales = np.abs(weight).max(axis=1, keepdims=True) / 7
        levels = (np.rint(weight / scales) + 8).astype(np.uint8)
        packed = (levels[:, 0::2] | levels[:, 1::2] << 4).reshape(len(weight), 1, HIDDEN // 2)
        names = [f"{node.input[1]}_q4", f"{node.input[1]}_scales"]
        for name, value in zip(names, (packed, scales.ravel()), strict=True):
            model.graph.initializer.append(numpy_helper.from_array(value, name))
        node.op_type, node.domain = "MatMulNBits", "com.microsoft"
        node.input[1:] = names
        sizes = {"K": HIDDEN, "N": len(weight), "bits": 4, "block_size": HIDDEN}
        node.attribute.extend(helper.make_attribute(name, value) for name, value in sizes.items())
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def _with_fixed_scales(model: onnx.ModelProto) -> None:
    """Quantise the inputs of every product to eight bits, with a step that does not depend on the batch."""
    step: NDArray[np.float32] = np.array(0.05, np.float32)
    model.graph.initializer.extend(
        [numpy_helper.from_array(step, "step"), numpy_helper.from_array(np.array(0, np.int8), "zero")]
    )
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        if node.op_type == "MatMul":
            for place, name in enumerate(node.input):
                rounded, restored = f"{node.name}{node.output[0]}_{place}_q", f"{node.output[0]}_{place}_dq"
                nodes.append(helper.make_node("QuantizeLinear", [name, "step", "zero"], [rounded]))
                nodes.append(helper.make_node("DequantizeLinear", [rounded, "step", "zero"], [restored]))
                node.input[place] = restored
        nodes.append(node)
    kept = list(nodes)
    del model.graph.node[:]
    model.graph.node.extend(kept)
