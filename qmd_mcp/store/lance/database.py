"""The LanceDB database that holds one index: opening it, recognising it as an index, and creating it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Self
from uuid import uuid4

os.environ.setdefault("LANCE_LOG", "error")  # otherwise Lance writes warnings about its future API to stderr
os.environ.setdefault("LANCEDB_LOG", "error")  # and LanceDB about every file that it cannot read

import anyio
import anyio.to_thread
import lancedb
import pyarrow as pa

from qmd_mcp.files.private_files import make_private_folder
from qmd_mcp.index_errors import DamagedIndexError, NotAnIndexError
from qmd_mcp.index_uri import is_local
from qmd_mcp.store.index_folder import check_folder, is_own_file
from qmd_mcp.store.lance.guarded import guarded
from qmd_mcp.store.lance.once_per_version import OncePerVersion
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
from qmd_mcp.store.lance.second_copy import COPIED_KEYS, copy_of, write_copy
from qmd_mcp.store.lance.table_version import TableVersion
from qmd_mcp.store.store_faults import MEND, translated

_FORMAT_KEY = "format"
_FORMAT = "qmd-mcp"
_VERSION_KEY = "schema_version"

_HOLDS_NONE = "it does not hold one; run qmd-mcp init, or give another --index"

MADE_KEY = "made"
"""Key of the metadata whose value is drawn anew when an index is made or repaired, by which others notice it."""

VERSIONS_KEPT = timedelta(hours=1)
"""How long `optimize` keeps the older versions of a table, for the process that is still reading one of them. If no
older version is kept, such a reader fails (tried)."""


class Database:
    """An open database and its table of metadata; every read sees the newest version of its table."""

    def __init__(self, connection: lancedb.AsyncConnection, *, uri: str, metadata: lancedb.AsyncTable) -> None:
        self.uri = uri
        self.connection = connection
        self._metadata = metadata
        self._version = TableVersion(metadata, uri=uri)
        self._rows = OncePerVersion(version=self.version, read=self._read)

    @classmethod
    async def open(cls, uri: str) -> Self:
        """Open an index that exists, also one that an earlier version of this program made (`bring_up_to_date`).

        Raises:
            NotAnIndexError: there is nothing, something else, or an index of a newer version of this program.
            UnsafeIndexError: something in its folder leads out of it or is another user's.
        """
        await anyio.to_thread.run_sync(_check, uri)
        connection = await connect(uri)
        names = await table_names(connection)
        if METADATA not in names and copy_of(METADATA) in names:
            sentence = f"The index {uri} is damaged: its table {METADATA} is missing. {MEND}"
            raise DamagedIndexError(sentence)
        if METADATA not in names:
            raise NotAnIndexError(uri, reason=_HOLDS_NONE)
        metadata = await connection.open_table(METADATA)
        database = cls(connection, uri=uri, metadata=metadata)
        marks = await database.metadata()
        if marks.get(_FORMAT_KEY) != _FORMAT:
            raise NotAnIndexError(uri, reason="its marker is missing")
        version = marks.get(_VERSION_KEY, "")
        if not version.isdecimal() or not 1 <= int(version) <= SCHEMA_VERSION:
            reason = (
                f"it has schema version {version} and this program reads up to {SCHEMA_VERSION}; install a newer one"
            )
            raise NotAnIndexError(uri, reason=reason)
        return database

    @classmethod
    async def create(cls, uri: str) -> Self:
        """Open an index, or create an empty one if there is none yet; the caller holds the writer lock.

        LanceDB opens any folder as an empty database, so this method refuses a folder that holds other files.

        Raises:
            NotAnIndexError: there is something else at this place.
            UnsafeIndexError: something in its folder leads out of it or is another user's.
        """
        await claim(uri)
        await anyio.to_thread.run_sync(check_folder, uri)
        connection = await connect(uri)
        if not {METADATA, copy_of(METADATA)} & await table_names(connection):
            await connection.create_table(COLLECTIONS, schema=COLLECTIONS_SCHEMA, exist_ok=True)
            await connection.create_table(DOCUMENTS, schema=DOCUMENTS_SCHEMA, exist_ok=True)
            await connection.create_table(TERMS, schema=TERMS_SCHEMA, exist_ok=True)
            made = marks()
            marker = pa.table({"key": list(made), "value": list(made.values())}, schema=METADATA_SCHEMA)
            await connection.create_table(METADATA, marker)  # last: the other tables alone are not an index
        return await cls.open(uri)

    async def metadata(self) -> Mapping[str, str]:
        """The newest value of every key of the metadata."""
        return await self._rows.get()

    async def schema_version(self) -> int:
        """The version of the columns of its tables."""
        return int((await self.metadata())[_VERSION_KEY])

    @property
    def reads(self) -> int:
        """How often the table of metadata was read."""
        return self._rows.reads

    async def version(self) -> int:
        """A number that grows with every write of the metadata."""
        return await self._version.newest()

    async def put(self, **values: str) -> None:
        """Write values of the metadata, all in one commit."""
        rows = pa.table({"key": list(values), "value": list(values.values())}, schema=METADATA_SCHEMA)
        await self._metadata.merge_insert("key").when_matched_update_all().when_not_matched_insert_all().execute(rows)
        if COPIED_KEYS & values.keys():
            await write_copy(self.connection, METADATA)

    async def optimize(self) -> None:
        """Merge the small fragments of the metadata, and drop its versions that are older than an hour."""
        await self._metadata.optimize(cleanup_older_than=VERSIONS_KEPT)

    def size_bytes(self) -> int | None:
        """The size of the index on the local disk; None for object storage."""
        if not is_local(self.uri):
            return None
        size = 0
        for file in Path(self.uri).rglob("*"):
            with suppress(OSError):  # a writer may delete the file at this moment
                size += file.stat().st_size if file.is_file() else 0
        return size

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    async def _read(self) -> Mapping[str, str]:
        rows = await self._metadata.query().to_arrow()
        return MappingProxyType(dict(zip(rows["key"].to_pylist(), rows["value"].to_pylist(), strict=True)))


async def table_names(connection: lancedb.AsyncConnection) -> frozenset[str]:
    """The names of every table, from all pages of LanceDB's listing."""
    names: list[str] = []
    token: str | None = None
    while True:
        page = await connection.list_tables(page_token=token)
        names.extend(page.tables)
        token = page.page_token
        if not token:
            return frozenset(names)


