"""ONNX Runtime: sessions, execution providers, placement, and the worker threads that run forwards.

`session.SessionFactory` is the entrance; nothing here knows what a model is for.
"""
