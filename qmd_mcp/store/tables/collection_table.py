"""The table of collections and their contexts."""

from __future__ import annotations

from pathlib import Path

import lancedb
import pyarrow as pa

from qmd_mcp.domain.documents import Collection
from qmd_mcp.errors import CollectionError
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.lance.schema import (
    COLLECTIONS,
    COLLECTIONS_SCHEMA,
    collection_of,
    collection_row,
)
from qmd_mcp.store.lance.sql import quoted
from qmd_mcp.store.lance.table_version import TableVersion


class CollectionTable:
    """The collections and their contexts.

    A project-local index may have been cloned with its project: its roots are kept relative to the project's folder,
    and one that leads outside is refused, so that a stranger's repository cannot make us index the user's home.
    """

    def __init__(self, table: lancedb.AsyncTable, *, uri: str, project: Path | None) -> None:
        self._table = table
        self._version = TableVersion(table, uri=uri)
        self._project = project

    @classmethod
    async def open(cls, database: Database, *, project: Path | None) -> CollectionTable:
        """The table of an index."""
        return cls(await database.connection.open_table(COLLECTIONS), uri=database.uri, project=project)

    async def all(self) -> tuple[Collection, ...]:
        """Every collection, by name.

        Raises:
            CollectionError: a root of a project-local index leads outside the project.
        """
        rows = await self._table.query().to_list()
        return tuple(self._resolved(collection_of(row)) for row in sorted(rows, key=lambda row: str(row["name"])))

    async def put(self, collection: Collection) -> None:
        """Add a collection, or replace the one of that name."""
        stored = collection
        if self._project is not None:
            relative = self._inside_project(collection.name, collection.root)
            stored = Collection(collection.name, relative, collection.globs, collection.ignores, collection.contexts)
        rows = pa.Table.from_pylist([dict(collection_row(stored))], schema=COLLECTIONS_SCHEMA)
        await self._table.merge_insert("name").when_matched_update_all().when_not_matched_insert_all().execute(rows)

    async def version(self) -> int:
        """Counts every write."""
        return await self._version.newest()

    async def remove(self, name: str) -> None:
        """Forget a collection; its documents are the caller's to remove."""
        await self._table.delete(f"name = {quoted(name)}")

    def _resolved(self, collection: Collection) -> Collection:
        if self._project is None:
            return collection
        self._inside_project(collection.name, collection.root)
        root = (self._project / collection.root).resolve()
        return Collection(collection.name, root, collection.globs, collection.ignores, collection.contexts)

    def _inside_project(self, name: str, root: Path) -> Path:
        project = self._project
        assert project is not None
        resolved = (project / root).resolve()
        if not resolved.is_relative_to(project.resolve()):
            sentence = (
                f"Collection {name!r} of the project's index has its root outside {project}. Use another --index."
            )
            raise CollectionError(sentence)
        return resolved.relative_to(project.resolve())
