"""The table of collections and their contexts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import lancedb
import pyarrow as pa

from qmd_mcp.domain.documents import Collection
from qmd_mcp.errors import CollectionError
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.lance.once_per_version import OncePerVersion
from qmd_mcp.store.lance.schema import (
    COLLECTIONS,
    COLLECTIONS_SCHEMA,
    collection_of,
    collection_row,
)
from qmd_mcp.store.lance.second_copy import write_copy
from qmd_mcp.store.lance.sql import quoted
from qmd_mcp.store.lance.table_version import TableVersion


class CollectionTable:
    """The collections of an index and their contexts, which are all kept in memory.

    A project-local index may have been cloned with its project. It therefore stores roots relative to the project's
    folder and refuses a root that leads outside of it, so that a stranger's repository cannot make this program index
    the user's home folder.
    """

    def __init__(self, table: lancedb.AsyncTable, *, database: Database, project: Path | None) -> None:
        """`project` is the folder of the project for a project-local index, and None for any other index."""
        self._table = table
        self._database = database
        self._project = project
        self._known = OncePerVersion(version=TableVersion(table, uri=database.uri).newest, read=self._read)

    @classmethod
    async def open(cls, database: Database, *, project: Path | None) -> CollectionTable:
        """Open the table of an index."""
        return cls(await database.connection.open_table(COLLECTIONS), database=database, project=project)

    async def all(self) -> tuple[Collection, ...]:
        """Every collection, ordered by name.

        Raises:
            CollectionError: a root of a project-local index leads outside the project's folder.
        """
        return await self._known.get()

    @property
    def reads(self) -> int:
        """How often the table was read."""
        return self._known.reads

    async def put(self, collection: Collection) -> None:
        """Add a collection, or replace the collection of that name.

        Raises:
            CollectionError: the root leads outside the folder of the project whose index this is.
        """
        stored = collection
        if self._project is not None:
            inside = _inside(self._project, name=collection.name, root=collection.root)
            stored = replace(collection, root=inside.relative_to(self._project.resolve()))
        rows = pa.Table.from_pylist([dict(collection_row(stored))], schema=COLLECTIONS_SCHEMA)
        await self._table.merge_insert("name").when_matched_update_all().when_not_matched_insert_all().execute(rows)
        await write_copy(self._database.connection, COLLECTIONS)

    async def remove(self, name: str) -> None:
        """Delete the row of a collection; the caller deletes its documents."""
        await self._table.delete(f"name = {quoted(name)}")
        await write_copy(self._database.connection, COLLECTIONS)

    async def _read(self) -> tuple[Collection, ...]:
        rows = await self._table.query().to_list()
        collections = (collection_of(row) for row in sorted(rows, key=lambda row: str(row["name"])))
        if self._project is None:
            return tuple(collections)
        return tuple(replace(each, root=_inside(self._project, name=each.name, root=each.root)) for each in collections)


def _inside(project: Path, *, name: str, root: Path) -> Path:
    """The absolute path of a collection's root, which may be relative to the project's folder.

    Raises:
        CollectionError: it leads outside the project's folder.
    """
    resolved = (project / root).resolve()
    if not resolved.is_relative_to(project.resolve()):
        sentence = f"Collection {name!r} of the project's index has its root outside {project}. Use another --index."
        raise CollectionError(sentence)
    return resolved
