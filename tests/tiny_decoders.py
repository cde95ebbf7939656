"""Real graphs of causal language models in a few kilobytes; logits depend on every earlier token and on its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

VOCABULARY = 61
"""A prime number, so that a transposed or padded axis is noticed."""

LAYERS, HEADS, KV_HEADS, HEAD_SIZE = 2, 4, 2, 16
HIDDEN = HEADS * HEAD_SIZE
LONGEST = 256
BLOCK = 32

Attention = Literal["grouped", "plain"]
"""grouped: `GroupQueryAttention` and `MatMulNBits`, as onnxruntime-genai's builder writes them; the cache may have room
for more tokens than it contains. plain: standard operators that append to the past, as Optimum writes them."""

Attend: TypeAlias = Callable[[str, int], str]
"""Adds the attention of one layer to a named value and returns the name of the result."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write the same kind of model."""

    attention: Attention
    cache: Literal["float16", "float32"] = "float32"
    positions: bool = False
    kept_logits: bool = False
    states_head_size: bool = True

    @property
    def type(self) -> int:
        return int(TensorProto.FLOAT16 if self.cache == "float16" else TensorProto.FLOAT)


FORMS = tuple(
    Form(attention, cache=cache, positions=positions)
    for attention in ("grouped", "plain")
    for cache in ("float32", "float16")
    for positions in (False, True)
)


