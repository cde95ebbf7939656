"""Where a session's nodes run: read from ONNX Runtime, not assumed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import onnxruntime as ort

RECORDING = "session.record_ep_graph_assignment_info"
"""The session option that makes ONNX Runtime remember what it placed where; it costs no time that could be measured."""

_COMPUTE = ("MatMul", "Gemm", "Conv", "Attention", "Normalization", "Softmax")
"""Parts of the names of operators that do the work of a network, fused and quantised forms among them. Shape
arithmetic, gathering and casting are cheap wherever they run."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Nodes of a graph by execution provider."""

    nodes: Mapping[str, int]
    compute: Mapping[str, int]
    """Of these the compute nodes."""
    operators: Mapping[str, Mapping[str, int]]
    """The compute nodes by provider and operator."""

    def compute_off(self, provider: str) -> Mapping[str, int]:
        """Compute nodes by operator that run elsewhere."""
        elsewhere: Counter[str] = Counter()
        for name, operators in self.operators.items():
            if name != provider:
                elsewhere.update(operators)
        return elsewhere

    def __str__(self) -> str:
        """As people read it."""
        return ", ".join(
            f"{count} nodes ({self.compute.get(name, 0)} compute) on {provider_label(name)}"
            for name, count in sorted(self.nodes.items())
        )


def read_placement(session: ort.InferenceSession) -> Placement:
    """What a session that was created with `RECORDING` on has placed where."""
    nodes: Counter[str] = Counter()
    operators: dict[str, Counter[str]] = {}
    for subgraph in session.get_provider_graph_assignment_info():
        each = [str(node.op_type) for node in subgraph.get_nodes()]
        nodes[subgraph.ep_name] += len(each)
        operators.setdefault(subgraph.ep_name, Counter()).update(name for name in each if is_compute(name))
    compute = {name: found.total() for name, found in operators.items()}
    return Placement(
        MappingProxyType(dict(nodes)),
        MappingProxyType(compute),
        MappingProxyType({name: MappingProxyType(dict(found)) for name, found in operators.items()}),
    )


def is_compute(operator: str) -> bool:
    """Whether an operator does the work of a network."""
    return any(part in operator for part in _COMPUTE)


def provider_label(provider: str) -> str:
    """`CUDAExecutionProvider` as people call it."""
    return provider.removesuffix("ExecutionProvider")
