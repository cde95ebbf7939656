"""Bytes of a file as text with a title, whose lines can be found again in the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from qmd_mcp.corpus.readers.decoding import NotTextError, decode
from qmd_mcp.corpus.readers.front_matter import front_matter
from qmd_mcp.corpus.readers.headings import Heading, markdown_headings, one_line, underlined_headings
from qmd_mcp.corpus.readers.html_page import HtmlPage
from qmd_mcp.domain.answers import Skip

Kind: TypeAlias = Literal["markdown", "restructuredtext", "html", "code", "text"]
TitleSource: TypeAlias = Literal["front matter", "heading", "file name"]

_KINDS: Final[dict[str, Kind]] = {
    **dict.fromkeys(("md", "markdown", "mdx", "mdc", "mkd", "qmd", "rmd"), "markdown"),
    **dict.fromkeys(("rst", "rest"), "restructuredtext"),
    **dict.fromkeys(("html", "htm", "xhtml"), "html"),
    **dict.fromkeys(("txt", "text", "adoc", "asciidoc", "org", "tex", "typ", "wiki", "textile", "vtt", "srt"), "text"),
}
"""Every other suffix is code, and a name without one is text."""


@dataclass(frozen=True, slots=True)
class SourceText:
    """A file as text: NFC, lines end with a newline, no control characters but tab and newline."""

    text: str
    """The whole file, front matter included; of HTML, what it shows, as Markdown."""
    kind: Kind
    title: str
    title_source: TitleSource
    """HTML's title element counts as front matter."""
    body_start: int = 0
    """Where the front matter ends."""
    lines: tuple[int, ...] | None = None
    """The line of the file for each line of the text; null where they are the same."""

    def source_line(self, line: int) -> int:
        """The line of the file that a line of the text comes from; both count from 1."""
        return self.lines[min(line, len(self.lines)) - 1] if self.lines else line

    def headings(self) -> Iterator[Heading]:
        """The headings of the body, in their order; code and plain text have none."""
        if self.kind == "restructuredtext":
            return underlined_headings(self.text, start=self.body_start)
        if self.kind in {"markdown", "html"}:
            return markdown_headings(self.text, start=self.body_start)
        return iter(())


def read(data: bytes, path: str) -> SourceText | Skip:
    """Make text of a file's bytes; its path tells the format and, failing all else, the title.

    The title is the front matter's, or the first heading if that is of the first level, or if nothing stands above it
    and no other is of its level; or the file's name: in notes without either, headings name their parts.
    """
    try:
        text = decode(data)
    except NotTextError as error:
        return Skip(path, error.reason)
    kind = kind_of(path)
    body_start, title = (0, "") if kind == "code" else front_matter(text)
    lines: tuple[int, ...] | None = None
    if kind == "html":
        page = HtmlPage(text[body_start:], first_line=text.count("\n", 0, body_start) + 1)
        text, body_start, lines = "\n".join((*page.lines, "")), 0, tuple(page.numbers)
        title = title or page.title
    if not text[body_start:].strip():
        return Skip(path, "empty")
    source = SourceText(text, kind, one_line(title), "front matter", body_start, lines)
    return source if source.title else _titled(source, path)


def kind_of(path: str) -> Kind:
    """The format of a file by its name."""
    stem, _, suffix = path.rpartition("/")[2].rpartition(".")
    return _KINDS.get(suffix.lower(), "code") if stem else "text"


def _titled(source: SourceText, path: str) -> SourceText:
    headings = [heading for heading in source.headings() if heading.text]
    if headings and _names_all(headings, above=source.text[source.body_start : headings[0].start]):
        return replace(source, title=headings[0].text, title_source="heading")
    name = path.rpartition("/")[2]
    stem = name.rpartition(".")[0] or name
    return replace(source, title=one_line(stem.replace("-", " ").replace("_", " ")) or name, title_source="file name")


def _names_all(headings: Sequence[Heading], *, above: str) -> bool:
    """Whether the first heading is the document's, and not that of its first part."""
    level = headings[0].level
    return level == 1 or not (above.strip() or any(heading.level <= level for heading in headings[1:]))
