"""The filters of a query as the scope in which it searches: path:, title:, tag:, after: and before:."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from qmd_mcp.domain.lookup import Scope
from qmd_mcp.domain.requests import SearchRequest
from qmd_mcp.domain.text.folding import folded
from qmd_mcp.retrieval.query.calendar_days import beginning_of, date_of

NAMES = ("path", "title", "tag", "after", "before")
"""The operators that stand before a colon in the text of a query."""

_FIELDS = {"path": "paths", "title": "titles", "tag": "tags"}

_OPPOSITES = {"after": "before", "before": "after"}


def narrowed(scope: Scope, name: str, value: str, *, negated: bool) -> Scope | None:
    """The scope within a further filter; None if the value says nothing, as the tag `#` does.

    Of two filters of one kind both hold. What is not after the beginning of a day is before it, so that `-after:` means
    `before:`.

    Raises:
        ArgumentError: the value of `after` or `before` is no date.
    """
    if name in _OPPOSITES:
        return _from_or_until(scope, _OPPOSITES[name] if negated else name, beginning_of(value, name=name))
    value = tag_named(value) if name == "tag" else value
    field = f"not_{_FIELDS[name]}" if negated else _FIELDS[name]
    more: dict[str, Any] = {field: (*getattr(scope, field), value)}
    return replace(scope, **more) if value else None


def narrowed_by(scope: Scope, request: SearchRequest) -> Scope:
    """The scope within the filters that stand in the other arguments of a request."""
    tags = (*scope.tags, *filter(None, map(tag_named, request.tags)))
    scope = replace(scope, collections=request.collections, tags=tuple(dict.fromkeys(tags)))
    for name, day in (("after", request.after), ("before", request.before)):
        if day is not None:
            scope = _from_or_until(scope, name, beginning_of(day, name=name))
    return scope


def tag_named(written: str) -> str:
    """A tag as the index has it: folded, without `#` and without slashes at its ends."""
    return folded(written.strip().lstrip("#").strip("/"))


def shown_filters(scope: Scope) -> Iterable[str]:
    """The filters of a scope as they are written in a query."""
    for name, field in _FIELDS.items():
        yield from (_written(name, value) for value in getattr(scope, field))
        yield from (f"-{_written(name, value)}" for value in getattr(scope, f"not_{field}"))
    if scope.after_ns is not None:
        yield f"after:{date_of(scope.after_ns)}"
    if scope.before_ns is not None:
        yield f"before:{date_of(scope.before_ns)}"


def left_out_by_filters(scope: Scope) -> Mapping[str, Scope]:
    """Each negated filter as it is written in a query, with what it leaves out of that which the others select."""
    found: dict[str, Scope] = {}
    for name, field in _FIELDS.items():
        for value in getattr(scope, f"not_{field}"):
            others: dict[str, Any] = {f"not_{field}": ()}
            wanted = narrowed(replace(scope, **others), name, value, negated=False)
            found[f"-{_written(name, value)}"] = wanted or scope
    return found


def _written(name: str, value: str) -> str:
    return f'{name}:"{value}"' if " " in value else f"{name}:{value}"


def _from_or_until(scope: Scope, name: str, day_ns: int) -> Scope:
    if name == "after":
        return replace(scope, after_ns=day_ns if scope.after_ns is None else max(scope.after_ns, day_ns))
    return replace(scope, before_ns=day_ns if scope.before_ns is None else min(scope.before_ns, day_ns))
