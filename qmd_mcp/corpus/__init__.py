"""Everything between files on disk and passages.

`scanning` finds the files of a collection, `readers` makes text of them, `chunking` cuts the text into passages, and
`indexing` brings the index up to date with the files; `library` reads documents for callers.
"""
