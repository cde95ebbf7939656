"""The text that a reader makes of a file, whose lines can be found again in the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from qmd_mcp.corpus.readers.headings import Heading, markdown_headings, underlined_headings
from qmd_mcp.corpus.readers.outline_headings import asciidoc_headings, org_headings
from qmd_mcp.domain.properties import NO_PROPERTIES, Properties

Kind: TypeAlias = Literal["markdown", "restructuredtext", "html", "org", "asciidoc", "delimited", "code", "text"]
"""How the text is written: it decides where headings are looked for and how the text is cut into passages."""

TitleSource: TypeAlias = Literal["front matter", "heading", "file name"]


@dataclass(frozen=True, slots=True)
class SourceText:
    """A file as text: in NFC, with newlines as line ends, and without control characters other than tab and newline."""

    text: str
    """The whole file with its front matter; for HTML, what the page shows, as Markdown."""
    kind: Kind
    title: str
    """One line; from a reader, the title that the file declares, or an empty string if it declares none."""
    title_source: TitleSource
    """Where the title comes from. The title element of HTML counts as front matter."""
    body_start: int = 0
    """Where the front matter ends; 0 also for a file that has nothing else, whose text is then the front matter."""
    properties: Properties = NO_PROPERTIES
    """What the front matter says, and the tags in the body."""
    lines: tuple[int, ...] | None = None
    """The line of the file for each line of the text; None if they are the same."""

    def source_line(self, line: int) -> int:
        """Return the line of the file that a line of the text comes from; both count from 1."""
        return self.lines[min(line, len(self.lines)) - 1] if self.lines else line

    def headings(self) -> Iterator[Heading]:
        """Yield the headings of the body in their order; code, plain text and delimited text have none."""
        match self.kind:
            case "markdown" | "html":
                return markdown_headings(self.text, start=self.body_start)
            case "restructuredtext":
                return underlined_headings(self.text, start=self.body_start)
            case "org":
                return org_headings(self.text, start=self.body_start)
            case "asciidoc":
                return asciidoc_headings(self.text, start=self.body_start)
            case _:
                return iter(())
