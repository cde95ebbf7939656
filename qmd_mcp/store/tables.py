"""The small tables: collections and documents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import lancedb
import pyarrow as pa

from qmd_mcp.documents import Collection, Document
from qmd_mcp.errors import CollectionError
from qmd_mcp.store.database import VERSIONS_KEPT, Database
from qmd_mcp.store.schema import (
    COLLECTIONS,
    COLLECTIONS_SCHEMA,
    DOCUMENTS,
    collection_of,
    collection_row,
    document_rows,
    documents_of,
)
from qmd_mcp.store.sql import any_of, quoted
from qmd_mcp.store.versions import TableVersion


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


class DocumentTable:
    """What was read from each file: the row that makes a document's passages visible.

    Reads can be pinned to an earlier version; writes never are.
    """

    def __init__(self, table: lancedb.AsyncTable, *, database: Database) -> None:
        self._database = database
        self._table = table
        self._seen = table
        self._version = TableVersion(table, uri=database.uri)
        self._pinned: int | None = None

    @classmethod
    async def open(cls, database: Database) -> DocumentTable:
        """The table of an index."""
        return cls(await database.connection.open_table(DOCUMENTS), database=database)

    async def pin(self, version: int | None) -> None:
        """Read an earlier version from now on, or the newest again."""
        if version == self._pinned:
            return
        seen = self._table
        if version is not None:
            seen = await self._database.connection.open_table(DOCUMENTS)
            await seen.checkout(version)
        self._seen, self._pinned = seen, version

    async def restore(self, version: int) -> None:
        """Make an earlier version the newest."""
        restored = await self._database.connection.open_table(DOCUMENTS)
        await restored.checkout(version)
        await restored.restore()
        await self.pin(None)

    async def of_collection(self, collection: str) -> tuple[Document, ...]:
        """Every document of a collection."""
        return documents_of(await self._seen.query().where(f"collection = {quoted(collection)}").to_arrow())

    async def all(self) -> tuple[Document, ...]:
        """Every document."""
        return documents_of(await self._seen.query().to_arrow())

    async def by_docid(self, docids: Sequence[str]) -> dict[str, Document]:
        """The documents of exact docids; those that are not visible are missing."""
        if not docids:
            return {}
        rows = await self._seen.query().where(any_of("docid", docids)).limit(len(docids)).to_arrow()
        return {document.docid: document for document in documents_of(rows)}

    async def by_prefix(self, prefix: str) -> tuple[Document, ...]:
        """The documents whose docid begins so; the prefix is hexadecimal."""
        return documents_of(await self._seen.query().where(f"docid LIKE '{prefix}%'").limit(20).to_arrow())

    async def by_key(self, key: str) -> Document | None:
        """The document at `collection/path`."""
        rows = documents_of(await self._seen.query().where(f"key = {quoted(key)}").limit(1).to_arrow())
        return rows[0] if rows else None

    async def keys(self) -> tuple[str, ...]:
        """Every `collection/path`, sorted."""
        rows = await self._seen.query().select(["key"]).to_arrow()
        return tuple(sorted(rows["key"].to_pylist()))

    async def docids(self) -> frozenset[str]:
        """Every visible docid."""
        rows = await self._seen.query().select(["docid"]).to_arrow()
        return frozenset(rows["docid"].to_pylist())

    async def put(self, documents: Sequence[Document]) -> None:
        """Make documents visible; one at the same place is replaced in the same commit."""
        rows = document_rows(documents)
        await self._table.merge_insert("key").when_matched_update_all().when_not_matched_insert_all().execute(rows)

    async def remove(self, keys: Sequence[str]) -> None:
        """Make documents invisible."""
        if keys:
            await self._table.delete(any_of("key", keys))

    async def version(self) -> int:
        """Counts every write."""
        return await self._version.newest() if self._pinned is None else self._pinned

    async def count(self) -> int:
        """Documents in the index."""
        return int(await self._seen.count_rows())

    async def optimize(self) -> None:
        """Merge small fragments, drop versions older than an hour."""
        await self._table.optimize(cleanup_older_than=VERSIONS_KEPT)
