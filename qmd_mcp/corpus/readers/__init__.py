"""Making text, title, headings and properties of the bytes of a file.

`formats.read` is the entrance; the table there says which reader reads which extension. Each format has one module,
`*_reader`, with one function that takes bytes and returns a `source_text.SourceText`. `decoding`, `front_matter`,
`headings`, `outline_headings` and `html_page` are what the readers share.
"""
