"""From a document's text to passages within the embedder's limit.

`chunker.Chunker` is the entrance; `token_counter` counts as the embedder's tokenizer does.
"""
