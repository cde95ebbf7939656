"""The values of the field as JSON: the same in tools, REST and `--json`."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import TypeAdapter

from qmd_mcp.domain.answers import Answer, Excerpt, Excerpts
from qmd_mcp.domain.index_status import IndexStatus


def as_json(value: Answer | Excerpt | Excerpts | IndexStatus) -> dict[str, Any]:
    """Every field by its name, tuples as lists, nothing left out."""
    kind: Any = type(value)
    encoded: dict[str, Any] = _adapter(kind).dump_python(value, mode="json")
    return encoded


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
