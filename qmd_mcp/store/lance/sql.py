"""Values in LanceDB's filter language (DataFusion SQL)."""

from __future__ import annotations

from collections.abc import Sequence

from qmd_mcp.domain.lookup import Scope


def quoted(value: str) -> str:
    """A string literal; a quote is doubled, nothing else is special."""
    return "'" + value.replace("'", "''") + "'"


def any_of(column: str, values: Sequence[str]) -> str:
    """Whether a column has one of the values; at least one is given."""
    return f"{column} IN ({', '.join(quoted(value) for value in values)})"


def contains(column: str, part: str, *, wildcard: bool = False) -> str:
    """Whether a column contains a part, case folded; with `wildcard`, `*` in the part stands for anything."""
    escaped = part.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    if wildcard:
        escaped = escaped.replace("*", "%")
    return f"lower({column}) LIKE {quoted(f'%{escaped}%')}"


def in_scope(scope: Scope) -> str | None:
    """A scope as a filter; null for the whole index."""
    clauses = [any_of("collection", scope.collections)] if scope.collections else []
    clauses += [contains("path", part, wildcard=True) for part in scope.paths]
    clauses += [contains("title", part) for part in scope.titles]
    return " AND ".join(clauses) or None
