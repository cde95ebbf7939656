"""A local search server for AI agents: ranked, citable passages of the user's own files over MCP."""

import os

# ONNX Runtime 1.31 reports to its maker unless this is set before it is imported: nothing is sent anywhere from here.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# The same for numpy's BLAS: its threads spin while they wait for each other, and callers come several at once. On two
# busy cores `query` took 125 ms of processor with a thread for each core and 27 with one (benchmarks).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"
