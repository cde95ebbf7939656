"""One version of a generation's passages, with the rows that searches have read of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

import lancedb
import numpy as np
import pyarrow as pa

from qmd_mcp.documents import Passage
from qmd_mcp.lookup import FloatArray
from qmd_mcp.store.schema import PASSAGE_COLUMNS, passages_of, vectors_of

Row = TypeVar("Row")

KEPT_ROWS = 8_192
"""Passages kept, with their vectors: some 30 MB. Reading 20 rows takes as much of the processor as finding them, 100
rows with their vectors one and a half times as much (benchmarks)."""


@dataclass(slots=True)
class RowReads:
    """How many rows were there already, and how many were read, over every version."""

    hits: int = 0
    misses: int = 0

    def count(self, *, hits: int, misses: int) -> None:
        """Add."""
        self.hits += hits
        self.misses += misses


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A table as it was at one version; a row number means the same row for ever."""

    table: lancedb.AsyncTable
    version: int
    dimension: int
    reads: RowReads
    _passages: dict[int, Passage] = field(default_factory=dict)
    _vectors: dict[int, FloatArray] = field(default_factory=dict)

    @classmethod
    async def of(
        cls, connection: lancedb.AsyncConnection, name: str, *, version: int, dimension: int, reads: RowReads
    ) -> Snapshot:
        """Open a version of a table."""
        table = await connection.open_table(name)
        await table.checkout(version)
        return cls(table, version, dimension, reads)

    async def passages(self, rows: Sequence[int]) -> tuple[Passage, ...]:
        """Rows by their numbers."""
        known = {row: self._passages[row] for row in rows if row in self._passages}
        missing = [row for row in rows if row not in known]
        self.reads.count(hits=len(known), misses=len(missing))
        if missing:
            taken = await self._take(missing, columns=PASSAGE_COLUMNS)
            read = dict(zip(taken["_rowid"].to_pylist(), passages_of(taken), strict=True))
            known.update(read)
            _keep(self._passages, read)
        return tuple(known[row] for row in rows)

    async def with_vectors(self, rows: Sequence[int]) -> tuple[tuple[Passage, ...], FloatArray]:
        """Rows by their numbers, and their vectors [rows, dimension]; NaN where there is none yet."""
        known = {row: self._vectors[row] for row in rows if row in self._vectors}
        missing = [row for row in rows if row not in known]
        if missing:
            taken = await self._take(missing, columns=(*PASSAGE_COLUMNS, "vector"))
            numbers = taken["_rowid"].to_pylist()
            read = dict(zip(numbers, vectors_of(taken, dimension=self.dimension), strict=True))
            known.update(read)
            _keep(self._vectors, read)
            _keep(self._passages, dict(zip(numbers, passages_of(taken), strict=True)))
        vectors = np.stack([known[row] for row in rows]) if rows else np.empty((0, self.dimension), np.float32)
        return await self.passages(rows), vectors

    async def _take(self, rows: Sequence[int], *, columns: Sequence[str]) -> pa.Table:
        return await self.table.take_row_ids(list(rows)).select(list(columns)).with_row_id().to_arrow()


def _keep(kept: dict[int, Row], read: Mapping[int, Row]) -> None:
    """Add, and forget what was read longest ago."""
    kept.update(read)
    for row in list(islice(kept, max(0, len(kept) - KEPT_ROWS))):
        del kept[row]
