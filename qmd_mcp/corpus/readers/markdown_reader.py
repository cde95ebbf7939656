"""Reading Markdown."""

from __future__ import annotations

from dataclasses import replace

from qmd_mcp.corpus.readers.front_matter.described import distinct
from qmd_mcp.corpus.readers.front_matter.front_matter_block import below_front_matter
from qmd_mcp.corpus.readers.front_matter.inline_tags import inline_tags
from qmd_mcp.corpus.readers.source_text import SourceText


def read_markdown(data: bytes) -> SourceText:
    """Make text of a Markdown file; its front matter may declare title and properties, and its body may have tags."""
    source = below_front_matter(data, "markdown")
    known = source.properties.tags
    tags = distinct((*known, *inline_tags(source.text, start=source.body_start)))
    if len(tags) == len(known):
        return source
    return replace(source, properties=replace(source.properties, tags=tags))
