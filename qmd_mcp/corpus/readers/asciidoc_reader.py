"""Reading AsciiDoc."""

from __future__ import annotations

import re
from collections.abc import Iterator

from qmd_mcp.corpus.readers.decoding import decode
from qmd_mcp.corpus.readers.front_matter.described import Value, described
from qmd_mcp.corpus.readers.front_matter.front_matter_block import LONGEST, front_matter
from qmd_mcp.corpus.readers.source_text import SourceText

_ATTRIBUTE = re.compile(r":(?:page-|jbake-)?(?P<key>\w[\w-]*):[ \t]+(?P<value>.*)")
_TITLE = re.compile(r"[=#][ \t]+\S")
_AUTHORS = re.compile(r"[^\W\d_][^;<>:]*+(?:<[^<>]*+>)?+(?:;[^;<>:]*+(?:<[^<>]*+>)?+)*+")
_REVISION = re.compile(r"(?:v?[\d.][^,]*,)?[ \t]*+(?P<date>\d{4}-\d{1,2}-\d{1,2})\b")

_KEYS = {
    **dict.fromkeys(("title", "doctitle"), "title"),
    **dict.fromkeys(("date", "revdate"), "date"),
    **dict.fromkeys(("author", "authors"), "author"),
    **{key: key for key in ("aliases", "categories", "category", "description", "email", "keywords")},
    **{key: key for key in ("subject", "summary", "tags", "topics")},
}
"""Attributes that say something about the document; the others are settings of its conversion."""


def read_asciidoc(data: bytes) -> SourceText:
    """Make text of a file of AsciiDoc; the attributes of its header declare properties.

    Its title is its first heading, which is found together with the others.
    """
    text = decode(data)
    body_start, values = front_matter(text)
    title, properties = described((*values, *_header(text[body_start : body_start + LONGEST])))
    return SourceText(text, "asciidoc", title, "front matter", body_start, properties)


def _header(text: str) -> Iterator[Value]:
    """Yield what the header says: attributes, and the lines of the author and the revision below the title."""
    lines = _header_lines(text)
    for line in lines:
        attribute = _ATTRIBUTE.fullmatch(line)
        if attribute and (key := _KEYS.get(attribute["key"].lower())):
            yield Value(key, attribute["value"], listed=False)
    title = next((number for number, line in enumerate(lines) if _TITLE.match(line)), len(lines))
    byline, *below = lines[title + 1 :] or [""]
    if _AUTHORS.fullmatch(byline):
        yield Value("author", byline, listed=False)
        revision = _REVISION.match(below[0]) if below else None
        if revision:
            yield Value("date", revision["date"], listed=False)


def _header_lines(text: str) -> list[str]:
    """The lines of the header, without comments; an attribute that goes on in the next line is one line.

    The header ends at the first blank line below the title, or above the title at a line that cannot belong to it.
    """
    found: list[str] = []
    titled = False
    lines = iter(text.split("\n"))
    for line in lines:
        whole = line
        while whole.startswith(":") and whole.endswith(" \\"):
            whole = whole[:-1] + next(lines, "").strip()
        titled = titled or bool(_TITLE.match(whole))
        if titled and not whole.strip():
            break
        if not titled and whole.strip() and not whole.startswith((":", "//")):
            break
        if whole.strip() and not whole.startswith("//"):
            found.append(whole)
    return found
