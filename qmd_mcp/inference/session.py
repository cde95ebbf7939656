"""ONNX Runtime sessions, made in one place for every role."""

from __future__ import annotations

import os
from pathlib import Path

import onnxruntime as ort

from qmd_mcp.errors import ModelError

_ERRORS_ONLY = 3
"""ONNX Runtime's severity: its warnings about CPU placement of shape nodes say nothing to a user."""


def open_session(path: Path, *, threads: int) -> ort.InferenceSession:
    """Load a graph onto the CPU; one forward takes so many threads.

    Raises:
        ModelError: the file is missing or is no graph.
    """
    if not path.is_file():
        sentence = f"The model file {path.name} is missing from {path.parent.name}; install the package again."
        raise ModelError(sentence)
    options = ort.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Idle threads that spin take the processor from LanceDB's: both retrievals of a query together took 18.8 ms with
    # spinning and 15.8 without (p50, 2 cores), the embedding of a query alone 1.4 and 2.1.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    try:
        return ort.InferenceSession(str(path), sess_options=options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions have no common base but Exception
        sentence = f"The model file {path.name} cannot be loaded: {str(error).splitlines()[0]}"
        raise ModelError(sentence) from error


def cores() -> int:
    """Processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
