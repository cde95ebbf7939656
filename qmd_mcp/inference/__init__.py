"""Models in ONNX Runtime: embedding texts, expanding queries and reranking passages.

`loading` makes the model of each role from its files. `hub` holds the files, `runtime` runs the sessions, and
`embedding`, `expanding` and `reranking` are one role each.
"""
