"""Reading source code and configuration."""

from __future__ import annotations

from qmd_mcp.corpus.readers.decoding import decode
from qmd_mcp.corpus.readers.source_text import SourceText


def read_code(data: bytes) -> SourceText:
    """Make text of a file of code; `---` in it begins no front matter, since it separates documents of YAML."""
    return SourceText(decode(data), "code", title="", title_source="front matter")
