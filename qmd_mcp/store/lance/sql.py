"""Filters in the language that LanceDB reads, which is the SQL of DataFusion."""

from __future__ import annotations

from collections.abc import Sequence

from qmd_mcp.domain.lookup import Scope
from qmd_mcp.domain.text.folding import folded


def quoted(value: str) -> str:
    """A value as a string literal; a quote inside is doubled, and no other character is special.

    A lone surrogate, which no indexed text has and LanceDB cannot take, is written as its escape.
    """
    value = value.encode(errors="backslashreplace").decode()
    return "'" + value.replace("'", "''") + "'"


def any_of(column: str, values: Sequence[str]) -> str:
    """A filter for the rows whose column has one of the values; there must be at least one value."""
    return f"{column} IN ({', '.join(quoted(value) for value in values)})"


def contains(column: str, part: str, *, wildcard: bool = False) -> str:
    """A filter for the rows whose column contains a part, ignoring case.

    With `wildcard`, `*` in the part stands for any characters.
    """
    escaped = _escaped(part.lower())
    if wildcard:
        escaped = escaped.replace("*", "%")
    return f"lower({column}) LIKE {quoted(f'%{escaped}%')}"


def holds(column: str, part: str) -> str:
    """A filter for the rows whose column contains a part exactly."""
    return f"{column} LIKE {quoted(f'%{_escaped(part)}%')}"


def _escaped(part: str) -> str:
    return part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _path_has(part: str) -> str:
    """A filter for the paths that contain a part; one with a slash may begin with the collection, as in answers."""
    column = "concat(collection, '/', path)" if "/" in part else "path"
    return contains(column, part, wildcard=True)


def in_scope(scope: Scope) -> str | None:
    """A filter for the rows of a scope; None for the scope that is the whole index."""
    clauses = [any_of("collection", scope.collections)] if scope.collections else []
    clauses += [_path_has(part) for part in scope.paths]
    clauses += [contains("titles", folded(part)) for part in scope.titles]
    clauses += [f"array_has(tag_paths, {quoted(tag)})" for tag in scope.tags]
    clauses += [f"NOT {_path_has(part)}" for part in scope.not_paths]
    clauses += [f"NOT {contains('titles', folded(part))}" for part in scope.not_titles]
    clauses += [f"NOT array_has(tag_paths, {quoted(tag)})" for tag in scope.not_tags]
    clauses += [] if scope.after_ns is None else [f"date_ns >= {scope.after_ns}"]
    clauses += [] if scope.before_ns is None else [f"date_ns < {scope.before_ns}"]
    return " AND ".join(clauses) or None
