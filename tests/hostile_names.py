"""Names made of what must not leave, and values in which every text is such a name."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator
from functools import cache
from typing import Any

HIDDEN = frozenset(
    [
        *range(0x20),
        *range(0x7F, 0xA0),
        *(0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5),
        *range(0x180B, 0x1810),
        *range(0x200B, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2060, 0x2070),
        0x3164,
        *range(0xD800, 0xE000),
        *range(0xFE00, 0xFE10),
        *(0xFEFF, 0xFFA0),
        *range(0xFFF0, 0xFFFC),
        *range(0x1BCA0, 0x1BCA4),
        *range(0x1D173, 0x1D17B),
        *range(0xE0000, 0xE1000),
    ]
)
"""Controls, line ends, directional characters, halves of surrogate pairs, and everything invisible. The names that are
made of these have no letter beside which one of them would have a meaning."""

ESCAPE = "a\x1b[31m\x1b]0;x\x07\n2. evil.md:1\r\u2028"
SMUGGLED = "b\u202egnp.\U000e0049\U000e0067" + "".join(chr(0xE0100 + each) for each in b"obey") + "\ufe00\u200b\u2066c"
HOSTILE = ESCAPE + SMUGGLED
"""One name with every kind."""

LINE_OF_A_FILE = "a line\nof a file"
BLOCKS = frozenset({"snippet", "text"})
"""Lines of files: they have line ends of their own, between fences."""


def hidden_in(text: str) -> list[str]:
    """The characters of a text that must not be there; line ends are counted by who asks."""
    return [hex(ord(character)) for character in text if ord(character) in HIDDEN and character != "\n"]


def strings_of(value: object) -> Iterator[str]:
    """Every text in a value of JSON, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from (key, *strings_of(each))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from strings_of(each)


def filled(kind: Any, name: str) -> Any:
    """A value of a kind in which every text is the name."""
    if dataclasses.is_dataclass(kind):
        return kind(  # type: ignore[operator]  # a class, though the check also lets instances through
            **{
                field: LINE_OF_A_FILE if field in BLOCKS else filled(hint, name)
                for field, hint in _fields_of(kind).items()
            }
        )
    match typing.get_origin(kind), typing.get_args(kind):
        case None, _:
            return {str: name, int: 3, float: 0.5, bool: False}[kind]
        case typing.Literal, (*_, last):
            return last
        case origin, (first, *_) if origin in {types.UnionType, typing.Union}:
            return filled(first, name)
        case origin, (first, *_) if origin is tuple and typing.get_args(kind)[-1] is ...:
            return (filled(first, name),)
        case origin, parts if origin is tuple:
            return tuple(filled(part, name) for part in parts)
        case _, (key, value):
            return {filled(key, name): filled(value, name)}
    raise AssertionError(kind)


@cache
def _fields_of(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}
