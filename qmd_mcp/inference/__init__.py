"""ONNX Runtime: models in, arrays out."""
