"""The block of YAML or TOML that may stand above the body of a document."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import yaml

from qmd_mcp.corpus.readers.decoding import decode
from qmd_mcp.corpus.readers.headings import one_line
from qmd_mcp.corpus.readers.source_text import Kind, SourceText

LONGEST = 65_536
"""Most characters of front matter; a longer block is part of the text."""

_DEEPEST = 32
"""Most levels of nesting in YAML. LibYAML's parser needs quadratic time for deep nesting: 8 s for 60,000 brackets."""

_BLOCK = re.compile(r"(---|\+\+\+)[ \t]*\n(.*?)^(?:\1|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_KEY = re.compile(r"(?:[ \t]*(?:#.*)?\n)*[\w-]+[ \t]*[:=](?:\s|\Z)")
_TITLE = re.compile(r"^title[ \t]*[:=][ \t]*(.+)$", re.MULTILINE | re.IGNORECASE)

_NULLS = ("~", "null")

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""LibYAML's loader if PyYAML was built with it, since it is over ten times as fast; else the one in Python."""


def below_front_matter(data: bytes, kind: Kind) -> SourceText:
    """Decode a file that may have front matter, and take the title from there.

    Raises:
        NotTextError: the bytes are not text.
    """
    text = decode(data)
    body_start, title = front_matter(text)
    return SourceText(text, kind, one_line(title), "front matter", body_start)


def front_matter(text: str) -> tuple[int, str]:
    """Return where the body starts and which title the front matter declares, empty if it declares none.

    A block that is not a mapping is ordinary text between two horizontal rules. A mapping with a syntax error is front
    matter nevertheless; its title is then what stands behind `title:` on that line.
    """
    match = _BLOCK.match(text, 0, LONGEST)
    if match is None:
        return 0, ""
    fence, block = match.groups()
    try:
        title = _yaml_title(block) if fence == "---" else tomllib.loads(block).get("title")
    except (yaml.YAMLError, tomllib.TOMLDecodeError, RecursionError):
        if not _KEY.match(block):
            return 0, ""
        line = _TITLE.search(block)
        title = line[1].strip(" \t\"'") if line else ""
    return match.end(), title if isinstance(title, str) else ""


def _yaml_title(block: str) -> str:
    """Return the title as it is written, so that `no` stays `no`, from the parser's events.

    Events are flat: an alias is one event whatever it stands for, and nesting needs no stack, whereas PyYAML's composer
    in C crashes on 30,000 brackets.
    """
    title, key, depth, nodes = "", "", 0, 0
    for event in yaml.parse(block, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST or (depth == 1 and not isinstance(event, yaml.MappingStartEvent)):
                raise yaml.YAMLError
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            nodes += depth == 1
        elif isinstance(event, yaml.NodeEvent):
            if depth == 0:
                raise yaml.YAMLError
            if depth == 1 and isinstance(event, yaml.ScalarEvent):
                if nodes % 2 == 0:
                    key = event.value.lower()
                elif key == "title" and event.value not in _NULLS:
                    title = event.value
            nodes += depth == 1
    return title
