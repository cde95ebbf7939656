"""The parts of a document: sections under headings, and blocks between blank lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from qmd_mcp.corpus.readers.headings import FENCE, Heading, fence_after
from qmd_mcp.corpus.readers.source_text import SourceText

_DEFINITION = re.compile(r"\n[ \t]*\n(?=[^\s)\]}])")
"""In code, the start of a line that is not indented and follows a blank line: a definition, or the comment above it."""

_GAP = re.compile(r"\n(?:[ \t]*\n)+")
_GAP_OR_FENCE = re.compile(rf"{_GAP.pattern}|{FENCE}", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with the text below it, up to the next heading."""

    start: int
    end: int
    level: int
    """Level of the outermost heading at its start; 0 if it does not start with a heading."""
    heading: tuple[str, ...]
    """The headings above its text, the outermost first, without the document's title."""
    content: int
    """Where the headings at its start end and its text begins."""


def sections(source: SourceText, headings: Sequence[Heading]) -> Iterator[Section]:
    """Divide the body of a document at its headings, or code at its definitions.

    A heading that is followed by another heading without any text between them begins the section of that other one.
    """
    text, start = source.text, source.body_start
    if source.kind == "code":
        starts = [start, *(match.end() for match in _DEFINITION.finditer(text, start)), len(text)]
        yield from (Section(first, end, 1, (), first) for first, end in pairwise(starts))
        return
    level, names, content = 0, tuple[str, ...](), start
    above: list[Heading] = []
    for heading in headings:
        if text[content : heading.start].strip():
            yield Section(start, heading.start, level, names, content)
            start, level = heading.start, heading.level
        else:
            level = min(level or heading.level, heading.level)
        above = [*(outer for outer in above if outer.level < heading.level), heading]
        names = tuple(outer.text for outer in above if outer.text)
        if names and names[0].casefold() == source.title.casefold():
            names = names[1:]
        content = heading.end
    yield Section(start, len(text), level, names, content)


def blocks(source: SourceText, section: Section) -> Iterator[tuple[int, int]]:
    """Divide a section at its blank lines; fenced code stays whole, and headings stay with the block that follows."""
    text, start, end = source.text, section.start, section.end
    fence = ""
    pattern = _GAP_OR_FENCE if source.kind in {"markdown", "html"} else _GAP
    for match in pattern.finditer(text, start, end):
        if match[0][0] != "\n":
            fence = fence_after(match, fence)
        elif not fence and text[max(start, section.content) : match.start()].strip():
            yield start, match.end()
            start = match.end()
    if start < end:
        yield start, end
