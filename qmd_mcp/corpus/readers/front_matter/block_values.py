"""The values in a block of YAML or TOML."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from qmd_mcp.corpus.readers.front_matter.described import Value

_DEEPEST = 32
"""Most levels of nesting. LibYAML's parser needs quadratic time for deep nesting: 8 s for 60,000 brackets."""

_LONGEST_KEY = 100
"""Most characters of a key. The key of an inner value consists of the keys of all levels above it, so that long keys
above many values would make much text of a small block."""

_LONG_PATH = re.compile(
    rf"""(?:\.[ \t]*(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*){{{_DEEPEST}}}""",
)
"""More names with dots between them than there may be levels. The parser of TOML keeps all beginnings of such a key and
looks at them for every other key: 65 KB of one key take 4.5 GB."""

_NULLS = ("", "~", "null")
"""What stands for no value, unless it is quoted."""

_LINE = re.compile(
    r"(?P<key>[^\W\d][\w.-]*(?: [\w.-]+)?)[ \t]*[:=](?=[ \t]|$)(?P<value>.*)|[ \t]*-[ \t]+(?P<item>.*)", re.ASCII
)

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""LibYAML's loader if PyYAML was built with it, since it is over ten times as fast; else the one in Python."""


@dataclass(slots=True)
class _Level:
    """A mapping or a sequence that is being read."""

    mapping: bool
    key: str | None = None
    """Of a mapping, the key whose value comes next; None if a key comes next."""


def yaml_values(block: str) -> tuple[Value, ...] | None:
    """Return every value that is neither null nor empty, as it is written; None if the block is not a mapping."""
    try:
        return tuple(_yaml_values(block))
    except yaml.YAMLError:
        return None


def toml_values(block: str) -> tuple[Value, ...] | None:
    """Return every value; None if the block is not TOML."""
    if _LONG_PATH.search(block):
        return None
    try:
        return tuple(_toml_values(tomllib.loads(block), (), listed=False))
    except (ValueError, RecursionError):
        return None


def broken_values(block: str) -> tuple[Value, ...]:
    """Return what stands behind the keys, and the items of lists below them, of a block with a syntax error."""
    values: list[Value] = []
    key = ""
    for line in block.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        listed = match["item"] is not None
        key = key if listed else match["key"].lower()[:_LONGEST_KEY]
        text = (match["item"] if listed else match["value"]).strip()
        if text.startswith("[") and text.endswith("]"):
            values += (Value(key, item.strip(" \t\"'"), listed=True) for item in text[1:-1].split(","))
        else:
            values.append(Value(key, text.strip(" \t\"'"), listed=listed))
    return tuple(value for value in values if value.key and value.text not in _NULLS)


def _yaml_values(block: str) -> Iterator[Value]:
    """Yield the values from the parser's events.

    Events are flat: an alias is one event whatever it stands for, and nesting needs no recursion, whereas PyYAML's
    composer in C crashes on 30,000 brackets.
    """
    levels: list[_Level] = []
    for event in yaml.parse(block, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            mapping = isinstance(event, yaml.MappingStartEvent)
            if len(levels) == _DEEPEST or not (levels or mapping):
                raise yaml.YAMLError
            levels.append(_Level(mapping))
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            levels.pop()
            if not levels:
                continue
        elif not isinstance(event, yaml.NodeEvent):
            continue
        elif not levels:
            raise yaml.YAMLError
        inner = levels[-1]
        if not inner.mapping or inner.key is not None:
            if isinstance(event, yaml.ScalarEvent) and event.value and not _is_null(event):
                keys = [level.key or "" for level in levels if level.mapping]
                yield Value(".".join(keys), event.value, listed=len(keys) < len(levels))
            inner.key = None
        else:
            inner.key = event.value.lower()[:_LONGEST_KEY] if isinstance(event, yaml.ScalarEvent) else ""


def _is_null(event: yaml.ScalarEvent) -> bool:
    """Whether a value is null; the same word in quotes is a text."""
    return bool(event.implicit[0]) and event.value in _NULLS


def _toml_values(node: object, keys: tuple[str, ...], *, listed: bool) -> Iterator[Value]:
    if len(keys) > _DEEPEST:
        return
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _toml_values(value, (*keys, str(key).lower()[:_LONGEST_KEY]), listed=listed)
    elif isinstance(node, list):
        for value in node:
            yield from _toml_values(value, keys, listed=True)
    elif node != "":
        yield Value(".".join(keys), str(node).lower() if isinstance(node, bool) else str(node), listed=listed)
