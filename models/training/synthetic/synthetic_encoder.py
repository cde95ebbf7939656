"""Full-size graphs with random weights: Qwen3-0.6B as a reranker, and BERT-base as an embedder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from onnx import TensorProto
from synthetic_graph import Graph, Precision, integer_info


@dataclass(frozen=True, slots=True)
class Qwen3:
    """The sizes in the model's config.json, with the vocabulary of Qwen3-Reranker-0.6B."""

    layers: int = 28
    hidden: int = 1024
    heads: int = 16
    kv_heads: int = 8
    head_size: int = 128
    intermediate: int = 3072
    vocabulary: int = 151_669
    rope_base: float = 1e6
    epsilon: float = 1e-6
    padding: int = 151_643
    """The token `<|endoftext|>`, by which a classifier finds the last real token."""


@dataclass(frozen=True, slots=True)
class Bert:
    """The sizes of BERT-base."""

    layers: int = 12
    hidden: int = 768
    heads: int = 12
    intermediate: int = 3072
    vocabulary: int = 30_522
    positions: int = 512
    epsilon: float = 1e-12


def build_reranker(
    out: Path, *, head: Literal["classifier", "causal"], precision: Precision, sizes: Qwen3 | None = None
) -> Path:
    """Write Qwen3 with one score for each sequence, or with a score for each word of its vocabulary at each token."""
    sizes = sizes or Qwen3()
    with Graph(out, precision=precision) as graph:
        embedding = graph.random_weight(sizes.vocabulary, sizes.hidden)
        states = graph.add("Gather", embedding, "input_ids")  # [batch, sequence, hidden]
        length = graph.add("Gather", graph.add("Shape", "input_ids"), graph.constant(1))
        places = graph.add("Range", graph.constant(0), length, graph.constant(1))
        allowed = _causal_mask(graph, places)
        rotation = _rotation(graph, places, sizes)
        for _ in range(sizes.layers):
            normed = _rms_norm(graph, states, size=sizes.hidden, epsilon=sizes.epsilon)
            states = graph.add("Add", states, _attention(graph, normed, allowed, rotation, sizes))
            normed = _rms_norm(graph, states, size=sizes.hidden, epsilon=sizes.epsilon)
            gate = _linear(graph, normed, sizes.hidden, sizes.intermediate)
            swish = graph.add("Mul", gate, graph.add("Sigmoid", gate))
            wide = graph.add("Mul", swish, _linear(graph, normed, sizes.hidden, sizes.intermediate))
            states = graph.add("Add", states, _linear(graph, wide, sizes.intermediate, sizes.hidden))
        states = _rms_norm(graph, states, size=sizes.hidden, epsilon=sizes.epsilon)
        if head == "classifier":
            real = graph.add("Not", graph.add("Equal", "input_ids", graph.constant(sizes.padding)))
            placed = graph.add("Mul", graph.add("Cast", real, to=TensorProto.INT64), places)
            last = graph.add("ArgMax", placed, axis=1, keepdims=1)
            states = graph.add("GatherND", states, last, batch_dims=1)  # [batch, hidden]
            logits, shape = _linear(graph, states, sizes.hidden, 1), ["batch", 1]
        else:
            rows = graph.add("Reshape", states, graph.constant([-1, sizes.hidden]))
            words = graph.add("Gemm", rows, embedding, transB=1)  # tied to the embedding
            batch = graph.add("Shape", "input_ids")
            full = graph.add("Concat", batch, graph.constant([sizes.vocabulary]), axis=0)
            logits, shape = graph.add("Reshape", words, full), ["batch", "sequence", sizes.vocabulary]
        return graph.write(
            f"qwen3_{head}",
            inputs=[integer_info("input_ids"), integer_info("attention_mask")],
            outputs={logits: graph.float_info("logits", shape)},
        )


