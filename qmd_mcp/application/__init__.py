"""The parts put together: an open index with its models.

`engine.open_engine` is the entrance. Whoever only uses an engine imports its protocols from `engine_protocols`, which
does not import lancedb or ONNX Runtime.
"""
