"""The JSON schema of a tool's arguments, as short as it can be: every conversation pays for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qmd_mcp.domain.request_arguments import Offered, offered_by
from qmd_mcp.server.mcp.arguments import OPTIONS


def input_schema(request: type[Any]) -> dict[str, Any]:
    """Describe the arguments of a request; what few requests need is in one object, `options`."""
    offered = offered_by(request)
    schema = _object(each for each in offered if each.argument.place == "top")
    rare = [each for each in offered if each.argument.place == "options"]
    if rare:
        schema["properties"][OPTIONS] = _object(rare)
    return schema


def _object(offered: Iterable[Offered]) -> dict[str, Any]:
    offered = tuple(offered)
    required = [each.name for each in offered if each.required]
    return {
        "type": "object",
        "properties": {each.name: _property(each) for each in offered},
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _property(offered: Offered) -> dict[str, Any]:
    """One argument. Where leaving it out is the same as None, an empty list or the first choice, it does not say so."""
    argument = offered.argument
    lowest, highest = ("minItems", "maxItems") if offered.kind == "array" else ("minimum", "maximum")
    said = {
        "type": offered.kind,
        "items": {"type": "string"} if offered.kind == "array" else None,
        "enum": list(offered.choices) or None,
        "description": argument.description if argument.in_schema == "described" else None,
        "default": offered.default if offered.default != () and not offered.choices else None,
        lowest: argument.lowest,
        highest: argument.highest,
    }
    return {key: value for key, value in said.items() if value is not None}