def build_embedder(out: Path, *, precision: Literal["int8", "fp16", "fp32"], sizes: Bert | None = None) -> Path:
    """Write BERT up to its last states; with INT8, the input of each product is quantised by the range of the batch."""
    sizes = sizes or Bert()
    quantised = precision == "int8"
    with Graph(out, precision="fp16" if precision == "fp16" else "fp32") as graph:
        length = graph.add("Gather", graph.add("Shape", "input_ids"), graph.constant(1))
        places = graph.add("Range", graph.constant(0), length, graph.constant(1))
        states = graph.add("Gather", graph.random_weight(sizes.vocabulary, sizes.hidden), "input_ids")
        for size, index in ((sizes.positions, places), (2, "token_type_ids")):
            states = graph.add("Add", states, graph.add("Gather", graph.random_weight(size, sizes.hidden), index))
        states = _layer_norm(graph, states, sizes)
        real = graph.add("Cast", "attention_mask", to=TensorProto.BOOL)
        real = graph.add("Unsqueeze", real, graph.constant([1, 2]))  # [batch, 1, 1, sequence]
        for _ in range(sizes.layers):
            attended = _bert_attention(graph, states, real, sizes, quantised=quantised)
            states = _layer_norm(graph, graph.add("Add", states, attended), sizes)
            wide = _gelu(
                graph, _linear(graph, states, sizes.hidden, sizes.intermediate, bias=True, quantised=quantised)
            )
            narrow = _linear(graph, wide, sizes.intermediate, sizes.hidden, bias=True, quantised=quantised)
            states = _layer_norm(graph, graph.add("Add", states, narrow), sizes)
        return graph.write(
            "bert",
            inputs=[integer_info(name) for name in ("input_ids", "attention_mask", "token_type_ids")],
            outputs={states: graph.float_info("last_hidden_state", ["batch", "sequence", sizes.hidden])},
        )


def _linear(
    graph: Graph, states: str, inputs: int, outputs: int, *, bias: bool = False, quantised: bool = False
) -> str:
    if quantised:
        product = _quantised_product(graph, states, inputs, outputs)
    else:
        product = graph.add("MatMul", states, graph.random_weight(inputs, outputs))
    return graph.add("Add", product, graph.random_weight(outputs)) if bias else product


def _quantised_product(graph: Graph, states: str, inputs: int, outputs: int) -> str:
    """Multiply 8-bit inputs by 8-bit weights and sum in 32 bits, with the operators of the ONNX standard."""
    weight = graph.random(inputs, outputs)
    step = np.float32(np.abs(weight).max() / 127)
    integers = graph.weight(np.rint(weight / step).astype(np.int8))
    rounded = graph.add("DynamicQuantizeLinear", states, outputs=3)
    zero = graph.constant(0, np.int8)
    summed = graph.add("MatMulInteger", rounded, integers, f"{rounded}_2", zero)
    scale = graph.add("Mul", f"{rounded}_1", graph.constant(step, np.float32))
    return graph.add("Mul", graph.add("Cast", summed, to=TensorProto.FLOAT), scale)


def _rms_norm(graph: Graph, states: str, *, size: int, epsilon: float) -> str:
    """Normalise in FP32 in every precision, as the model's own code does."""
    half = graph.precision == "fp16"
    wide = graph.add("Cast", states, to=TensorProto.FLOAT) if half else states
    square = graph.add("Pow", wide, graph.constant(2, np.float32))
    mean = graph.add("ReduceMean", square, graph.constant([-1]), keepdims=1)
    root = graph.add("Sqrt", graph.add("Add", mean, graph.constant(epsilon, np.float32)))
    normed = graph.add("Div", wide, root)
    normed = graph.add("Cast", normed, to=TensorProto.FLOAT16) if half else normed
    return graph.add("Mul", normed, graph.ones(size))


def _layer_norm(graph: Graph, states: str, sizes: Bert) -> str:
    shift = graph.weight(np.zeros(sizes.hidden, graph.type))
    return graph.add("LayerNormalization", states, graph.ones(sizes.hidden), shift, axis=-1, epsilon=sizes.epsilon)


def _gelu(graph: Graph, states: str) -> str:
    scaled = graph.add("Div", states, graph.number(float(np.sqrt(2))))
    spread = graph.add("Add", graph.add("Erf", scaled), graph.number(1))
    return graph.add("Mul", graph.add("Mul", states, spread), graph.number(0.5))


def _causal_mask(graph: Graph, places: str) -> str:
    """Return [batch, 1, sequence, sequence]: a token attends to the real tokens up to itself."""
    row = graph.add("Unsqueeze", places, graph.constant([1]))
    earlier = graph.add("LessOrEqual", graph.add("Unsqueeze", places, graph.constant([0])), row)
    real = graph.add("Cast", "attention_mask", to=TensorProto.BOOL)
    return graph.add("And", graph.add("Unsqueeze", real, graph.constant([1, 2])), earlier)


