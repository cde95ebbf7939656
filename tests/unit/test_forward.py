"""Forwards and what they leave behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from qmd_mcp.inference.forward import LARGE, forward
from tests.tiny_encoders import session

WIDTH = 2**14
STATUS = Path("/proc/self/status")


def resident() -> int:
    """Bytes of this process in memory."""
    (line,) = (line for line in STATUS.read_text(encoding="ascii").splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def wide() -> ort.InferenceSession:
    """A graph that for a moment holds `WIDTH` numbers for each token."""
    nodes = [
        helper.make_node("Cast", ["input_ids"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["numbers", "axis"], ["column"]),
        helper.make_node("MatMul", ["column", "row"], ["states"]),
        helper.make_node("ReduceMax", ["states"], ["logits"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "wide",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["rows", "tokens"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [])],
        [
            numpy_helper.from_array(np.ones((1, WIDTH), np.float32), "row"),
            numpy_helper.from_array(np.array([2]), "axis"),
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return session(made.SerializeToString())


@pytest.mark.skipif(not STATUS.exists(), reason="memory is read from Linux' account")
def test_a_large_forward_gives_its_memory_back(capfd: pytest.CaptureFixture[str]) -> None:
    model, ids = wide(), np.ones((8, LARGE // 8), np.int64)
    forward(model, output="logits", feeds={"input_ids": ids[:, :1]}, model="wide")
    before, options = resident(), ort.RunOptions()
    for _ in range(2):
        forward(model, output="logits", feeds={"input_ids": ids}, model="wide", run=options)
    assert resident() - before < LARGE * WIDTH * 4 / 4
    assert capfd.readouterr() == ("", "")
