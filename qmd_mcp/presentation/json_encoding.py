"""What tools return as JSON: the same in structured results, REST and `--json`."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import Any, cast

from pydantic import TypeAdapter

from qmd_mcp.domain.answers import Answer, Excerpt, Excerpts
from qmd_mcp.domain.index_status import IndexStatus
from qmd_mcp.presentation.quotation import shown


def as_json(value: Answer | Excerpt | Excerpts | IndexStatus) -> dict[str, Any]:
    """Encode every field under its name, tuples as lists; nothing is left out, and no text hides anything."""
    encoded: dict[str, Any] = _adapter(type(value)).dump_python(shown(value), mode="json")
    return encoded


def json_schema(kind: type[Answer | Excerpt | Excerpts | IndexStatus]) -> dict[str, Any]:
    """Return the JSON schema of a kind of value."""
    return _adapter(kind).json_schema(mode="serialization")


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return _cached_adapter(cast("Hashable", kind))  # which a class is, though mypy asks its instances


@cache
def _cached_adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
