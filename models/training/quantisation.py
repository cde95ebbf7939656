"""Three ways to make a fused BERT graph small."""

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
"""7 bits: two products of 255 * 64 still fit the 16-bit sums of a processor without VNNI."""

MIGRATION = 0.75
"""alpha of SmoothQuant (Xiao et al., ICML 2023), which takes .75 where outliers are strong: here one
channel in each attention's output reaches 30 where the others reach 2. Tried: .5 cosine .984."""

NBITS_BLOCK = 32
"""Tried: at 128 it is a tenth faster, but an embedding depends a little on its batch (.9995)."""


def quantise(model: onnx.ModelProto, target: Path, *, operators: Sequence[str] = ()) -> None:
    """Weights to 7 bits per channel, activations (of a multiplication) by their batch's range."""
    quantize_dynamic(
        model,
        target,
        op_types_to_quantize=list(operators) or None,
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
        # fused operators have no shape inference, so the quantiser must be told
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )


def quantise_in_blocks(model: onnx.ModelProto) -> onnx.ModelProto:
    """Weights to 8 bits per block; `accuracy_level=4` does the same to activations while it runs."""
    config = DefaultWeightOnlyQuantConfig(block_size=NBITS_BLOCK, is_symmetric=True, accuracy_level=4, bits=8)
    quantiser = MatMulNBitsQuantizer(model, algo_config=config)
    quantiser.process()
    return quantiser.model.model


@dataclass(frozen=True, slots=True)
class Range:
    """The extremes that an activation takes."""

    low: npt.NDArray[np.float32]  # [passages, channels]
    high: npt.NDArray[np.float32]  # [passages, channels]


def observe(
    model: onnx.ModelProto, names: Sequence[str], *, tokenizer: Tokenizer, texts: Sequence[Text]
) -> dict[str, Range]:
    """Run each text alone, since padding would count as text, and note what each activation takes."""
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

    Outlier channels are first shrunk and their weights stretched as much (SmoothQuant).
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
        # the median passage's extremes: one odd passage would coarsen all others
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
