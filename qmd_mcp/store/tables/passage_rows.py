"""One version of a generation's passages, with what searches have read of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio
import anyio.to_thread
import lancedb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.store.lance.schema import PASSAGE_COLUMNS, passages_of, vectors_of
from qmd_mcp.store.tables.vector_matrix import VectorMatrix

Row = TypeVar("Row")

KEPT_BYTES = 32 * 2**20
"""Of passages, and again of the vectors of a large table: some 30,000 passages of 400 letters. Reading 20 rows takes as
much of the processor as finding them, 100 rows with their vectors one and a half times as much (benchmarks)."""

PASSAGE_BYTES = 550
"""What Python takes for a passage beside its text (tracemalloc): its fields, the docid, path and title."""

LETTER_BYTES = 2
"""Of a text outside of Latin-1."""


@dataclass(slots=True)
class RowReads:
    """How many rows were there already, and how many were read, over every version."""

    hits: int = 0
    misses: int = 0

    def count(self, *, hits: int, misses: int) -> None:
        """Add."""
        self.hits += hits
        self.misses += misses


@dataclass(slots=True)
class Kept(Generic[Row]):
    """Rows up to a number of bytes; what was read longest ago goes first."""

    size_of: Callable[[Row], int]
    limit: int = KEPT_BYTES
    size: int = 0
    _rows: dict[int, Row] = field(default_factory=dict[int, Row])

    def known(self, numbers: Iterable[int]) -> dict[int, Row]:
        """Those that are kept."""
        return {number: self._rows[number] for number in numbers if number in self._rows}

    def keep(self, read: Mapping[int, Row]) -> None:
        """Add rows, and forget others for them."""
        for number, row in read.items():
            if number not in self._rows:
                self._rows[number] = row
                self.size += self.size_of(row)
        while self.size > self.limit and self._rows:
            self.size -= self.size_of(self._rows.pop(next(iter(self._rows))))


def passage_bytes(passage: Passage) -> int:
    """About what a passage takes in memory."""
    width = 1 if passage.text.isascii() else LETTER_BYTES
    return PASSAGE_BYTES + width * len(passage.text)


def vector_bytes(vector: FloatArray) -> int:
    """What a vector takes in memory."""
    return int(vector.nbytes)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A table as it was at one version; a row number means the same row for ever."""

    table: lancedb.AsyncTable
    version: int
    dimension: int
    reads: RowReads
    small: bool
    """Whether every vector fits into memory."""
    _passages: Kept[Passage] = field(default_factory=lambda: Kept(passage_bytes))
    _vectors: Kept[FloatArray] = field(default_factory=lambda: Kept(vector_bytes))
    _matrix: list[VectorMatrix] = field(default_factory=list[VectorMatrix])
    _reading: anyio.Lock = field(default_factory=anyio.Lock)

    @classmethod
    async def of(
        cls,
        connection: lancedb.AsyncConnection,
        name: str,
        *,
        version: int,
        dimension: int,
        reads: RowReads,
        most_in_memory: int,
    ) -> Snapshot:
        """Open a version of a table."""
        table = await connection.open_table(name)
        await table.checkout(version)
        return cls(table, version, dimension, reads, small=await table.count_rows() <= most_in_memory)

    async def passages(self, rows: Sequence[int]) -> tuple[Passage, ...]:
        """Rows by their numbers."""
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
        """Rows by their numbers, and their vectors [rows, dimension]; NaN where there is none yet."""
        if self.small:
            matrix = await self._every_vector()
            return await self.passages(rows), matrix.of_rows(rows)
        passages, vectors = self._passages.known(rows), self._vectors.known(rows)
        missing = [row for row in rows if row not in passages or row not in vectors]
        self.reads.count(hits=len(rows) - len(missing), misses=len(missing))
        if missing:
            taken = await self._take(missing, columns=(*PASSAGE_COLUMNS, "vector"))
            numbers = taken["_rowid"].to_pylist()
            copies = (vector.copy() for vector in vectors_of(taken, dimension=self.dimension))  # not a view of all
            read, read_vectors = (
                dict(zip(numbers, passages_of(taken), strict=True)),
                dict(zip(numbers, copies, strict=True)),
            )
            passages.update(read)
            vectors.update(read_vectors)
            self._passages.keep(read)
            self._vectors.keep(read_vectors)
        stacked = np.stack([vectors[row] for row in rows]) if rows else np.empty((0, self.dimension), np.float32)
        return tuple(passages[row] for row in rows), stacked

    async def nearest(self, vector: FloatArray, *, where: str | None, limit: int) -> tuple[list[int], FloatArray]:
        """Row numbers and cosines of the nearest embedded passages of a small table, best first."""
        matrix = await self._every_vector()
        among: NDArray[np.uint64] | None = None
        if where:
            found = await self.table.query().where(where).select([]).with_row_id().to_arrow()
            among = np.asarray(found["_rowid"].to_numpy(), dtype=np.uint64)
        return await anyio.to_thread.run_sync(lambda: matrix.nearest(vector, limit=limit, among=among))

    async def _every_vector(self) -> VectorMatrix:
        """Read when first asked for; the others wait."""
        if not self._matrix:
            async with self._reading:
                if not self._matrix:
                    self._matrix.append(await VectorMatrix.of(self.table, dimension=self.dimension))
        return self._matrix[0]

    async def _take(self, rows: Sequence[int], *, columns: Sequence[str]) -> pa.Table:
        return await self.table.take_row_ids(list(rows)).select(list(columns)).with_row_id().to_arrow()
