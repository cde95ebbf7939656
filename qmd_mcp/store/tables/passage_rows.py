"""One version of a generation's passages, and the rows of it that searches have read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio
import anyio.to_thread
import lancedb
import numpy as np
import pyarrow as pa
from lancedb.query import FullTextQuery
from numpy.typing import NDArray

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.store.lance.schema import PASSAGE_COLUMNS, passages_of, vectors_of
from qmd_mcp.store.tables.index_damage import IndexDamage
from qmd_mcp.store.tables.vector_matrix import VectorMatrix

Row = TypeVar("Row")

KEPT_BYTES = 32 * 2**20
"""Memory for the passages that are kept, and as much again for the vectors of a large table. It holds some 30,000
passages of 400 characters. Reading 20 rows takes as much CPU time as finding them, and reading 100 rows with their
vectors one and a half times as much (benchmarks/results/serving.md)."""

PASSAGE_BYTES = 550
"""What a passage takes in memory besides its text (tracemalloc): the object with its docid, path and title."""

CHARACTER_BYTES = 2
"""What each character of a text takes in memory if one of them is outside of Latin-1."""


@dataclass(slots=True)
class RowReads:
    """How many rows searches found in memory and how many they read from the table, over all its versions."""

    hits: int = 0
    misses: int = 0

    def count(self, *, hits: int, misses: int) -> None:
        """Add the rows of one search."""
        self.hits += hits
        self.misses += misses


@dataclass(slots=True)
class Kept(Generic[Row]):
    """Rows that are kept up to a number of bytes; those that were read first are dropped first."""

    size_of: Callable[[Row], int]
    limit: int = KEPT_BYTES
    size: int = 0
    """Bytes of the rows that are kept."""
    _rows: dict[int, Row] = field(default_factory=dict[int, Row])

    def known(self, numbers: Iterable[int]) -> dict[int, Row]:
        """Those of the rows with these numbers that are kept."""
        return {number: self._rows[number] for number in numbers if number in self._rows}

    def keep(self, read: Mapping[int, Row]) -> None:
        """Keep rows that were read, and drop others if they take too much memory."""
        for number, row in read.items():
            if number not in self._rows:
                self._rows[number] = row
                self.size += self.size_of(row)
        while self.size > self.limit and self._rows:
            self.size -= self.size_of(self._rows.pop(next(iter(self._rows))))


def passage_bytes(passage: Passage) -> int:
    """About what a passage takes in memory."""
    width = 1 if passage.text.isascii() else CHARACTER_BYTES
    return PASSAGE_BYTES + width * len(passage.text)


def vector_bytes(vector: FloatArray) -> int:
    """What a vector takes in memory."""
    return int(vector.nbytes)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A table of passages at one version, in which a row number always means the same row."""

    table: lancedb.AsyncTable
    dimension: int
    reads: RowReads
    count: int
    """The number of passages."""
    small: bool
    """Whether every vector is kept in memory and compared there."""
    damage: IndexDamage = field(default_factory=IndexDamage)
    _passages: Kept[Passage] = field(default_factory=lambda: Kept(passage_bytes))
    _vectors: Kept[FloatArray] = field(default_factory=lambda: Kept(vector_bytes))
    _matrix: list[VectorMatrix] = field(default_factory=list[VectorMatrix])
    """Every vector, once a search has needed them; empty before."""
    _reading: anyio.Lock = field(default_factory=anyio.Lock)

    @classmethod
    async def of(
        cls, connection: lancedb.AsyncConnection, name: str, *, dimension: int, reads: RowReads, most_in_memory: int
    ) -> Snapshot:
        """Open the newest version of a table."""
        table = await pinned_table(connection, name)
        count = int(await table.count_rows())
        return cls(table, dimension, reads, count=count, small=count <= most_in_memory)

    async def by_text(
        self, query: Callable[[frozenset[str]], FullTextQuery], *, where: str | None, limit: int
    ) -> pa.Table:
        """Row numbers and scores of the best passages; `query` makes the query without the damaged fields."""

        async def ask() -> pa.Table:
            request = self.table.query().nearest_to_text(query(self.damage.columns))
            clause = self.damage.clause(where)
            if clause:
                request = request.where(clause)
            return await request.select(["_score"]).with_row_id().limit(limit).to_arrow()

        return await self.damage.avoided(self.table, ask)

    async def selected(self, where: str, *, columns: Sequence[str] = (), limit: int | None = None) -> pa.Table:
        """Row numbers, and columns, of passages that a filter selects."""

        async def ask() -> pa.Table:
            request = self.table.query().where(self.damage.clause(where) or where).select(list(columns)).with_row_id()
            return await (request if limit is None else request.limit(limit)).to_arrow()

        return await self.damage.avoided(self.table, ask)

    async def count_of(self, where: str | None) -> int:
        """The number of passages that a filter selects."""

        async def ask() -> int:
            return int(await self.table.count_rows(self.damage.clause(where)))

        return await self.damage.avoided(self.table, ask)

    async def passages(self, rows: Sequence[int]) -> tuple[Passage, ...]:
        """The passages with these row numbers."""
        known = self._passages.known(rows)
        missing = [row for row in rows if row not in known]
        self.reads.count(hits=len(known), misses=len(missing))
        if missing:
            taken = await self._take(missing, columns=PASSAGE_COLUMNS)
            read = dict(zip(taken["_rowid"].to_pylist(), passages_of(taken), strict=True))
            known.update(read)
            self._passages.keep(read)
        return tuple(known[row] for row in rows)

    async def with_vectors(self, rows: Sequence[int]) -> tuple[tuple[Passage, ...], FloatArray]:
        """The passages with these row numbers, and their vectors [rows, dimension].

        The vector of a passage that is not embedded yet is NaN.
        """
        if self.small:
            matrix = await self._every_vector()
            return await self.passages(rows), matrix.of_rows(rows)
        passages, vectors = self._passages.known(rows), self._vectors.known(rows)
        missing = [row for row in rows if row not in passages or row not in vectors]
        self.reads.count(hits=len(rows) - len(missing), misses=len(missing))
        if missing:
            taken = await self._take(missing, columns=(*PASSAGE_COLUMNS, "vector"))
            numbers = taken["_rowid"].to_pylist()
            # A copy of each vector: a view would keep the vectors of all rows that were taken in memory.
            copies = (vector.copy() for vector in vectors_of(taken, dimension=self.dimension))
            read = dict(zip(numbers, passages_of(taken), strict=True))
            read_vectors = dict(zip(numbers, copies, strict=True))
            passages.update(read)
            vectors.update(read_vectors)
            self._passages.keep(read)
            self._vectors.keep(read_vectors)
        stacked = np.stack([vectors[row] for row in rows]) if rows else np.empty((0, self.dimension), np.float32)
        return tuple(passages[row] for row in rows), stacked

    async def nearest(self, vector: FloatArray, *, where: str | None, limit: int) -> tuple[list[int], FloatArray]:
        """Row numbers and cosines of the embedded passages nearest to a vector, best first; for a small table."""
        matrix = await self._every_vector()
        among: NDArray[np.uint64] | None = None
        if where:
            found = await self.selected(where)
            among = np.asarray(found["_rowid"].to_numpy(), dtype=np.uint64)
        return await anyio.to_thread.run_sync(lambda: matrix.nearest(vector, limit=limit, among=among))

    async def _every_vector(self) -> VectorMatrix:
        """Every vector: the first search reads them, and those that come meanwhile wait for it."""
        if not self._matrix:
            async with self._reading:
                if not self._matrix:
                    self._matrix.append(await VectorMatrix.of(self.table, dimension=self.dimension))
        return self._matrix[0]

    async def _take(self, rows: Sequence[int], *, columns: Sequence[str]) -> pa.Table:
        return await self.table.take_row_ids(list(rows)).select(list(columns)).with_row_id().to_arrow()


async def pinned_table(connection: lancedb.AsyncConnection, name: str) -> lancedb.AsyncTable:
    """A table that stays at the version which is the newest one now."""
    table = await connection.open_table(name)
    await table.checkout(int(await table.version()))
    return table
