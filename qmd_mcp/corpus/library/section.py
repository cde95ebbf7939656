"""Finding the part of a document below one of its headings."""

from __future__ import annotations

import re
import unicodedata

from qmd_mcp.corpus.readers.source_text import SourceText
from qmd_mcp.domain.text.folding import folded


def section_of(source: SourceText, name: str) -> range | None:
    """The lines of the text from a heading to the next one that is not below it; None if there is no such heading.

    `A#B` is the heading B below A. Of several headings of one name the first counts. A name that begins with `^` is
    that of a block, which is the paragraph that ends with it.
    """
    if name.startswith("^"):
        return _block(source.text, name)
    wanted = [plain for part in name.split("#") if (plain := _plain(part))]
    above: list[tuple[int, str]] = []  # level and letters of the headings above the present place
    headings = source.headings()
    for heading in headings if wanted else ():
        while above and above[-1][0] >= heading.level:
            above.pop()
        above.append((heading.level, _plain(heading.text)))
        if [letters for _, letters in above[-len(wanted) :]] == wanted:
            below = (each.start for each in headings if each.level <= heading.level)
            return _lines(source.text, heading.start, next(below, len(source.text)))
    return None


def _block(text: str, name: str) -> range | None:
    found = re.search(rf"(?:^|\s){re.escape(name)}[ \t]*$", text, re.MULTILINE)
    if found is None:
        return None
    start = text.rfind("\n\n", 0, found.start() + 1) + 2
    return _lines(text, start if start > 1 else 0, found.end())


def _lines(text: str, start: int, end: int) -> range:
    """The numbers of the lines between two positions, counted from 1."""
    first = text.count("\n", 0, start) + 1
    return range(first, first + text[start:end].rstrip("\n").count("\n") + 1)


def _plain(heading: str) -> str:
    """The letters of a heading, so that the anchor which a forge makes of it is the same; else its signs."""
    text = folded(heading)
    return "".join(each for each in text if each.isalnum() or unicodedata.category(each)[0] == "M") or text.strip()
