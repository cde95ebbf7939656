"""The block of YAML or TOML above a document's body."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import yaml

LONGEST = 65_536
"""Characters; a longer block is text."""

_DEEPEST = 32
"""Levels of YAML; LibYAML's parser needs quadratic time for deep nesting (8 s for 60,000 brackets)."""

_BLOCK = re.compile(r"(---|\+\+\+)[ \t]*\n(.*?)^(?:\1|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_KEY = re.compile(r"(?:[ \t]*(?:#.*)?\n)*[\w-]+[ \t]*[:=](?:\s|\Z)")
_TITLE = re.compile(r"^title[ \t]*[:=][ \t]*(.+)$", re.MULTILINE | re.IGNORECASE)

_NULLS = ("~", "null")

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""LibYAML's, over ten times as fast, where PyYAML was built with it."""


def front_matter(text: str) -> tuple[int, str]:
    """Where the body starts, and the title that is given above it, empty if none is.

    A block that is no mapping is text between two rules; a mapping with a mistake in it is left out all the same, and
    its title is the rest of the line.
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
    """The title as it is written (`no` stays `no`), from the parser's events.

    They are flat: an alias is one event, whatever it stands for, and nesting takes no stack (PyYAML's composer in C
    crashes on 30,000 brackets).
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
