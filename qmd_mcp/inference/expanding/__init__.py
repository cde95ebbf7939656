"""From a query to sub-queries, by a causal language model with a KV cache.

`expansion_scheduler` serves asynchronous callers; the other modules are synchronous.
"""
