"""Judging how well passages answer a query, with a cross-encoder that reads query and passage together.

`rerank_scheduler` serves asynchronous callers; the other modules are synchronous.
"""