class _Graph:
    """Collects nodes and weights; each method returns the name of a value."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.random = np.random.default_rng(7)
        self.dtype = np.float16 if form.cache == "float16" else np.float32

    def weight(self, value: np.ndarray) -> str:
        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def integers(self, *values: int) -> str:
        return self.weight(np.array(values, dtype=np.int64))

    def floats(self, *shape: int, scale: float = 1.0) -> str:
        return self.weight((self.random.standard_normal(shape) * scale).astype(self.dtype))

    def node(
        self, kind: str, *inputs: str, domain: str = "", outputs: tuple[str, ...] = (), **attributes: object
    ) -> str:
        names = outputs or (f"value_{len(self.nodes)}",)
        self.nodes.append(helper.make_node(kind, list(inputs), list(names), domain=domain, **attributes))
        return names[0]

    def linear(self, value: str, *, width: int, output: str = "") -> str:
        """Multiply by weights, which have 4 bits in the grouped form and are floats in the plain one."""
        named = (output,) if output else ()
        if self.form.attention == "plain":
            return self.node("MatMul", value, self.floats(HIDDEN, width, scale=0.3), outputs=named)
        blocks = HIDDEN // BLOCK
        packed = self.weight(self.random.integers(0, 256, (width, blocks, BLOCK // 2), dtype=np.uint8))
        scales = self.weight(self.random.uniform(0.05, 0.1, width * blocks).astype(self.dtype))
        return self.node(
            "MatMulNBits", value, packed, scales,
            domain="com.microsoft", outputs=named, K=HIDDEN, N=width, bits=4, block_size=BLOCK,
        )  # fmt: skip

    def normalised(self, value: str) -> str:
        """Scale the last axis to a mean square of one."""
        square = self.node("ReduceMean", self.node("Mul", value, value), self.integers(-1), keepdims=1)
        return self.node(
            "Div", value, self.node("Sqrt", self.node("Add", square, self.weight(np.array(1e-3, self.dtype))))
        )

    def cosines_and_sines(self) -> tuple[np.ndarray, np.ndarray]:
        """Compute the cosines and sines of rotary positions, each [longest, head size / 2]."""
        angles = np.outer(np.arange(LONGEST), 100.0 ** (-np.arange(HEAD_SIZE // 2) / (HEAD_SIZE // 2)))
        return np.cos(angles).astype(self.dtype), np.sin(angles).astype(self.dtype)


def decoder_graph(form: Form) -> onnx.ModelProto:
    """Make the model; its weights are the same at every call."""
    graph = _Graph(form)
    value = graph.node("Gather", graph.floats(VOCABULARY, HIDDEN), "input_ids")
    if form.positions and form.attention == "grouped":
        value = graph.node("Add", value, graph.node("Gather", graph.floats(LONGEST, HIDDEN), "position_ids"))
    attend = _grouped(graph) if form.attention == "grouped" else _plain(graph)
    for layer in range(LAYERS):
        value = graph.node("Add", value, attend(graph.normalised(value), layer))
        value = graph.node("Add", value, graph.linear(graph.node("Tanh", graph.normalised(value)), width=HIDDEN))
    value = graph.normalised(value)
    if form.kept_logits:
        start = graph.node("Neg", graph.node("Reshape", "num_logits_to_keep", graph.integers(1)))
        value = graph.node("Slice", value, start, graph.integers(2**31), graph.integers(1))
    graph.linear(value, width=VOCABULARY, output="logits")
    return _model(graph)


def _grouped(graph: _Graph) -> Attend:
    lengths = graph.node("ReduceSum", "attention_mask", graph.integers(1), keepdims=0)
    lengths = graph.node("Cast", graph.node("Sub", lengths, graph.integers(1)), to=TensorProto.INT32)
    total = graph.node("Gather", graph.node("Shape", "attention_mask"), graph.weight(np.array(1)), axis=0)
    total = graph.node("Cast", total, to=TensorProto.INT32)
    rotary = [graph.weight(table) for table in graph.cosines_and_sines()]

    def attend(value: str, layer: int) -> str:
        past = [f"past_key_values.{layer}.{part}" for part in ("key", "value")]
        attended = graph.node(
            "GroupQueryAttention",
            graph.linear(value, width=HIDDEN),
            graph.linear(value, width=KV_HEADS * HEAD_SIZE),
            graph.linear(value, width=KV_HEADS * HEAD_SIZE),
            *past, lengths, total, *rotary,
            domain="com.microsoft",
            outputs=(f"attended_{layer}", f"present.{layer}.key", f"present.{layer}.value"),
            num_heads=HEADS, kv_num_heads=KV_HEADS, do_rotary=int(not graph.form.positions),
        )  # fmt: skip
        return graph.linear(attended, width=HIDDEN)

    return attend


def _plain(graph: _Graph) -> Attend:
    last = graph.weight(np.array(1))
    new = graph.node("Gather", graph.node("Shape", "input_ids"), last, axis=0)
    total = graph.node("Gather", graph.node("Shape", "attention_mask"), last, axis=0)
    zero, one = graph.weight(np.array(0)), graph.weight(np.array(1))
    keys = graph.node("Range", zero, total, one)
    queries = graph.node("Range", graph.node("Sub", total, new), total, one)  # columns of the new tokens
    later = graph.node("Less", graph.node("Unsqueeze", queries, graph.integers(1)), keys)  # [new, total]
    masked = graph.node(
        "Unsqueeze", graph.node("Equal", "attention_mask", graph.weight(np.array(0))), graph.integers(1, 2)
    )
    hidden = graph.node("Or", later, masked)  # [rows, 1, new, total]
    places = "position_ids" if graph.form.positions else graph.node("Unsqueeze", queries, graph.integers(0))
    tables = [graph.node("Gather", graph.weight(table), places) for table in graph.cosines_and_sines()]
    cosine, sine = (graph.node("Unsqueeze", table, graph.integers(1)) for table in tables)  # [rows, 1, new, half]
    half = graph.integers(HEAD_SIZE // 2, HEAD_SIZE // 2)

    def heads(value: str, count: int) -> str:
        shaped = graph.node("Reshape", value, graph.integers(0, -1, count, HEAD_SIZE))
        return graph.node("Transpose", shaped, perm=[0, 2, 1, 3])

    def turned(value: str) -> str:
        number = len(graph.nodes)
        graph.node("Split", value, half, outputs=(f"left_{number}", f"right_{number}"), axis=-1)
        left, right = f"left_{number}", f"right_{number}"
        return graph.node(
            "Concat",
            graph.node("Sub", graph.node("Mul", left, cosine), graph.node("Mul", right, sine)),
            graph.node("Add", graph.node("Mul", right, cosine), graph.node("Mul", left, sine)),
            axis=-1,
        )

    def shared(value: str) -> str:
        """Repeat [rows, kv heads, tokens, size] for each query head."""
        wide = graph.node("Unsqueeze", value, graph.integers(2))
        wide = graph.node("Tile", wide, graph.integers(1, 1, HEADS // KV_HEADS, 1, 1))
        return graph.node("Reshape", wide, graph.integers(0, HEADS, -1, HEAD_SIZE))

    def attend(value: str, layer: int) -> str:
        query = turned(heads(graph.linear(value, width=HIDDEN), HEADS))
        key = turned(heads(graph.linear(value, width=KV_HEADS * HEAD_SIZE), KV_HEADS))
        content = heads(graph.linear(value, width=KV_HEADS * HEAD_SIZE), KV_HEADS)
        for part, fresh in (("key", key), ("value", content)):
            past, present = f"past_key_values.{layer}.{part}", f"present.{layer}.{part}"
            graph.node("Concat", past, fresh, outputs=(present,), axis=2)
        across = graph.node("Transpose", shared(f"present.{layer}.key"), perm=[0, 1, 3, 2])
        scores = graph.node(
            "Mul", graph.node("MatMul", query, across), graph.weight(np.array(HEAD_SIZE**-0.5, graph.dtype))
        )
        seen = graph.node("Where", hidden, graph.weight(np.array(-1e4, graph.dtype)), scores)
        mixed = graph.node("MatMul", graph.node("Softmax", seen, axis=-1), shared(f"present.{layer}.value"))
        joined = graph.node("Reshape", graph.node("Transpose", mixed, perm=[0, 2, 1, 3]), graph.integers(0, -1, HIDDEN))
        return graph.linear(joined, width=HIDDEN)

    return attend


def _model(graph: _Graph) -> onnx.ModelProto:
    form = graph.form
    inputs = [
        ("input_ids", TensorProto.INT64, ["rows", "new"]),
        ("attention_mask", TensorProto.INT64, ["rows", "total"]),
    ]
    if form.positions:
        inputs.append(("position_ids", TensorProto.INT64, ["rows", "new"]))
    if form.kept_logits:
        inputs.append(("num_logits_to_keep", TensorProto.INT64, []))
    outputs = [("logits", form.type, ["rows", "kept", VOCABULARY])]
    size = HEAD_SIZE if form.states_head_size else "size"
    for layer in range(LAYERS):
        for part in ("key", "value"):
            inputs.append((f"past_key_values.{layer}.{part}", form.type, ["rows", KV_HEADS, "past", size]))
            outputs.append((f"present.{layer}.{part}", form.type, ["rows", KV_HEADS, "total", size]))
    proto = helper.make_graph(
        graph.nodes,
        "tiny decoder",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(*each) for each in outputs],
        graph.weights,
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(proto, opset_imports=opsets, ir_version=10)


def opened(model: onnx.ModelProto) -> ort.InferenceSession:
    """Open a session with one thread."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
