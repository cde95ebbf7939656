"""The table of one generation's passages, which are found by words and by vector."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Literal

import anyio.to_thread
import lancedb
import numpy as np
import pyarrow as pa
from lancedb.index import IvfRq

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import FloatArray, LexicalQuery, Ranking, Scope
from qmd_mcp.domain.text.folding import folded
from qmd_mcp.index_errors import DamagedIndexError
from qmd_mcp.store.fulltext.full_text_index import create_indexes, is_indexed
from qmd_mcp.store.fulltext.full_text_query import ANALYSED_FIELDS, full_text_query
from qmd_mcp.store.lance.database import VERSIONS_KEPT, Database, table_names
from qmd_mcp.store.lance.once_per_version import OncePerVersion
from qmd_mcp.store.lance.schema import (
    PASSAGE_COLUMNS,
    PASSAGES_PREFIX,
    passage_rows,
    passages_of,
    passages_schema,
    renamed_rows,
    vectors_of,
)
from qmd_mcp.store.lance.sql import any_of, in_scope, quoted
from qmd_mcp.store.lance.table_version import TableVersion
from qmd_mcp.store.tables.passage_rows import RowReads, Snapshot, pinned_table
from qmd_mcp.store.tables.vector_scan import scanned

EXACT_SCAN_LIMIT = 15_000
"""Up to so many passages dense retrieval keeps every vector in memory and compares them all: 23 MB with 384 dimensions,
46 MB with 768. For more passages a scan by LanceDB takes from 45 ms (25,000 vectors of 384 dimensions, 2 cores) to
88 ms (45,000), and an IVF-RQ index with refinement takes 13 to 16 ms (benchmarks/results/speed.md)."""

SCANS = 2
"""How many dense look-ups LanceDB makes at the same time. Each of them uses all CPUs and may read a whole column of
vectors: a hundred queries over 10,821 passages held 2.3 GB when all were looked up at the same time and .8 GB when two
were, and they took equally long (benchmarks/results/serving.md)."""

LOOKUP_BATCH = 1_000
"""Values in one IN clause, and passages in one batch, which take about 1 MB in memory (`PASSAGE_BYTES`)."""

_EMBEDDED = "vector IS NOT NULL"


class PassageTable:
    """The passages of one generation and their vectors.

    Searches see passages whose document is not visible too, and leave them out afterwards.
    """

    def __init__(
        self,
        table: lancedb.AsyncTable,
        *,
        connection: lancedb.AsyncConnection,
        uri: str,
        fingerprint: str,
        dimension: int,
        exact_scan_limit: int = EXACT_SCAN_LIMIT,
    ) -> None:
        """`fingerprint` names the generation."""
        self._table = table
        self._connection = connection
        self._exact_scan_limit = exact_scan_limit
        self._version = TableVersion(table, uri=uri)
        self._newest = OncePerVersion(version=self._version.newest, read=self._open_snapshot)
        self._embedded = OncePerVersion(version=self._version.newest, read=partial(table.count_rows, _EMBEDDED))
        self._scans = anyio.CapacityLimiter(SCANS)
        self.reads = RowReads()
        self.fingerprint = fingerprint
        self.dimension = dimension

    @classmethod
    async def is_made(cls, database: Database, *, fingerprint: str) -> bool:
        """Whether the table of a generation and all its indexes exist, so that `open` writes nothing."""
        name = f"{PASSAGES_PREFIX}{fingerprint}"
        if name not in await table_names(database.connection):
            return False
        return await is_indexed(await database.connection.open_table(name))

    @classmethod
    async def open(
        cls, database: Database, *, fingerprint: str, dimension: int, exact_scan_limit: int = EXACT_SCAN_LIMIT
    ) -> PassageTable:
        """Open the table of a generation, under the writer lock unless `is_made`; what is missing of it is created."""
        name = f"{PASSAGES_PREFIX}{fingerprint}"
        if name in await table_names(database.connection):
            table = await database.connection.open_table(name)
            if not await is_indexed(table):  # the process that created the table died before it had all indexes
                await create_indexes(table)
        else:
            table = await database.connection.create_table(name, schema=passages_schema(dimension), exist_ok=True)
            await create_indexes(table)
        return cls(
            table,
            connection=database.connection,
            uri=database.uri,
            fingerprint=fingerprint,
            dimension=dimension,
            exact_scan_limit=exact_scan_limit,
        )

    # Writing, for which the caller holds the writer lock

    async def add(self, passages: Sequence[Passage], vectors: Sequence[FloatArray | None]) -> None:
        """Append passages in one commit; one call has all passages of a document."""
        rows = await anyio.to_thread.run_sync(lambda: passage_rows(passages, vectors, dimension=self.dimension))
        await self._table.add(rows)

    async def set_vectors(self, passages: Sequence[Passage], vectors: FloatArray) -> None:
        """Write the vectors of stored passages, [passages, dimension], in one commit."""
        rows = pa.table(
            {
                "docid": [passage.docid for passage in passages],
                "ordinal": pa.array([passage.ordinal for passage in passages], type=pa.int32()),
                "vector": pa.array(list(vectors), type=pa.list_(pa.float32(), self.dimension)),
            }
        )
        await self._table.merge_insert(["docid", "ordinal"]).when_matched_update_all().execute(rows)

    async def copy(self, docids: Mapping[str, str], *, collection: str) -> None:
        """Write the passages of documents once more, with other docids and as those of another collection."""
        for start in range(0, len(docids), LOOKUP_BATCH):
            clause = any_of("docid", list(docids)[start : start + LOOKUP_BATCH])
            rows = await self._table.query().where(clause).to_arrow()
            await self._table.add(renamed_rows(rows, docids, collection=collection))

    async def remove_collection(self, collection: str) -> None:
        """Delete the passages of a collection."""
        await self._table.delete(f"collection = {quoted(collection)}")

    async def remove(self, docids: Sequence[str]) -> None:
        """Delete the passages of documents."""
        for start in range(0, len(docids), LOOKUP_BATCH):
            await self._table.delete(any_of("docid", docids[start : start + LOOKUP_BATCH]))

    async def optimize(self) -> None:
        """Add new rows to the indexes, merge small fragments, and drop versions that are older than an hour.

        The vectors get an index once there are too many to compare them all in memory.
        """
        await self._table.optimize(cleanup_older_than=VERSIONS_KEPT)
        if await self.embedded() > self._exact_scan_limit and not await self._has_vector_index():
            await self._table.create_index("vector", config=IvfRq(distance_type="cosine"))

    # Reading

    async def docids(self) -> frozenset[str]:
        """The docid of every document that has passages in this table."""
        column = (await self._table.query().select(["docid"]).to_arrow())["docid"]
        return frozenset(column.unique().to_pylist())

    async def text_hashes(self) -> frozenset[str]:
        """The hash of every text that some passage has."""
        column = (await self._table.query().select(["text_hash"]).to_arrow())["text_hash"]
        return frozenset(column.unique().to_pylist())

    async def vectors_by_hash(self, hashes: Sequence[str]) -> dict[str, FloatArray]:
        """The vectors of texts, by hash; a text that no passage has with a vector is missing."""
        found: dict[str, FloatArray] = {}
        for start in range(0, len(hashes), LOOKUP_BATCH):
            clause = f"{any_of('text_hash', hashes[start : start + LOOKUP_BATCH])} AND vector IS NOT NULL"
            rows = await self._table.query().where(clause).select(["text_hash", "vector"]).to_arrow()
            found.update(zip(rows["text_hash"].to_pylist(), vectors_of(rows, dimension=self.dimension), strict=True))
        return found

    async def without_vector(self, *, batch: int) -> AsyncIterator[tuple[Passage, ...]]:
        """The passages that are not embedded yet when the first batch is asked for.

        They are looked for once. The caller may write the vectors of a batch before it asks for the next: the batches
        are read from the version of the table in which the passages were found.
        """
        table = await pinned_table(self._connection, self._table.name)
        found = await table.query().where("vector IS NULL").select([]).with_row_id().to_arrow()
        rows = found["_rowid"].to_numpy()
        for start in range(0, len(rows), batch):
            taken = table.take_row_ids(rows[start : start + batch].tolist()).select(list(PASSAGE_COLUMNS))
            yield passages_of(await taken.to_arrow())

    async def of_documents(self, docids: Sequence[str]) -> AsyncIterator[tuple[Passage, ...]]:
        """Every passage of some documents, in batches."""
        for start in range(0, len(docids), LOOKUP_BATCH):
            async for passages in self.batches(where=any_of("docid", docids[start : start + LOOKUP_BATCH])):
                yield passages

    async def of_texts(self, hashes: Sequence[str]) -> dict[str, Passage]:
        """One passage for each of these texts, by hash."""
        found: dict[str, Passage] = {}
        for start in range(0, len(hashes), LOOKUP_BATCH):
            async for passages in self.batches(where=any_of("text_hash", hashes[start : start + LOOKUP_BATCH])):
                found.update((passage.text_hash, passage) for passage in passages)
        return found

    async def batches(self, *, where: str | None = None) -> AsyncIterator[tuple[Passage, ...]]:
        """Every passage that a filter selects, in batches, so that a large table is never in memory as a whole."""
        query = self._table.query().select(list(PASSAGE_COLUMNS))
        if where is not None:
            query = query.where(where)
        async for rows in await query.to_batches(max_batch_length=LOOKUP_BATCH):
            yield passages_of(pa.Table.from_batches([rows]))

    async def all(self) -> tuple[Passage, ...]:
        """Every passage, whether its document is visible or not."""
        return passages_of(await self._table.query().select(list(PASSAGE_COLUMNS)).to_arrow())

    async def every_vector(self) -> FloatArray:
        """The vectors of all embedded passages, [embedded passages, dimension], in any order."""
        rows = await self._table.query().where("vector IS NOT NULL").select(["vector"]).to_arrow()
        return vectors_of(rows, dimension=self.dimension)

    async def lexical(
        self, query: LexicalQuery, *, scope: Scope, limit: int, vectors: Literal["with", "without"]
    ) -> Ranking:
        """The best passages by BM25 over every searched field; a query without words finds nothing."""
        if query.is_empty:
            return Ranking((), np.empty(0, np.float32), np.empty((0, self.dimension), np.float32))
        newest = await self._newest.get()
        found = await newest.by_text(
            lambda damaged: full_text_query(query, without=damaged), where=in_scope(scope), limit=limit
        )
        rows: list[int] = found["_rowid"].to_pylist()
        scores = np.asarray(found["_score"].to_numpy(), dtype=np.float32)
        if vectors == "without":
            absent = np.full((len(rows), self.dimension), np.nan, dtype=np.float32)
            return Ranking(passages=await newest.passages(rows), scores=scores, vectors=absent)
        passages, known = await newest.with_vectors(rows)
        return Ranking(passages=passages, scores=scores, vectors=known)

    async def dense(self, vector: FloatArray, *, scope: Scope, limit: int) -> Ranking:
        """The passages whose vectors have the highest cosine with a vector [dimension] of unit length.

        Within a small scope every passage is compared, also in a large table: the partitions of the index that would be
        probed may hold no passage of a small collection.
        """
        newest = await self._newest.get()
        clause = in_scope(scope)
        if newest.small:
            rows, scores = await newest.nearest(vector, where=clause, limit=limit)
        else:
            scan = partial(scanned, newest, vector, where=clause, limit=limit)
            async with self._scans:
                rows, scores = await newest.damage.avoided(newest.table, scan)
        passages, vectors = await newest.with_vectors(rows)
        return Ranking(passages=passages, scores=scores, vectors=vectors)

    async def terms_of(self, text: str) -> tuple[str, ...]:
        """The terms to which the index analyses a text, in their order; each analysed field does so in the same way."""
        for column in ANALYSED_FIELDS:
            try:
                return tuple(token.text for token in await self._table.tokenize(folded(text), column=column))
            except DamagedIndexError:
                if column == ANALYSED_FIELDS[-1]:
                    raise
        return ()

    async def obstacles(self) -> tuple[str, ...]:
        """What the last searches could not use of the table, a sentence each."""
        read = self._newest.last
        return () if read is None else read.damage.sentences()

    async def count(self) -> int:
        """The number of passages, whether their documents are visible or not."""
        return (await self._newest.get()).count

    async def embedded(self) -> int:
        """The number of passages that have a vector."""
        return int(await self._embedded.get())

    async def version(self) -> int:
        """A number that grows with every write."""
        return await self._version.newest()

    async def snapshot(self) -> Snapshot:
        """The newest version, with the rows of it that were read."""
        return await self._newest.get()

    @property
    def versions_opened(self) -> int:
        """How many versions of the table searches have opened."""
        return self._newest.reads

    async def _open_snapshot(self) -> Snapshot:
        return await Snapshot.of(
            self._connection,
            self._table.name,
            dimension=self.dimension,
            reads=self.reads,
            most_in_memory=self._exact_scan_limit,
        )

    async def _has_vector_index(self) -> bool:
        return any("vector" in index.columns for index in await self._table.list_indices())
