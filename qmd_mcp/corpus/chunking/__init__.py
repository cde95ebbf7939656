"""Cutting the text of a document into passages that fit the embedder's limit.

`chunker.Chunker` is the entrance. `sections` finds the parts of a document, `pieces` cuts a part that is too long,
`tables` says which column names a piece of a table needs, `outline` which headings hold where, and `token_counter`
counts tokens as the embedder's tokenizer does.
"""
