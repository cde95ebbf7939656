"""Arguments checked against what a tool takes, with mistakes named in one sentence."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import TypeVar, cast

from qmd_mcp.domain.request_arguments import Offered
from qmd_mcp.errors import ArgumentError
from qmd_mcp.visible_text import one_line

Tool = TypeVar("Tool")

OPTIONS = "options"
"""The object that holds the arguments that few calls need."""

_LONGEST_SHOWN = 60
"""Characters of a wrong value that are repeated in the error."""

_LONGEST_TEXT = 8_192
"""Characters of any text or reference: twice the longest query, and beyond the paths of any file system."""

_MOST_TEXTS = 1_000
"""Items of any list that are looked at. Where a list has a limit of its own, the error names that one."""

_MOST_NAMED = 5
"""Unknown arguments that are named in an error: whoever has more of them has misread the tool, not misspelt a name."""

_LARGEST = 2**53
"""Larger whole numbers are not exact in JSON; infinity and NaN are refused by the same comparison."""

_OTHER_TOOLS = {
    "get": "get_document",
    "read": "get_document",
    "fetch": "get_document",
    "multi_get": "get_documents",
    "deep_search": "query",
    "hybrid_search": "query",
    "ask": "query",
    "vector_search": "vsearch",
    "semantic_search": "vsearch",
    "keyword_search": "search",
    "info": "status",
}


def known_tool(name: str, tools: Mapping[str, Tool]) -> Tool:
    """Return the tool of that name.

    Raises:
        ArgumentError: there is no such tool; the sentence names the nearest.
    """
    if name in tools:
        return tools[name]
    nearest = _OTHER_TOOLS.get(_plain(name)) or _nearest(name, tools)
    hint = f": use {_shown(nearest)}" if nearest else ""
    sentence = f"There is no tool {_shown(name)}{hint}. The tools are {', '.join(tools)}."
    raise ArgumentError(sentence)


def fit(tool: str, arguments: Mapping[str, object], offered: Sequence[Offered]) -> dict[str, object]:
    """Check arguments and bring harmless variants into form; the result has no nested object and no None.

    What belongs into `options` may stand beside it. None stands for an argument that is left out, `"10"` and `10.0`
    for 10, and one string for a list, split at commas outside braces.

    Raises:
        ArgumentError: an argument is unknown, missing, of the wrong type or out of range.
    """
    top = {each.name: each for each in offered if each.argument.place == "top"}
    rare = {each.name: each for each in offered if each.argument.place == "options"}
    given = dict(arguments)
    nested = given.pop(OPTIONS, None) if rare else None
    inner = {} if nested is None else _fields(nested, rare)
    inner |= {name: given.pop(name) for name in arguments if name in rare}
    _check_names(tool, given, top, takes=[*top, *([OPTIONS] if rare else [])], known=top | rare)
    _check_names(f"{tool}'s {OPTIONS}", inner, rare, takes=rare, known=rare)
    return {name: _value(value, (top | rare)[name]) for name, value in (given | inner).items() if value is not None}


def _fields(value: object, rare: Iterable[str]) -> dict[str, object]:
    """The arguments of `options`, which some clients send as a string of JSON."""
    if isinstance(value, str):
        with suppress(ValueError, RecursionError):  # what is no JSON is refused below
            value = json.loads(value)
    if not isinstance(value, dict):
        sentence = f"{OPTIONS} must be an object ({', '.join(rare)}), not {_shown(value)}."
        raise ArgumentError(sentence)
    return dict(cast("dict[str, object]", value))


def _check_names(
    tool: str,
    given: Mapping[str, object],
    offered: Mapping[str, Offered],
    *,
    takes: Iterable[str],
    known: Mapping[str, Offered],
) -> None:
    """Refuse names that are not offered, with the nearest that is known, and require those that must be there."""
    unknown = [name for name in given if name not in offered]
    if unknown:
        wrong = [
            f"{_shown(name)} (use {_shown(right)})" if (right := _right_name(name, known)) else _shown(name)
            for name in unknown[:_MOST_NAMED]
        ]
        if len(unknown) > _MOST_NAMED:
            wrong.append(f"{len(unknown) - _MOST_NAMED:,} more")
        sentence = f"{tool} does not take {' and '.join(wrong)}; it takes {', '.join(takes) or 'no arguments'}."
        raise ArgumentError(sentence)
    missing = [each for each in offered.values() if each.required and given.get(each.name) is None]
    if missing:
        needed = " and ".join(f"{_shown(each.name)} ({wanted(each)})" for each in missing)
        sentence = f"{tool} needs {needed}."
        raise ArgumentError(sentence)


def _right_name(name: str, offered: Mapping[str, Offered]) -> str | None:
    plain = _plain(name)
    if plain in offered:
        return plain
    meant = (each.name for each in offered.values() if plain in each.argument.aliases.split())
    return next(meant, None) or _nearest(plain, offered)


def _plain(name: str) -> str:
    """A name in snake case, however it was written."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower()


