"""One generation's passages: written, searched by words, searched by vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import anyio
import lancedb
import numpy as np
import pyarrow as pa
from lancedb.index import IvfRq

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import FloatArray, LexicalQuery, Ranking, Scope
from qmd_mcp.store.fulltext.full_text_index import create_indexes, is_indexed
from qmd_mcp.store.fulltext.full_text_query import full_text_query
from qmd_mcp.store.lance.database import VERSIONS_KEPT, Database, table_names
from qmd_mcp.store.lance.schema import (
    PASSAGE_COLUMNS,
    PASSAGES_PREFIX,
    passage_rows,
    passages_of,
    passages_schema,
    vectors_of,
)
from qmd_mcp.store.lance.sql import any_of, in_scope, quoted
from qmd_mcp.store.lance.table_version import TableVersion
from qmd_mcp.store.tables.passage_rows import RowReads, Snapshot

EXACT_SCAN_LIMIT = 15_000
"""Passages up to which dense retrieval compares them all, in memory: 23 MB of 384 dimensions, 46 of 768. Above, LanceDB
scans for 45 ms (25,000 vectors of 384 dimensions, 2 cores) to 88 (45,000), IVF-RQ with refinement takes 13 to 16
(benchmarks)."""

SCANS = 2
"""Dense lookups that LanceDB makes at once: each takes all processors and may read a whole column of vectors. A hundred
at once over 10,821 passages held 2.3 GB, two .8, in the same time (benchmarks)."""

PROBES = 40
REFINE = 10
"""Partitions read and candidates per result compared with full vectors, above the scan limit: recall of the exact 100
neighbours 1.000 on 45,000 real vectors; with 20 and 2 it is .96 (benchmarks)."""

LOOKUP_BATCH = 1_000
"""Values in one IN clause."""


class PassageTable:
    """The passages and vectors that one embedder made; `fingerprint` tells generations apart."""

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
        self._table = table
        self._connection = connection
        self._exact_scan_limit = exact_scan_limit
        self._newest: Snapshot | None = None
        self._opening = anyio.Lock()
        self._scans = anyio.CapacityLimiter(SCANS)
        self._version = TableVersion(table, uri=uri)
        self.reads = RowReads()
        self.fingerprint = fingerprint
        self.dimension = dimension

    @classmethod
    async def is_made(cls, database: Database, *, fingerprint: str) -> bool:
        """Whether `open` has nothing to make."""
        name = f"{PASSAGES_PREFIX}{fingerprint}"
        if name not in await table_names(database.connection):
            return False
        return await is_indexed(await database.connection.open_table(name))

    @classmethod
    async def open(
        cls, database: Database, *, fingerprint: str, dimension: int, exact_scan_limit: int = EXACT_SCAN_LIMIT
    ) -> PassageTable:
        """Open a generation, or begin an empty one, under the writer's lock."""
        name = f"{PASSAGES_PREFIX}{fingerprint}"
        if name in await table_names(database.connection):
            table = await database.connection.open_table(name)
            if not await is_indexed(table):  # the process that made it died in between
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

    # Writing, under the writer's lock

    async def add(self, passages: Sequence[Passage], vectors: Sequence[FloatArray | None]) -> None:
        """Append passages in one commit; all of a document's passages come in the same call."""
        await self._table.add(passage_rows(passages, vectors, dimension=self.dimension))

    async def set_vectors(self, passages: Sequence[Passage], vectors: FloatArray) -> None:
        """Give stored passages their vectors, [passages, dimension]."""
        rows = pa.table(
            {
                "docid": [passage.docid for passage in passages],
                "ordinal": pa.array([passage.ordinal for passage in passages], type=pa.int32()),
                "vector": pa.array(list(vectors), type=pa.list_(pa.float32(), self.dimension)),
            }
        )
        await self._table.merge_insert(["docid", "ordinal"]).when_matched_update_all().execute(rows)

    async def remove(self, docids: Sequence[str]) -> None:
        """Delete the passages of documents."""
        for start in range(0, len(docids), LOOKUP_BATCH):
            await self._table.delete(any_of("docid", docids[start : start + LOOKUP_BATCH]))

    async def optimize(self) -> None:
        """Fold new rows into the indexes, merge small fragments, drop versions older than an hour."""
        await self._table.optimize(cleanup_older_than=VERSIONS_KEPT)
        if await self.embedded() > self._exact_scan_limit and not await self._has_vector_index():
            await self._table.create_index("vector", config=IvfRq(distance_type="cosine"))

    # Reading

    async def docids(self) -> frozenset[str]:
        """Documents that have passages here."""
        column = (await self._table.query().select(["docid"]).to_arrow())["docid"]
        return frozenset(column.unique().to_pylist())

    async def text_hashes(self) -> frozenset[str]:
        """Texts of all passages, by hash."""
        column = (await self._table.query().select(["text_hash"]).to_arrow())["text_hash"]
        return frozenset(column.unique().to_pylist())

    async def vectors_by_hash(self, hashes: Sequence[str]) -> dict[str, FloatArray]:
        """Vectors that are already known for a text."""
        found: dict[str, FloatArray] = {}
        for start in range(0, len(hashes), LOOKUP_BATCH):
            clause = f"{any_of('text_hash', hashes[start : start + LOOKUP_BATCH])} AND vector IS NOT NULL"
            rows = await self._table.query().where(clause).select(["text_hash", "vector"]).to_arrow()
            found.update(zip(rows["text_hash"].to_pylist(), vectors_of(rows, dimension=self.dimension), strict=True))
        return found

    async def without_vector(self, *, limit: int) -> tuple[Passage, ...]:
        """Passages that are not embedded yet."""
        query = self._table.query().where("vector IS NULL").select(list(PASSAGE_COLUMNS)).limit(limit)
        return passages_of(await query.to_arrow())

    async def of_documents(self, docids: Sequence[str]) -> tuple[Passage, ...]:
        """Every passage of some documents."""
        return await self._with_any("docid", docids)

    async def of_texts(self, hashes: Sequence[str]) -> tuple[Passage, ...]:
        """Every passage with one of these texts."""
        return await self._with_any("text_hash", hashes)

    async def _with_any(self, column: str, values: Sequence[str]) -> tuple[Passage, ...]:
        found: list[Passage] = []
        for start in range(0, len(values), LOOKUP_BATCH):
            clause = any_of(column, values[start : start + LOOKUP_BATCH])
            found.extend(passages_of(await self._table.query().where(clause).select(list(PASSAGE_COLUMNS)).to_arrow()))
        return tuple(found)

    async def all(self) -> tuple[Passage, ...]:
        """Every passage, visible or not."""
        return passages_of(await self._table.query().select(list(PASSAGE_COLUMNS)).to_arrow())

    async def every_vector(self) -> FloatArray:
        """[embedded passages, dimension], in no order."""
        rows = await self._table.query().where("vector IS NOT NULL").select(["vector"]).to_arrow()
        return vectors_of(rows, dimension=self.dimension)

    async def lexical(
        self, query: LexicalQuery, *, scope: Scope, limit: int, vectors: Literal["with", "without"]
    ) -> Ranking:
        """BM25 over text, title, headings and identifiers; a query of signs alone finds nothing."""
        if query.is_empty:
            return Ranking((), np.empty(0, np.float32), np.empty((0, self.dimension), np.float32))
        newest = await self._snapshot()
        request = newest.table.query().nearest_to_text(full_text_query(query))
        clause = in_scope(scope)
        if clause:
            request = request.where(clause)
        found = await request.select(["_score"]).with_row_id().limit(limit).to_arrow()
        rows: list[int] = found["_rowid"].to_pylist()
        scores = np.asarray(found["_score"].to_numpy(), dtype=np.float32)
        if vectors == "without":
            absent = np.full((len(rows), self.dimension), np.nan, dtype=np.float32)
            return Ranking(passages=await newest.passages(rows), scores=scores, vectors=absent)
        passages, known = await newest.with_vectors(rows)
        return Ranking(passages=passages, scores=scores, vectors=known)

    async def dense(self, vector: FloatArray, *, scope: Scope, limit: int) -> Ranking:
        """The nearest passages to a unit vector [dimension], by cosine.

        Within a scope every passage is compared: the probed partitions may hold none of a small collection.
        """
        newest = await self._snapshot()
        clause = in_scope(scope)
        if newest.small:
            rows, scores = await newest.nearest(vector, where=clause, limit=limit)
        else:
            rows, scores = await self._scanned(newest.table, vector, where=clause, limit=limit)
        passages, vectors = await newest.with_vectors(rows)
        return Ranking(passages=passages, scores=scores, vectors=vectors)

    async def _scanned(
        self, table: lancedb.AsyncTable, vector: FloatArray, *, where: str | None, limit: int
    ) -> tuple[list[int], FloatArray]:
        """Row numbers and cosines, as LanceDB finds them in a large table."""
        request = table.query().nearest_to(vector).distance_type("cosine").nprobes(PROBES).refine_factor(REFINE)
        if where:
            request = request.where(where).bypass_vector_index()
        async with self._scans:
            found = await request.select(["_distance"]).with_row_id().limit(limit).to_arrow()
        return found["_rowid"].to_pylist(), 1.0 - np.asarray(found["_distance"].to_numpy(), dtype=np.float32)

    async def terms_of(self, text: str, *, field: str = "text") -> tuple[str, ...]:
        """Terms of a text as a field's index has them, in order."""
        return tuple(token.text for token in await self._table.tokenize(text, column=field))

    async def count(self, collection: str | None = None) -> int:
        """Passages, visible or not."""
        return int(await self._table.count_rows(None if collection is None else f"collection = {quoted(collection)}"))

    async def embedded(self) -> int:
        """Passages that have a vector."""
        return int(await self._table.count_rows("vector IS NOT NULL"))

    async def version(self) -> int:
        """Counts every write."""
        return await self._version.newest()

    async def _snapshot(self) -> Snapshot:
        """The newest version, with what has been read of it."""
        newest = self._newest
        if newest is not None and newest.version == await self.version():
            return newest
        async with self._opening:  # whoever waited here sees what the one before has opened
            version = await self.version()
            if self._newest is None or self._newest.version != version:
                self._newest = await Snapshot.of(
                    self._connection,
                    self._table.name,
                    version=version,
                    dimension=self.dimension,
                    reads=self.reads,
                    most_in_memory=self._exact_scan_limit,
                )
            return self._newest

    async def _has_vector_index(self) -> bool:
        return any("vector" in index.columns for index in await self._table.list_indices())
