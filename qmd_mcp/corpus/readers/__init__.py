"""From the bytes of a file to its text, title and headings: one module for each format.

`source_text.read` is the entrance and chooses the reader.
"""
