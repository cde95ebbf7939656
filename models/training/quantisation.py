"""The quantisation of a fused BERT graph, in three ways."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import DefaultWeightOnlyQuantConfig, MatMulNBitsQuantizer
from texts import Text, feed
from tokenizers import Tokenizer

WEIGHT_LEVELS = 64
"""7 bits: the sum of two products of 255 * 64 still fits into the 16 bits of a CPU without VNNI."""

MIGRATION = 0.75
"""alpha of SmoothQuant (Xiao et al., ICML 2023), whose authors take .75 if outliers are strong. Here one channel in the
output of each attention reaches 30, and the others reach 2. Tried: with .5 the cosine is .984."""

NBITS_BLOCK = 32
"""Weights in a block. Tried: with 128 it is a tenth faster, but an embedding depends a little on its batch (.9995)."""


def quantise(model: onnx.ModelProto, target: Path, *, operators: Sequence[str] = ()) -> None:
    """Quantise weights to 7 bits per channel, and the activations of a multiplication by the range of their batch."""
    quantize_dynamic(
        model,
        target,
        op_types_to_quantize=list(operators) or None,
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
        # fused operators have no shape inference, so the quantiser must be told the type
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )


def quantise_in_blocks(model: onnx.ModelProto) -> onnx.ModelProto:
    """Quantise weights to 8 bits per block; with `accuracy_level=4` a run quantises activations in the same way."""
    config = DefaultWeightOnlyQuantConfig(block_size=NBITS_BLOCK, is_symmetric=True, accuracy_level=4, bits=8)
    quantiser = MatMulNBitsQuantizer(model, algo_config=config)
    quantiser.process()
    return quantiser.model.model


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the greatest values of an activation."""

    low: npt.NDArray[np.float32]  # [passages, channels]
    high: npt.NDArray[np.float32]  # [passages, channels]


def observe(
    model: onnx.ModelProto, names: Sequence[str], *, tokenizer: Tokenizer, texts: Sequence[Text]
) -> dict[str, Range]:
    """Run each text alone, because padding would count as text, and record the range of each activation."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    session = onnxruntime.InferenceSession(watched.SerializeToString(), providers=["CPUExecutionProvider"])
    seen = [[np.asarray(values)[0] for values in session.run(list(names), feed(tokenizer, [text]))] for text in texts]
    return {
        name: Range(np.stack([each.min(axis=0) for each in of_name]), np.stack([each.max(axis=0) for each in of_name]))
        for name, of_name in zip(names, zip(*seen, strict=True), strict=True)
    }


def fix_activations(model: onnx.ModelProto, *, tokenizer: Tokenizer, texts: Sequence[Text]) -> onnx.ModelProto:
    """Quantise every multiplication with a fixed range for its activations.

    Before that, outlier channels are shrunk, and their weights are stretched by the same factor (SmoothQuant).
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    graph = fixed.graph
    weights = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    multiplications = {index: node for index, node in enumerate(graph.node) if node.op_type in ("MatMul", "Attention")}
    names = list(dict.fromkeys(node.input[0] for node in multiplications.values()))
    ranges = observe(model, names, tokenizer=tokenizer, texts=texts)
    nodes: list[onnx.NodeProto] = []
    for index, node in enumerate(graph.node):
        if index not in multiplications:
            nodes.append(node)
            continue
        name, weight_name = node.input[0], node.input[1]
        observed, weight = ranges[name], weights[weight_name]  # [channels, outputs]

        peaks = np.maximum(-observed.low.min(axis=0), observed.high.max(axis=0))
        stretch = peaks**MIGRATION / np.abs(weight).max(axis=1) ** (1 - MIGRATION)  # [channels]
        stretch = (stretch / np.exp(np.log(stretch).mean())).astype(np.float32)
        # the median over the passages: with the extremes of one odd passage all others would be coarser
        low = min(float(np.median((observed.low / stretch).min(axis=1))), 0.0)
        high = float(np.median((observed.high / stretch).max(axis=1)))
        step = (high - low) / 255
        stretched = weight * stretch[:, None]
        steps = np.abs(stretched).max(axis=0) / WEIGHT_LEVELS  # [outputs]

        constants = {
            "shrink": 1 / stretch,
            "step": np.float32(step),
            "zero": np.uint8(round(-low / step)),
            "weight": np.rint(stretched / steps).astype(np.int8),
            "steps": steps,
            "zeros": np.zeros(len(steps), np.int8),
        }
        prefix = f"{weight_name}_"
        graph.initializer.extend(
            numpy_helper.from_array(np.asarray(value), prefix + key) for key, value in constants.items()
        )
        shrink, scale, zero, integers, scales, zeros = (prefix + key for key in constants)
        shrunk, quantised = f"{prefix}shrunk", f"{prefix}quantised"
        nodes.append(helper.make_node("Mul", [name, shrink], [shrunk]))
        nodes.append(helper.make_node("QuantizeLinear", [shrunk, scale, zero], [quantised]))
        if node.op_type == "Attention":
            bias, mask = node.input[2], node.input[3]
            operator = "QAttention"
            inputs = [quantised, integers, bias, scale, scales, mask, zero, zeros]
        else:
            operator = "MatMulIntegerToFloat"
            inputs = [quantised, integers, scale, scales, zero, zeros]
        product = helper.make_node(operator, inputs, node.output, domain="com.microsoft")
        product.attribute.extend(each for each in node.attribute if each.name == "num_heads")
        nodes.append(product)
    used = {name for node in nodes for name in node.input}
    kept = [each for each in graph.initializer if each.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)
    return fixed
