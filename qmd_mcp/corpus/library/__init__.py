"""Reading documents for people and agents, by whatever name they use.

`document_library.Library` is the entrance. `reference` parses what a caller wrote, `naming` finds the documents, and
`excerpt` cuts out the lines.
"""
