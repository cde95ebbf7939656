"""A local search server for AI agents: ranked, citable passages of the user's own files over MCP."""

import os

# ONNX Runtime 1.31 sends telemetry to its maker unless this is set before it is imported: nothing may leave here.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# One thread for each product of numpy's BLAS, also to be set before its import. Its threads spin while they wait for
# each other, and several queries are answered at the same time: on two busy cores `query` took 125 ms of CPU time with
# a thread for each core, and 27 ms with one (benchmarks/results/serving.md).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"
