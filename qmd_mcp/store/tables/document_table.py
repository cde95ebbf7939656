"""The table of documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import lancedb

from qmd_mcp.domain.documents import Document, DocumentNames
from qmd_mcp.store.lance.database import VERSIONS_KEPT, Database
from qmd_mcp.store.lance.once_per_version import OncePerVersion
from qmd_mcp.store.lance.schema import (
    DOCUMENTS,
    document_rows,
    documents_of,
)
from qmd_mcp.store.lance.sql import any_of, quoted
from qmd_mcp.store.lance.table_version import TableVersion

KNOWN_DOCUMENTS = 50_000
"""Up to so many documents every row is kept in memory, which takes 25 MB: reading the rows of one answer from the table
takes as long as the search itself. Of a larger index the rows of each answer are read, and so many of them kept."""

PREFIX_MATCHES = 20
"""Documents that are read for one prefix of a docid: more than an error message names."""


@dataclass(slots=True)
class _KnownDocuments:
    """The documents of one version of the table that are in memory."""

    by_docid: dict[str, Document]
    complete: bool
    """Whether these are all documents of the version."""


class _View:
    """The table as it is read: at its newest version, or pinned to an earlier one.

    What is kept in memory belongs to one view. Without that, rows that were being read at the newest version while the
    table was pinned would be taken for rows of the pinned version.
    """

    def __init__(
        self, table: lancedb.AsyncTable, *, pinned: int | None, newest: TableVersion, most_in_memory: int
    ) -> None:
        self.table = table
        self.pinned = pinned
        self._newest = newest
        self._most_in_memory = most_in_memory
        self.known = OncePerVersion(version=self.version, read=self._read)

    async def version(self) -> int:
        """The pinned version, or else a number that grows with every write."""
        return await self._newest.newest() if self.pinned is None else self.pinned

    async def _read(self) -> _KnownDocuments:
        """Every document, or none yet if there are too many to keep in memory."""
        if int(await self.table.count_rows()) > self._most_in_memory:
            return _KnownDocuments({}, complete=False)
        every = documents_of(await self.table.query().to_arrow())
        return _KnownDocuments({document.docid: document for document in every}, complete=True)


class DocumentTable:
    """What was read of each file. The row of a document is also what makes its passages visible to searches.

    Reads can be pinned to an earlier version of the table. Writes always go to the newest.
    """

    def __init__(self, table: lancedb.AsyncTable, *, database: Database, most_in_memory: int = KNOWN_DOCUMENTS) -> None:
        self._database = database
        self._table = table
        self._newest = TableVersion(table, uri=database.uri)
        self._most_in_memory = most_in_memory
        self._view = self._view_of(table, pinned=None)

    @classmethod
    async def open(cls, database: Database) -> DocumentTable:
        """Open the table of an index."""
        return cls(await database.connection.open_table(DOCUMENTS), database=database)

    async def pin(self, version: int | None) -> None:
        """Read an earlier version from now on, or the newest version again if None."""
        if version == self._view.pinned:
            return
        table = self._table
        if version is not None:
            table = await self._database.connection.open_table(DOCUMENTS)
            await table.checkout(version)
        self._view = self._view_of(table, pinned=version)

    async def restore(self, version: int) -> None:
        """Write the rows of an earlier version as the newest version."""
        earlier = await self._database.connection.open_table(DOCUMENTS)
        await earlier.checkout(version)
        await earlier.restore()
        await self.pin(None)

    async def of_collection(self, collection: str) -> tuple[Document, ...]:
        """Every document of a collection."""
        return documents_of(await self._view.table.query().where(f"collection = {quoted(collection)}").to_arrow())

    async def all(self) -> tuple[Document, ...]:
        """Every document."""
        return documents_of(await self._view.table.query().to_arrow())

    async def by_docid(self, docids: Sequence[str]) -> Mapping[str, Document]:
        """The documents with these docids; a docid that no document has is missing from the mapping."""
        view = self._view
        known = await view.known.get()
        found = {docid: known.by_docid[docid] for docid in docids if docid in known.by_docid}
        missing = [docid for docid in docids if docid not in found]
        if missing and not known.complete:
            rows = await view.table.query().where(any_of("docid", missing)).limit(len(missing)).to_arrow()
            read = {document.docid: document for document in documents_of(rows)}
            found.update(read)
            if len(known.by_docid) + len(read) > self._most_in_memory:
                known.by_docid.clear()
            known.by_docid.update(read)
        return found

    @property
    def reads(self) -> int:
        """How often the rows in memory were read anew, because the table had another version."""
        return self._view.known.reads

    async def by_prefix(self, prefix: str) -> tuple[Document, ...]:
        """The documents whose docid begins with these hexadecimal digits, up to `PREFIX_MATCHES`."""
        query = self._view.table.query().where(f"docid LIKE '{prefix}%'").limit(PREFIX_MATCHES)
        return documents_of(await query.to_arrow())

    async def by_keys(self, keys: Sequence[str]) -> dict[str, Document]:
        """The documents at these `collection/path`; those that do not exist are absent."""
        if not keys:
            return {}
        rows = await self._view.table.query().where(any_of("key", keys)).limit(len(keys)).to_arrow()
        return {document.key: document for document in documents_of(rows)}

    async def keys(self) -> tuple[str, ...]:
        """The `collection/path` of every document, sorted."""
        rows = await self._view.table.query().select(["key"]).to_arrow()
        return tuple(sorted(rows["key"].to_pylist()))

    async def names(self) -> tuple[DocumentNames, ...]:
        """What every document may be called, sorted by `collection/path`."""
        rows = await self._view.table.query().select(["key", "title", "aliases"]).to_arrow()
        each = zip(*(rows[name].to_pylist() for name in ("key", "title", "aliases")), strict=True)
        return tuple(DocumentNames(key, title, tuple(aliases or ())) for key, title, aliases in sorted(each))

    async def docids(self) -> frozenset[str]:
        """The docid of every document."""
        rows = await self._view.table.query().select(["docid"]).to_arrow()
        return frozenset(rows["docid"].to_pylist())

    async def put(self, documents: Sequence[Document]) -> None:
        """Write documents in one commit; each replaces the document with the same collection and path."""
        rows = document_rows(documents)
        await self._table.merge_insert("key").when_matched_update_all().when_not_matched_insert_all().execute(rows)

    async def exchange(self, collection: str, documents: Sequence[Document]) -> None:
        """Put these documents in the place of all documents of a collection, in one commit."""
        merge = self._table.merge_insert("key").when_matched_update_all().when_not_matched_insert_all()
        merge = merge.when_not_matched_by_source_delete(f"collection = {quoted(collection)}")
        await merge.execute(document_rows(documents))

    async def remove(self, keys: Sequence[str]) -> None:
        """Delete the documents at these `collection/path`, and so make their passages invisible."""
        if keys:
            await self._table.delete(any_of("key", keys))

    async def version(self) -> int:
        """The version that is read: the pinned one, or else a number that grows with every write."""
        return await self._view.version()

    @property
    def is_pinned(self) -> bool:
        """Whether an earlier version is read."""
        return self._view.pinned is not None

    async def count(self) -> int:
        """The number of documents."""
        return int(await self._view.table.count_rows())

    async def optimize(self) -> None:
        """Merge small fragments, and drop versions that are older than an hour."""
        await self._table.optimize(cleanup_older_than=VERSIONS_KEPT)

    def _view_of(self, table: lancedb.AsyncTable, *, pinned: int | None) -> _View:
        return _View(table, pinned=pinned, newest=self._newest, most_in_memory=self._most_in_memory)
