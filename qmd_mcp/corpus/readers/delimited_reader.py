"""Reading tables whose cells are separated by commas or tabs."""

from __future__ import annotations

from qmd_mcp.corpus.readers.decoding import decode
from qmd_mcp.corpus.readers.source_text import SourceText


def read_delimited(data: bytes) -> SourceText:
    """Make text of a table; its first line names the columns."""
    return SourceText(decode(data), "delimited", title="", title_source="front matter")
