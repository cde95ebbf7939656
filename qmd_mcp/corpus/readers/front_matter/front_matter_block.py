"""The block of YAML or TOML that may stand above the body of a document."""

from __future__ import annotations

import re

from qmd_mcp.corpus.readers.decoding import decode
from qmd_mcp.corpus.readers.front_matter.block_values import broken_values, toml_values, yaml_values
from qmd_mcp.corpus.readers.front_matter.described import Value, described
from qmd_mcp.corpus.readers.source_text import Kind, SourceText

LONGEST = 65_536
"""Most characters of front matter; a longer block is part of the text."""

_BLOCK = re.compile(r"(---|\+\+\+)[ \t]*\n(.*?)^(?:\1|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_KEY = re.compile(r"(?:[ \t]*(?:#.*)?\n)*[\w-]+[ \t]*[:=](?:\s|\Z)")


def below_front_matter(data: bytes, kind: Kind) -> SourceText:
    """Decode a file that may have front matter, and take title and properties from there.

    Raises:
        NotTextError: the bytes are not text.
    """
    text = decode(data)
    body_start, values = front_matter(text)
    title, properties = described(values)
    return SourceText(text, kind, title, "front matter", body_start, properties)


def front_matter(text: str) -> tuple[int, tuple[Value, ...]]:
    """Return where the body starts, and the values of the front matter above it.

    A block that is not a mapping is ordinary text between two horizontal rules. A mapping with a syntax error is front
    matter nevertheless; its values are then what stands behind the keys, line by line.
    """
    match = _BLOCK.match(text, 0, LONGEST)
    if match is None:
        return 0, ()
    fence, block = match.groups()
    values = yaml_values(block) if fence == "---" else toml_values(block)
    if values is None:
        if not _KEY.match(block):
            return 0, ()
        values = broken_values(block)
    return match.end(), values
