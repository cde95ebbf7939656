"""Reading Org."""

from __future__ import annotations

import re
from collections.abc import Iterator

from qmd_mcp.corpus.readers.decoding import decode
from qmd_mcp.corpus.readers.front_matter.described import Value, described
from qmd_mcp.corpus.readers.front_matter.front_matter_block import LONGEST, front_matter
from qmd_mcp.corpus.readers.outline_headings import org_headlines
from qmd_mcp.corpus.readers.source_text import SourceText

_KEYWORD = re.compile(r"^[ \t]*(?:#\+|:)(?P<key>[\w-]+):(?:[ \t]+|$)(?P<value>[^\n]*)", re.MULTILINE)
"""A keyword such as `#+TITLE:`, or a property in a drawer such as `:ROAM_ALIASES:`."""

_WORDS = frozenset(
    ("author", "category", "created", "date", "description", "email", "keywords", "lastmod", "modified", "subtitle")
)
"""Keywords that say something about the document; the others are settings of Emacs and of exports."""
_ALIASES = frozenset({"alias", "aliases", "roam_alias", "roam_aliases"})
_TAGS = frozenset({"categories", "filetags", "roam_tags", "tags"})

_NAME = re.compile(r'"([^"]+)"|(\S+)')
_TAG = re.compile(r"[^\s:,]+")
_TIMESTAMP = re.compile(r"[<\[](?P<date>[\d-]++)(?:[ ][^\W\d]++\.?)?+(?P<time>[ ][\d:]++)?+[^>\]]*[>\]]")


def read_org(data: bytes) -> SourceText:
    """Make text of a file of Org; the keywords above its first heading declare title and properties.

    The tags of its headings count as tags of the document, as those of `#+FILETAGS:` do.
    """
    text = decode(data)
    body_start, values = front_matter(text)
    headlines = tuple(org_headlines(text, start=body_start))
    end = min(headlines[0].heading.start if headlines else len(text), body_start + LONGEST)
    tags = (Value("tags", tag, listed=True) for headline in headlines for tag in headline.tags)
    title, properties = described((*values, *_keywords(text, body_start, end), *tags))
    return SourceText(text, "org", title, "front matter", body_start, properties)


def _keywords(text: str, start: int, end: int) -> Iterator[Value]:
    title: list[str] = []
    for match in _KEYWORD.finditer(text, start, end):
        key, value = match["key"].lower().removeprefix("hugo_"), match["value"].strip()
        if key == "title":
            title.append(value)
        elif key in _ALIASES:
            yield from (Value("aliases", name[1] or name[2], listed=True) for name in _NAME.finditer(value))
        elif key in _TAGS:
            yield from (Value("tags", tag, listed=True) for tag in _TAG.findall(value))
        elif key in _WORDS:
            stamp = _TIMESTAMP.fullmatch(value)
            yield Value(key, stamp["date"] + (stamp["time"] or "") if stamp else value, listed=False)
    if title:
        yield Value("title", " ".join(title), listed=False)
