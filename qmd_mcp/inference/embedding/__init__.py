"""From texts to vectors and token states.

`embedding_scheduler` and `token_scheduler` serve asynchronous callers; the other modules are synchronous.
"""
