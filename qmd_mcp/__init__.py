"""A local search server for AI agents: ranked, citable passages of the user's own files over MCP."""

import os

# ONNX Runtime 1.31 reports to its maker unless this is set before it is imported: nothing is sent anywhere from here.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"
