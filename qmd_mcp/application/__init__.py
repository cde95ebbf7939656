"""The parts put together: an open index with its models.

`engine.open_engine` is the entrance. Whoever only uses an engine imports its protocols from `engine_protocols`, and the
tools that ask it from `tool_calls`; neither imports lancedb or ONNX Runtime.
"""
