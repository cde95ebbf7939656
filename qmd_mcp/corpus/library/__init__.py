"""Reading documents for people and agents, by whatever name they use.

`document_library.Library` is the entrance. `reference` parses what a caller wrote, `naming` finds the documents, with
`names` by what people call them, `section` finds the lines below a heading, and `excerpt` cuts out the lines.
"""
