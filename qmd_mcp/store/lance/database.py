"""One LanceDB database as our index: opened, recognised, created."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Self

os.environ.setdefault("LANCE_LOG", "error")  # Lance's own log goes to stderr and warns of its future API

import anyio
import anyio.to_thread
import lancedb
import pyarrow as pa

from qmd_mcp.errors import NotAnIndexError
from qmd_mcp.store.lance.schema import (
    COLLECTIONS,
    COLLECTIONS_SCHEMA,
    DOCUMENTS,
    DOCUMENTS_SCHEMA,
    METADATA,
    METADATA_SCHEMA,
    SCHEMA_VERSION,
    TERMS,
    TERMS_SCHEMA,
)
from qmd_mcp.store.lance.table_version import TableVersion

_FORMAT_KEY = "format"
_FORMAT = "qmd-mcp"
_VERSION_KEY = "schema_version"

VERSIONS_KEPT = timedelta(hours=1)
"""Older versions of a table that `optimize` keeps: a reader may still be reading one; with zero it dies (tried)."""

_OURS = frozenset({"writer.lock", "writer.json"})
"""Files that a writer leaves in the folder before there is an index."""


class Database:
    """An open index; every read sees the newest version (`read_consistency_interval` of zero)."""

    def __init__(self, connection: lancedb.AsyncConnection, *, uri: str, metadata: lancedb.AsyncTable) -> None:
        self.uri = uri
        self.connection = connection
        self._metadata = metadata
        self._version = TableVersion(metadata, uri=uri)

    @classmethod
    async def open(cls, uri: str) -> Self:
        """Open an index that exists.

        Raises:
            NotAnIndexError: nothing is there, it is not ours, or a newer version wrote it.
        """
        if _is_local(uri) and not await anyio.Path(uri).is_dir():
            raise NotAnIndexError(uri, reason="there is no such folder; run qmd-mcp init or qmd-mcp collection add")
        connection = await _connect(uri)
        if METADATA not in await table_names(connection):
            raise NotAnIndexError(uri, reason="it does not hold one; run qmd-mcp init, or give another --index")
        metadata = await connection.open_table(METADATA)
        database = cls(connection, uri=uri, metadata=metadata)
        marks = await database.metadata()
        if marks.get(_FORMAT_KEY) != _FORMAT:
            raise NotAnIndexError(uri, reason="its marker is missing")
        if marks.get(_VERSION_KEY) != str(SCHEMA_VERSION):
            found = marks.get(_VERSION_KEY)
            reason = f"it has schema version {found} and this program reads {SCHEMA_VERSION}; index the folders anew"
            raise NotAnIndexError(uri, reason=reason)
        return database

    @classmethod
    async def create(cls, uri: str) -> Self:
        """Open an index, or make an empty one where there is nothing yet; call it under the writer's lock.

        LanceDB takes any folder for an empty database, so a folder with somebody else's files in it is refused.

        Raises:
            NotAnIndexError: the place holds something else.
        """
        await claim(uri)
        connection = await _connect(uri)
        if METADATA not in await table_names(connection):
            await connection.create_table(COLLECTIONS, schema=COLLECTIONS_SCHEMA, exist_ok=True)
            await connection.create_table(DOCUMENTS, schema=DOCUMENTS_SCHEMA, exist_ok=True)
            await connection.create_table(TERMS, schema=TERMS_SCHEMA, exist_ok=True)
            marker = pa.table(
                {"key": [_FORMAT_KEY, _VERSION_KEY], "value": [_FORMAT, str(SCHEMA_VERSION)]}, schema=METADATA_SCHEMA
            )
            await connection.create_table(METADATA, marker)  # last: without it the place is not an index
        return await cls.open(uri)

    async def metadata(self) -> Mapping[str, str]:
        """Every row of the metadata."""
        rows = await self._metadata.query().to_arrow()
        return MappingProxyType(dict(zip(rows["key"].to_pylist(), rows["value"].to_pylist(), strict=True)))

    async def version(self) -> int:
        """Counts every write of the metadata."""
        return await self._version.newest()

    async def put(self, **values: str) -> None:
        """Write metadata rows in one commit."""
        rows = pa.table({"key": list(values), "value": list(values.values())}, schema=METADATA_SCHEMA)
        await self._metadata.merge_insert("key").when_matched_update_all().when_not_matched_insert_all().execute(rows)

    async def optimize(self) -> None:
        """Merge the metadata's fragments, drop versions older than an hour."""
        await self._metadata.optimize(cleanup_older_than=VERSIONS_KEPT)

    def size_bytes(self) -> int | None:
        """Bytes on the local disk; null for object storage."""
        if not _is_local(self.uri):
            return None
        size = 0
        for file in Path(self.uri).rglob("*"):
            with suppress(OSError):  # a writer may just be replacing it
                size += file.stat().st_size if file.is_file() else 0
        return size

    def close(self) -> None:
        """Let go of the connection."""
        self.connection.close()


async def table_names(connection: lancedb.AsyncConnection) -> frozenset[str]:
    """Every table; the listing comes in pages."""
    names: list[str] = []
    token: str | None = None
    while True:
        page = await connection.list_tables(page_token=token)
        names.extend(page.tables)
        token = page.page_token
        if not token:
            return frozenset(names)


async def _connect(uri: str) -> lancedb.AsyncConnection:
    return await lancedb.connect_async(uri, read_consistency_interval=timedelta(0))


async def claim(uri: str) -> None:
    """Make the folder of a new index; an index that is there already is left as it is.

    Raises:
        NotAnIndexError: something of somebody else's is there, or it cannot be made.
    """
    if not _is_local(uri):
        return
    try:
        await anyio.to_thread.run_sync(_claim_folder, Path(uri))
    except OSError as error:
        raise NotAnIndexError(uri, reason=f"the folder cannot be made ({error.strerror})") from error


def _is_local(uri: str) -> bool:
    return "://" not in uri


def _claim_folder(folder: Path) -> None:
    """Make the folder, unless something of somebody else's is there."""
    if folder.exists() and not folder.is_dir():
        raise NotAnIndexError(str(folder), reason="it is a file")
    folder.mkdir(parents=True, exist_ok=True)
    foreign = sorted(entry.name for entry in folder.iterdir() if entry.name not in _OURS)
    if foreign and not (folder / f"{METADATA}.lance").exists() and not _half_made(foreign):
        named = ", ".join(foreign[:3])
        raise NotAnIndexError(
            str(folder), reason=f"the folder holds other files ({named}); give an empty or new folder"
        )


def _half_made(names: list[str]) -> bool:
    """Whether a process died while it made the tables: the metadata comes last."""
    return set(names) <= {f"{table}.lance" for table in (COLLECTIONS, DOCUMENTS, TERMS)}
