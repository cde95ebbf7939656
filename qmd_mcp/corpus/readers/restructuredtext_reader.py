"""Reading reStructuredText."""

from __future__ import annotations

from qmd_mcp.corpus.readers.front_matter.front_matter_block import below_front_matter
from qmd_mcp.corpus.readers.source_text import SourceText


def read_restructuredtext(data: bytes) -> SourceText:
    """Make text of a reStructuredText file; its front matter may declare a title."""
    return below_front_matter(data, "restructuredtext")
