"""Reading HTML."""

from __future__ import annotations

from qmd_mcp.corpus.readers.front_matter.front_matter_block import below_front_matter
from qmd_mcp.corpus.readers.headings import one_line
from qmd_mcp.corpus.readers.html_page import HtmlPage
from qmd_mcp.corpus.readers.source_text import SourceText


def read_html(data: bytes) -> SourceText:
    """Make text of what a page shows; its front matter or its title element may declare a title."""
    file = below_front_matter(data, "html")
    if not file.text[file.body_start :].strip():
        return file
    page = HtmlPage(file.text[file.body_start :], first_line=file.text.count("\n", 0, file.body_start) + 1)
    return SourceText(
        "\n".join((*page.lines, "")),
        "html",
        title=file.title or one_line(page.title),
        title_source="front matter",
        properties=file.properties,
        lines=tuple(page.numbers),
    )
