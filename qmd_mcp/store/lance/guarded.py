"""The border to LanceDB: every call goes through it, so that every error of LanceDB is translated."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable
from inspect import isawaitable
from pathlib import Path
from typing import Any, cast

import lancedb

from qmd_mcp.index_errors import DamagedIndexError
from qmd_mcp.index_uri import is_local
from qmd_mcp.store.store_faults import MEND, translated

_NEWEST = "latest_version_hint.json"
"""The file beside the versions of a table in which Lance notes the number of the newest."""


class _Guarded:
    """Behaves as an object of LanceDB does, but for its errors; what its methods return is guarded as well."""

    def __init__(self, inner: object, *, uri: str, what: str) -> None:
        self._inner: Any = inner
        self._uri = uri
        self._what = what

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if not callable(value):
            return value

        def call(*arguments: Any, **named: Any) -> Any:
            with translated(self._uri, what=self._what):
                return self._guarded(value(*arguments, **named))

        return call

    async def __aiter__(self) -> AsyncGenerator[Any]:
        """Every item of an asynchronous iterator."""
        with translated(self._uri, what=self._what):
            async for item in self._inner:
                yield item

    def _guarded(self, result: Any) -> Any:
        if isawaitable(result):
            return self._awaited(result)
        if type(result).__module__.partition(".")[0] == lancedb.__name__:
            return _Guarded(result, uri=self._uri, what=self._what)
        return result

    async def _awaited(self, result: Awaitable[Any]) -> Any:
        with translated(self._uri, what=self._what):
            return self._guarded(await result)


class _GuardedConnection(_Guarded):
    """A connection whose tables are guarded by their names."""

    async def open_table(self, name: str) -> Any:
        """Open a table, and make sure that its newest version is there and has columns."""
        table = _Guarded(await self._table(name), uri=self._uri, what=f"the table {name}")
        if not (await table.schema()).names:
            raise self._damaged(name, "its newest version has no columns")
        if await table.version() < _noted_version(self._uri, name):
            raise self._damaged(name, "its newest version is missing")
        return table

    async def create_table(self, name: str, *arguments: Any, **named: Any) -> Any:
        """Create a table."""
        with translated(self._uri, what=f"the table {name}"):
            made = await self._inner.create_table(name, *arguments, **named)
        return _Guarded(made, uri=self._uri, what=f"the table {name}")

    async def _table(self, name: str) -> Any:
        with translated(self._uri, what=f"the table {name}"):
            return await self._inner.open_table(name)

    def _damaged(self, name: str, reason: str) -> DamagedIndexError:
        return DamagedIndexError(f"The index {self._uri} is damaged: the table {name}: {reason}. {MEND}")


def guarded(connection: lancedb.AsyncConnection, *, uri: str) -> lancedb.AsyncConnection:
    """A connection whose errors, and those of everything that comes out of it, are errors of ours."""
    return cast("lancedb.AsyncConnection", _GuardedConnection(connection, uri=uri, what="its list of tables"))


def _noted_version(uri: str, name: str) -> int:
    """The newest version of a table as Lance noted it, which may be an older one; 0 if there is no such note."""
    if not is_local(uri):
        return 0
    try:
        note = json.loads((Path(uri) / f"{name}.lance" / "_versions" / _NEWEST).read_bytes())
        return int(note["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0
