"""The formats of files: which reader reads which, and reading a file with it.

A new format takes one module with a function of the type `Reader`, and one line of `READERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from qmd_mcp.corpus.readers.asciidoc_reader import read_asciidoc
from qmd_mcp.corpus.readers.code_reader import read_code
from qmd_mcp.corpus.readers.decoding import NotTextError
from qmd_mcp.corpus.readers.delimited_reader import read_delimited
from qmd_mcp.corpus.readers.headings import Heading, one_line
from qmd_mcp.corpus.readers.html_reader import read_html
from qmd_mcp.corpus.readers.markdown_reader import read_markdown
from qmd_mcp.corpus.readers.org_reader import read_org
from qmd_mcp.corpus.readers.plain_text_reader import read_plain_text
from qmd_mcp.corpus.readers.restructuredtext_reader import read_restructuredtext
from qmd_mcp.corpus.readers.source_text import SourceText
from qmd_mcp.domain.answers import Skip
from qmd_mcp.domain.properties import NO_PROPERTIES

Reader: TypeAlias = Callable[[bytes], SourceText]
"""Makes text of the bytes of a file, with the title that the file declares, if any; raises NotTextError otherwise."""

READERS: Final[Mapping[str, Reader]] = {
    **dict.fromkeys(("md", "markdown", "mdx", "mdc", "mkd", "qmd", "rmd"), read_markdown),
    **dict.fromkeys(("rst", "rest"), read_restructuredtext),
    **dict.fromkeys(("html", "htm", "xhtml"), read_html),
    "org": read_org,
    **dict.fromkeys(("adoc", "asciidoc"), read_asciidoc),
    **dict.fromkeys(("csv", "tsv"), read_delimited),
    **dict.fromkeys(("txt", "text", "tex", "typ", "wiki", "textile", "vtt", "srt"), read_plain_text),
}
"""By extension, in lower case. A file with any other extension is read as code, and one without as plain text."""


def read(data: bytes, path: str) -> SourceText | Skip:
    """Make text of the bytes of a file, or say why it cannot be done.

    The extension of the path chooses the reader. The title is the one that the file declares. If it declares none, the
    first heading is the title, provided that it stands for the whole document: its level is 1, or there is nothing
    above it and no other heading of its level. Otherwise the name of the file is the title, since in notes without any
    of these the headings name the parts. In Org, headings of level 1 name the parts as well.

    A file that has nothing below its front matter is read as plain text, and that text is the front matter.
    """
    try:
        source = _reader_of(path)(data)
    except NotTextError as error:
        return Skip(path, error.reason)
    if not source.text[source.body_start :].strip():
        if not source.body_start or not (source.title or source.properties != NO_PROPERTIES):
            return Skip(path, "empty")
        source = replace(source, kind="text", body_start=0)
    return source if source.title else _titled(source, path)


def _reader_of(path: str) -> Reader:
    stem, _, extension = path.rpartition("/")[2].rpartition(".")
    return READERS.get(extension.lower(), read_code) if stem else read_plain_text


def _titled(source: SourceText, path: str) -> SourceText:
    headings = [heading for heading in source.headings() if heading.text]
    above = source.text[source.body_start : headings[0].start] if headings else ""
    if headings and _names_the_document(headings, above=above, parts=source.kind == "org"):
        return replace(source, title=headings[0].text, title_source="heading")
    name = path.rpartition("/")[2]
    stem = name.rpartition(".")[0] or name
    return replace(source, title=one_line(stem.replace("-", " ").replace("_", " ")) or name, title_source="file name")


def _names_the_document(headings: Sequence[Heading], *, above: str, parts: bool) -> bool:
    """Whether the first heading stands for the whole document, not for its first part, as level 1 does if `parts`."""
    level = headings[0].level
    return (level == 1 and not parts) or not (above.strip() or any(heading.level <= level for heading in headings[1:]))
