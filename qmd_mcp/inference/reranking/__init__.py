"""How well passages answer a query, by a cross-encoder that reads both.

`rerank_scheduler` serves awaiting callers; the other modules are synchronous.
"""