def _nearest(name: str, names: Iterable[str]) -> str | None:
    return next(iter(get_close_matches(name, tuple(names), n=1)), None)


def _value(value: object, offered: Offered) -> object:
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        sentence = f"{offered.name} has {len(value):,} characters; at most {_LONGEST_TEXT:,} are taken."
        raise ArgumentError(sentence)
    fitting: object
    match offered.kind:
        case "integer":
            fitting = _whole(value)
        case "number":
            fitting = _number(value)
        case "boolean":
            fitting = _truth(value)
        case "array":
            fitting = _texts(value)
        case "string":
            fitting = _text(value)
    if fitting is None or not _in_range(fitting, offered):
        sentence = f"{offered.name} must be {wanted(offered)}, not {_shown(value)}."
        raise ArgumentError(sentence)
    return fitting


def _number(value: object) -> float | None:
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,15}(\.\d{1,15})?\s*", value, re.ASCII):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) <= _LARGEST else None


def _whole(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number == int(number) else None


def _truth(value: object) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def _texts(value: object) -> list[str] | None:
    if isinstance(value, str):
        return _listed(value)
    if not isinstance(value, list):
        return None
    items = cast("list[object]", value)
    texts = [text for text in map(_text, items[:_MOST_TEXTS]) if text is not None]
    return texts if len(texts) == len(items) else None


def _text(value: object) -> str | None:
    """Text that can be sent back: halves of surrogate pairs, which JSON can hold, are none."""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT or re.search(r"[\ud800-\udfff]", value):
        return None
    return value


def _listed(text: str) -> list[str] | None:
    """What one string lists: as JSON, which some clients send, or with commas."""
    if text.lstrip().startswith("["):
        try:
            return _texts(json.loads(text))
        except (ValueError, RecursionError):
            pass  # a glob may begin with a bracket
    return [part.strip() for part in re.split(r",(?![^{]*\})", text) if part.strip()]


def _in_range(value: object, offered: Offered) -> bool:
    if offered.choices:
        return value in offered.choices
    lowest = -math.inf if offered.argument.lowest is None else offered.argument.lowest
    highest = math.inf if offered.argument.highest is None else offered.argument.highest
    if isinstance(value, list):
        return lowest <= len(cast("list[str]", value)) <= highest
    if isinstance(value, bool) or not isinstance(value, int | float):
        return True
    return lowest <= value <= highest


def wanted(offered: Offered) -> str:
    """Say what an argument takes."""
    lowest, highest = offered.argument.lowest, offered.argument.highest
    bounds = f" from {lowest} to {highest}" if highest is not None else f" from {lowest}" if lowest is not None else ""
    match offered.kind:
        case "integer":
            return f"a whole number{bounds}"
        case "number":
            return f"a number{bounds}"
        case "boolean":
            return "true or false"
        case "array":
            return f"a list of {lowest or 0} to {highest} strings" if highest is not None else "a list of strings"
        case "string":
            return " or ".join(offered.choices) or "text"


def _shown(value: object) -> str:
    """A wrong value as the error repeats it: on one line, and short."""
    text = f"'{value}'" if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = one_line(" ".join(text.split()))
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
