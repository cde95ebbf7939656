"""The table of documents."""

from __future__ import annotations

from collections.abc import Sequence

import lancedb

from qmd_mcp.domain.documents import Document
from qmd_mcp.store.lance.database import VERSIONS_KEPT, Database
from qmd_mcp.store.lance.schema import (
    DOCUMENTS,
    document_rows,
    documents_of,
)
from qmd_mcp.store.lance.sql import any_of, quoted
from qmd_mcp.store.lance.table_version import TableVersion


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

    async def by_keys(self, keys: Sequence[str]) -> dict[str, Document]:
        """The documents at these `collection/path`; those that do not exist are absent."""
        if not keys:
            return {}
        rows = await self._seen.query().where(any_of("key", keys)).limit(len(keys)).to_arrow()
        return {document.key: document for document in documents_of(rows)}

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
