"""Graphs that run out of memory with many rows."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def starving(model: onnx.ModelProto, *, output: str, most_rows: int) -> onnx.ModelProto:
    """Make a model ask for more memory than any machine has if `input_ids` has more than so many rows."""
    constants = {"first": np.array([0]), "most": np.array([most_rows]), "petabyte": np.array([2**47]), "one": [1]}
    (value,) = (each for each in model.graph.output if each.name == output)
    number = np.zeros(1, helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))
    nodes = [
        helper.make_node("Shape", ["input_ids"], ["starving_shape"]),
        helper.make_node("Gather", ["starving_shape", "starving_first"], ["starving_rows"]),
        helper.make_node("Greater", ["starving_rows", "starving_most"], ["starving_more"]),
        helper.make_node("Cast", ["starving_more"], ["starving_times"], to=TensorProto.INT64),
        helper.make_node("Mul", ["starving_times", "starving_petabyte"], ["starving_bytes"]),
        helper.make_node("Add", ["starving_bytes", "starving_one"], ["starving_size"]),
        helper.make_node(
            "ConstantOfShape", ["starving_size"], ["starving_memory"], value=numpy_helper.from_array(number)
        ),
        helper.make_node("ReduceMax", ["starving_memory"], ["starving_zero"], keepdims=0),
        helper.make_node("Add", ["starving_fed", "starving_zero"], [output]),
    ]
    for node in model.graph.node:
        node.output[:] = ["starving_fed" if name == output else name for name in node.output]
        node.input[:] = ["starving_fed" if name == output else name for name in node.input]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(constant, np.int64), f"starving_{name}")
        for name, constant in constants.items()
    )
    return model
