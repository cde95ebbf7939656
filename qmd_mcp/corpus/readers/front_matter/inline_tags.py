"""The tags that are written in the body of Markdown: `#tag` and `#outer/inner`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from qmd_mcp.corpus.readers.front_matter.described import tag_of
from qmd_mcp.corpus.readers.headings import FENCE, fence_after

_NO_TAG = (
    r"\s!-,.:-@\[-^`{-~\u2000-\u200c\u200e-\u206f\u2e00-\u2e7f"
    r"\u3000-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
"""What ends a tag: blanks, punctuation of ASCII other than `_`, `-` and `/`, and punctuation of other scripts. Letters,
digits and emoji of any script belong to a tag, as they do in Obsidian."""

_TAG = rf"#(?<!\S#)(?=[^{_NO_TAG}]*[^{_NO_TAG}\d/_-])(?P<tag>[^{_NO_TAG}]+)"
_MAY_HAVE = re.compile(rf"#(?<!\S#)[^{_NO_TAG}]")
_TAG_OR_OTHER = re.compile(
    rf"{FENCE}|``[^\n]*?``|`[^`\n]*`|\[\[[^\[\]\n]*\]\]|\]\([^()\n]*\)|<[^<>\n]*>|^ {{0,3}}\[(?!\^)[^\[\]\n]+\]:[^\n]*"
    rf"|^(?: {{4}}|\t)[ \t]*#[^\n]*|{_TAG}",
    re.MULTILINE,
)
"""A tag, or what hides one: fences, inline code, the targets of links, elements of HTML, and a line of indented code
that begins with the sign, such as `#include`."""


def inline_tags(text: str, *, start: int = 0) -> Iterator[str]:
    """Yield the tags of a text from an offset on; each is preceded by a blank and has a sign that is not a digit."""
    if not _MAY_HAVE.search(text, start):
        return
    fence = ""
    for match in _TAG_OR_OTHER.finditer(text, start):
        if match["fence"]:
            fence = fence_after(match, fence)
        elif match["tag"] and not fence:
            yield tag_of(match["tag"])
