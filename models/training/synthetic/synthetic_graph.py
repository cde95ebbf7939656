"""An ONNX graph that is written while it is built: its weights go straight to the file beside it."""

from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal, Self

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Precision = Literal["fp32", "fp16"]

OPSET = 18
IR_VERSION = 10
DEVIATION = 0.02
"""Standard deviation of the random weights. Transformers are initialised with it, and activations stay within FP16."""
ALIGNMENT = 4096
"""Alignment in bytes of each weight in its file, so that it can be mapped into memory."""
SMALL = 1024
"""Constants of up to this many bytes stay in the graph itself, which shapes and axes must."""


class Graph:
    """Collects nodes in order; `add` returns the name of a node's output."""

    def __init__(self, folder: Path, *, precision: Precision, seed: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "model.onnx"
        self.precision = precision
        self.type = np.float16 if precision == "fp16" else np.float32
        self._data: BinaryIO = (folder / "model.onnx_data").open("wb")
        self._random = np.random.default_rng(seed)
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._known: dict[bytes, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._data.close()

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Append a node and return the name of its first output; the names of the others end in _1, _2 and so on."""
        name = f"{operator}_{len(self._nodes)}"
        names = [name, *(f"{name}_{number}" for number in range(1, outputs))]
        self._nodes.append(helper.make_node(operator, inputs, names, **attributes))
        return name

    def constant(self, value: Any, dtype: npt.DTypeLike = np.int64) -> str:
        """Add a small constant, or return the name of an equal one."""
        array = np.asarray(value, dtype)
        key = repr((array.dtype, array.shape)).encode() + array.tobytes()
        if key not in self._known:
            self._known[key] = self.weight(array)
        return self._known[key]

    def number(self, value: float) -> str:
        """Add a constant in the graph's precision."""
        return self.constant(value, self.type)

    def weight(self, array: npt.NDArray[Any]) -> str:
        """Store an array; if it has more than SMALL bytes it goes into the file beside the graph."""
        name = f"weight_{len(self._initializers)}"
        if array.nbytes <= SMALL:
            self._initializers.append(numpy_helper.from_array(array, name))
            return name
        self._data.write(b"\0" * (-self._data.tell() % ALIGNMENT))
        tensor = TensorProto(name=name, dims=array.shape, data_type=helper.np_dtype_to_tensor_dtype(array.dtype))
        tensor.data_location = TensorProto.EXTERNAL
        place = {"location": "model.onnx_data", "offset": self._data.tell(), "length": array.nbytes}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        self._data.write(np.ascontiguousarray(array).data)
        self._initializers.append(tensor)
        return name

    def random(self, *shape: int) -> npt.NDArray[np.float32]:
        """Draw random weights."""
        values = self._random.standard_normal(shape, dtype=np.float32)
        values *= DEVIATION
        return values

    def random_weight(self, *shape: int) -> str:
        """Store random weights in the graph's precision."""
        return self.weight(self.random(*shape).astype(self.type, copy=False))

    def ones(self, size: int) -> str:
        """Store the scale of a normalisation."""
        return self.weight(np.ones(size, self.type))

    def float_info(self, name: str, shape: list[str | int]) -> onnx.ValueInfoProto:
        """Describe an input or output in the graph's precision."""
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(self.type)), shape)

    def write(self, name: str, *, inputs: list[onnx.ValueInfoProto], outputs: dict[str, onnx.ValueInfoProto]) -> Path:
        """Write the graph and return its path; the keys of `outputs` are names that `add` returned."""
        self._nodes.extend(helper.make_node("Identity", [value], [info.name]) for value, info in outputs.items())
        graph = helper.make_graph(self._nodes, name, inputs, list(outputs.values()), self._initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        self.path.write_bytes(model.SerializeToString())
        return self.path


def integer_info(name: str) -> onnx.ValueInfoProto:
    """Describe an input of token ids, a mask, segments or positions."""
    return helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