def _check(uri: str) -> None:
    """Make sure that a folder has an index in it before LanceDB opens it, which takes any folder for one."""
    if not is_local(uri):
        return
    if not os.path.isdir(uri):  # noqa: PTH112  Path.is_dir raises where a folder above may not be entered
        raise NotAnIndexError(uri, reason="there is no such folder; qmd-mcp collection add FOLDER makes it")
    with suppress(PermissionError):  # `check_folder` says what may not be looked at
        if not any((Path(uri) / f"{name}.lance").exists() for name in (METADATA, copy_of(METADATA))):
            raise NotAnIndexError(uri, reason=_HOLDS_NONE)
    check_folder(uri)


async def connect(uri: str) -> lancedb.AsyncConnection:
    """Connect so that every read looks for a newer version of its table first; by default a reader never does."""
    with translated(uri, what="its folder"):
        connection = await lancedb.connect_async(uri, read_consistency_interval=timedelta(0))
        if not is_local(uri):
            await table_names(connection)  # the first request: only now it shows that a place cannot be reached
    return guarded(connection, uri=uri)


async def claim(uri: str) -> None:
    """Make the folder of a new index; nothing happens if the index exists already.

    Raises:
        NotAnIndexError: the folder holds other files, or it cannot be made.
    """
    if not is_local(uri):
        return
    try:
        await anyio.to_thread.run_sync(_claim_folder, Path(uri))
    except OSError as error:
        raise NotAnIndexError(uri, reason=f"the folder cannot be made ({error.strerror})") from error


def _claim_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise NotAnIndexError(str(folder), reason="it is a file")
    make_private_folder(folder)
    others = sorted(entry.name for entry in folder.iterdir() if not is_own_file(entry.name))
    if others and not (folder / f"{METADATA}.lance").exists() and not _is_half_made(others):
        named = ", ".join(others[:3])
        raise NotAnIndexError(
            str(folder), reason=f"the folder holds other files ({named}); give an empty or new folder"
        )


def marks() -> dict[str, str]:
    """What the metadata of a new index holds: what it is, its version, and a name that no other index has."""
    return {_FORMAT_KEY: _FORMAT, _VERSION_KEY: str(SCHEMA_VERSION), MADE_KEY: uuid4().hex}


def _is_half_made(names: list[str]) -> bool:
    """Whether these files are what a process leaves that died in `Database.create`, which makes the metadata last.

    An index without its metadata but with the copy of it is damaged, which opening it says.
    """
    if f"{copy_of(METADATA)}.lance" in names:
        return True
    return set(names) <= {f"{table}.lance" for table in (COLLECTIONS, DOCUMENTS, TERMS)}