def _rotation(graph: Graph, places: str, sizes: Qwen3) -> tuple[str, str]:
    """Return cosines and sines, [sequence, head size], of rotary position embeddings."""
    frequencies = sizes.rope_base ** (-np.arange(0, sizes.head_size, 2) / sizes.head_size)
    row = graph.weight(np.concatenate([frequencies, frequencies])[None].astype(np.float32))
    column = graph.add("Unsqueeze", graph.add("Cast", places, to=TensorProto.FLOAT), graph.constant([1]))
    angles = graph.add("Mul", column, row)
    kind = TensorProto.FLOAT16 if graph.precision == "fp16" else TensorProto.FLOAT
    cosines, sines = (graph.add("Cast", graph.add(operator, angles), to=kind) for operator in ("Cos", "Sin"))
    return cosines, sines


def _rotated(graph: Graph, states: str, rotation: tuple[str, str], sizes: Qwen3) -> str:
    half, end = sizes.head_size // 2, sizes.head_size
    axis = graph.constant([3])
    first = graph.add("Slice", states, graph.constant([0]), graph.constant([half]), axis)
    second = graph.add("Slice", states, graph.constant([half]), graph.constant([end]), axis)
    turned = graph.add("Concat", graph.add("Neg", second), first, axis=-1)
    cosines, sines = rotation
    return graph.add("Add", graph.add("Mul", states, cosines), graph.add("Mul", turned, sines))


def _heads(graph: Graph, states: str, *, heads: int, size: int) -> str:
    """Return [batch, sequence, heads, head size]."""
    return graph.add("Reshape", states, graph.constant([0, 0, heads, size]))


def _attention(graph: Graph, states: str, allowed: str, rotation: tuple[str, str], sizes: Qwen3) -> str:
    """Add grouped-query attention, in which two query heads share keys and values."""
    size, groups = sizes.head_size, sizes.heads // sizes.kv_heads

    def projected(heads: int) -> str:
        return _heads(graph, _linear(graph, states, sizes.hidden, heads * size), heads=heads, size=size)

    def placed(split: str) -> str:
        normed = _rms_norm(graph, split, size=size, epsilon=sizes.epsilon)
        return _rotated(graph, graph.add("Transpose", normed, perm=[0, 2, 1, 3]), rotation, sizes)

    def repeated(split: str) -> str:
        """Repeat fewer heads until there are [batch, heads, sequence, head size]."""
        apart = graph.add("Unsqueeze", split, graph.constant([2]))
        alike = graph.add("Expand", apart, graph.constant([1, 1, groups, 1, 1]))
        batch_and_length = graph.add("Shape", "input_ids")
        batch = graph.add("Gather", batch_and_length, graph.constant([0]))
        length = graph.add("Gather", batch_and_length, graph.constant([1]))
        shape = graph.add("Concat", batch, graph.constant([sizes.heads]), length, graph.constant([size]), axis=0)
        return graph.add("Reshape", alike, shape)

    query = placed(projected(sizes.heads))
    key = repeated(placed(projected(sizes.kv_heads)))
    value = repeated(graph.add("Transpose", projected(sizes.kv_heads), perm=[0, 2, 1, 3]))
    attended = _weighted(graph, query, key, value, allowed, size=size)
    return _linear(graph, _joined(graph, attended, sizes.heads * size), sizes.heads * size, sizes.hidden)


def _bert_attention(graph: Graph, states: str, real: str, sizes: Bert, *, quantised: bool) -> str:
    size = sizes.hidden // sizes.heads

    def projected() -> str:
        whole = _linear(graph, states, sizes.hidden, sizes.hidden, bias=True, quantised=quantised)
        return graph.add("Transpose", _heads(graph, whole, heads=sizes.heads, size=size), perm=[0, 2, 1, 3])

    attended = _weighted(graph, projected(), projected(), projected(), real, size=size)
    joined = _joined(graph, attended, sizes.hidden)
    return _linear(graph, joined, sizes.hidden, sizes.hidden, bias=True, quantised=quantised)


def _weighted(graph: Graph, query: str, key: str, value: str, allowed: str, *, size: int) -> str:
    scores = graph.add("MatMul", query, graph.add("Transpose", key, perm=[0, 1, 3, 2]))
    scores = graph.add("Mul", scores, graph.number(size**-0.5))
    # not infinity, because a row of padding attends to nothing and would become NaN
    least = graph.number(float(np.finfo(graph.type).min))
    weights = graph.add("Softmax", graph.add("Where", allowed, scores, least), axis=-1)
    return graph.add("MatMul", weights, value)


def _joined(graph: Graph, attended: str, width: int) -> str:
    return graph.add("Reshape", graph.add("Transpose", attended, perm=[0, 2, 1, 3]), graph.constant([0, 0, width]))
