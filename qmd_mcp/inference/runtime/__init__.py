"""ONNX Runtime: sessions, execution providers, and the worker threads in which forward passes run.

`session.SessionFactory` is the entrance. Nothing in this room knows what a model is for.
"""
