"""The placement of a session's nodes on execution providers, as ONNX Runtime reports it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import onnxruntime as ort

RECORDING = "session.record_ep_graph_assignment_info"
"""The session option with which ONNX Runtime remembers the placement; it costs no measurable time."""

_COMPUTE = ("MatMul", "Gemm", "Conv", "Attention", "Normalization", "Softmax")
"""Parts of the names of the operators that do the work of a network, their fused and quantised forms included. Shape
arithmetic, gathering and casting are cheap on any provider."""


@dataclass(frozen=True, slots=True)
class Placement:
    """How many nodes of a graph each execution provider runs."""

    nodes: Mapping[str, int]
    """Nodes by provider."""
    compute: Mapping[str, int]
    """The compute nodes among them, by provider."""
    operators: Mapping[str, Mapping[str, int]]
    """The compute nodes by provider and operator."""

    def compute_off(self, provider: str) -> Mapping[str, int]:
        """Count, by operator, the compute nodes that run on any other provider."""
        elsewhere: Counter[str] = Counter()
        for name, operators in self.operators.items():
            if name != provider:
                elsewhere.update(operators)
        return elsewhere

    def __str__(self) -> str:
        """The placement in words."""
        return ", ".join(
            f"{count} nodes ({self.compute.get(name, 0)} compute) on {provider_label(name)}"
            for name, count in sorted(self.nodes.items())
        )


def read_placement(session: ort.InferenceSession) -> Placement:
    """Read the placement of a session that was created with the option `RECORDING`."""
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
    """Shorten ONNX Runtime's name of a provider: `CUDAExecutionProvider` is `CUDA`."""
    return provider.removesuffix("ExecutionProvider")
