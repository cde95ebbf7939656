"""Arguments checked against a tool's schema, with mistakes named in one sentence."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, TypeAlias, cast

from qmd_mcp.errors import ArgumentError

JsonSchema: TypeAlias = Mapping[str, Any]

_LONGEST_SHOWN = 60
"""Characters of a wrong value that are repeated back."""

_LONGEST_TEXT = 8_192
"""Characters of any text or reference: twice the longest query, and beyond any file system's paths."""

_MOST_TEXTS = 1_000
"""Items of any list; what a list is for sets the limit that is shown."""

_LARGEST = 2**53
"""Whole numbers beyond are no longer exact in JSON; infinity and NaN are beyond as well."""

_OTHER_NAMES = {
    "query": "q text question search search_query search_term search_text keywords terms prompt",
    "limit": "n k top_k top_n max_results num_results max_hits count size",
    "collections": "collection collection_name folder folders source sources scope",
    "max_tokens": "token_budget budget tokens max_output_tokens",
    "min_relevance": "relevance min_probability",
    "cursor": "next next_cursor page_token continue_from",
    "timeout_ms": "timeout deadline_ms timeout_milliseconds",
    "candidate_limit": "candidates rerank_limit",
    "searches": "sub_queries subqueries queries lines",
    "min_score": "threshold score_threshold minimum_score score",
    "document": "documents path paths file file_path filepath filename doc docid docids doc_id document_id id uri url "
    "reference",
    "documents": "document path paths file files file_paths docs docid docids ids uris references pattern patterns "
    "glob globs",
    "from_line": "line start start_line first_line offset from",
    "max_lines": "lines line_count num_lines limit count end_line",
    "max_bytes": "bytes max_size size_limit",
    "line_numbers": "numbers numbered number_lines show_line_numbers with_line_numbers",
}
"""What agents call an argument elsewhere; corrected, never silently ignored."""

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


def known_tool(name: str, tools: Mapping[str, JsonSchema]) -> JsonSchema:
    """The schema of a tool's arguments.

    Raises:
        ArgumentError: there is no such tool; names the nearest.
    """
    if name in tools:
        return tools[name]
    nearest = _OTHER_TOOLS.get(_plain(name)) or _nearest(name, tools)
    hint = f": use {_shown(nearest)}" if nearest else ""
    sentence = f"There is no tool {_shown(name)}{hint}. The tools are {', '.join(tools)}."
    raise ArgumentError(sentence)


def fit(tool: str, arguments: Mapping[str, object], schema: JsonSchema) -> dict[str, object]:
    """Check arguments against the schema and bring harmless variants into its form.

    What belongs into a nested object may stand beside it. A null stands for an argument left out, `"10"` and `10.0`
    for 10, and one string for a list, split at commas outside braces.

    Raises:
        ArgumentError: an argument is unknown, missing, of the wrong type or out of range.
    """
    properties = cast("Mapping[str, JsonSchema]", schema.get("properties", {}))
    arguments = _nested(arguments, properties)
    required = cast("Iterable[str]", schema.get("required", ()))
    given = {name: value for name, value in arguments.items() if value is not None or name not in properties}
    unknown = [name for name in given if name not in properties]
    if unknown:
        raise ArgumentError(_not_taken(tool, unknown, properties))
    missing = [name for name in required if name not in given]
    if missing:
        wanted = " and ".join(f"{_shown(name)} ({_wanted(properties[name])})" for name in missing)
        sentence = f"{tool} needs {wanted}."
        raise ArgumentError(sentence)
    return {
        name: fit(f"{tool}'s {name}", _fields(name, value, properties[name]), properties[name])
        if "properties" in properties[name]
        else _value(name, value, properties[name])
        for name, value in given.items()
    }


def _nested(arguments: Mapping[str, object], properties: Mapping[str, JsonSchema]) -> Mapping[str, object]:
    """The arguments, with those that a nested object takes inside it."""
    moved = dict(arguments)
    for name, schema in properties.items():
        inner = [each for each in moved if each not in properties and each in schema.get("properties", {})]
        if inner and isinstance(moved.get(name, {}), dict):
            outer = cast("dict[str, object]", moved.get(name) or {})
            moved[name] = {**outer, **{each: moved.pop(each) for each in inner}}
    return moved


def _fields(name: str, value: object, schema: JsonSchema) -> Mapping[str, object]:
    if isinstance(value, str):
        with suppress(ValueError, RecursionError):  # said below
            value = json.loads(value)
    if not isinstance(value, dict):
        takes = ", ".join(schema["properties"])
        sentence = f"{name} must be an object ({takes}), not {_shown(value)}."
        raise ArgumentError(sentence)
    return cast("dict[str, object]", value)


def _not_taken(tool: str, unknown: Iterable[str], properties: Mapping[str, JsonSchema]) -> str:
    wrong = [
        f"{_shown(name)} (use {_shown(right)})" if (right := _right_name(name, properties)) else _shown(name)
        for name in unknown
    ]
    takes = ", ".join(properties) or "no arguments"
    return f"{tool} does not take {' and '.join(wrong)}; it takes {takes}."


def _right_name(name: str, properties: Iterable[str]) -> str | None:
    properties = tuple(properties)
    plain = _plain(name)
    if plain in properties:
        return plain
    known = (right for right in properties if plain in _OTHER_NAMES.get(right, "").split())
    return next(known, None) or _nearest(plain, properties)


def _plain(name: str) -> str:
    """A name in snake case, however it was written."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower()


def _nearest(name: str, names: Iterable[str]) -> str | None:
    return next(iter(get_close_matches(name, tuple(names), n=1)), None)


def _value(name: str, value: object, schema: JsonSchema) -> object:
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        sentence = f"{name} has {len(value):,} characters; at most {_LONGEST_TEXT:,} are taken."
        raise ArgumentError(sentence)
    fitting: object
    match schema.get("type"):
        case "integer":
            fitting = _whole(value)
        case "number":
            fitting = _number(value)
        case "boolean":
            fitting = _truth(value)
        case "array":
            fitting = _texts(value)
        case _:
            fitting = _text(value)
    if fitting is None or not _in_range(fitting, schema):
        sentence = f"{name} must be {_wanted(schema)}, not {_shown(value)}."
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


def _in_range(value: object, schema: JsonSchema) -> bool:
    fewest: int = schema.get("minItems", 0)
    lowest: float = schema.get("minimum", -math.inf)
    highest: float = schema.get("maximum", math.inf)
    most: float = schema.get("maxItems", math.inf)
    if isinstance(value, list):
        return fewest <= len(cast("list[str]", value)) <= most
    if isinstance(value, bool) or not isinstance(value, int | float):
        return True
    return lowest <= value <= highest


def _wanted(schema: JsonSchema) -> str:
    lowest, highest = schema.get("minimum"), schema.get("maximum")
    bounds = f" from {lowest} to {highest}" if highest is not None else f" from {lowest}" if lowest is not None else ""
    match schema.get("type"):
        case "integer":
            return f"a whole number{bounds}"
        case "number":
            return f"a number{bounds}"
        case "boolean":
            return "true or false"
        case "array":
            return _wanted_texts(schema)
        case _:
            return "text"


def _wanted_texts(schema: JsonSchema) -> str:
    fewest, most = schema.get("minItems"), schema.get("maxItems")
    if most is not None:
        return f"a list of {fewest or 0} to {most} strings"
    return "a list of strings with at least one in it" if fewest else "a list of strings"


def _shown(value: object) -> str:
    text = f"'{value}'" if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split()).encode(errors="replace").decode()
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
