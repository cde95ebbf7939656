"""Exact dense retrieval over the vectors of one version of a small table, which are all in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lancedb
import numpy as np
from numpy.typing import NDArray

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.store.lance.schema import vectors_of


@dataclass(frozen=True, slots=True)
class VectorMatrix:
    """The vectors of all embedded passages, in one array that all searches share.

    A scan by LanceDB would read the whole column of vectors for each query. For 10,000 passages this is 17 MB, so that
    a hundred queries at the same time held 2.3 GB, and it takes 8.5 ms where this product takes 2.5 ms
    (benchmarks/results/serving.md).
    """

    rows: NDArray[np.uint64]
    """[embedded passages]; the row number of each in the table, ascending."""
    vectors: FloatArray
    """[embedded passages, dimension]; each has unit length."""

    @classmethod
    async def of(cls, table: lancedb.AsyncTable, *, dimension: int) -> VectorMatrix:
        """Read the vectors of a table that stays at one version."""
        read = await table.query().where("vector IS NOT NULL").select(["vector"]).with_row_id().to_arrow()
        rows = np.asarray(read["_rowid"].to_numpy(), dtype=np.uint64)
        order = np.argsort(rows)
        return cls(rows[order], vectors_of(read, dimension=dimension)[order])

    def nearest(
        self, vector: FloatArray, *, limit: int, among: NDArray[np.uint64] | None = None
    ) -> tuple[list[int], FloatArray]:
        """Row numbers and cosines of the vectors nearest to a vector, best first.

        Vectors with equal cosines are in the order of their rows. If `among` is given, only these row numbers may be
        found.
        """
        cosines: FloatArray = self.vectors @ vector
        if among is not None:
            cosines = np.where(np.isin(self.rows, among), cosines, -np.inf)
        count = min(limit, int(np.isfinite(cosines).sum()))
        if not count:
            return [], np.empty(0, dtype=np.float32)
        last = cosines[np.argpartition(-cosines, count - 1)[count - 1]]
        best = np.flatnonzero(cosines >= last)  # these are more than `count` if several equal the last
        best = best[np.lexsort((self.rows[best], -cosines[best]))][:count]
        found: list[int] = self.rows[best].tolist()
        return found, cosines[best]

    def of_rows(self, rows: Sequence[int]) -> FloatArray:
        """The vectors with these row numbers, [rows, dimension]; NaN for a passage that is not embedded yet."""
        wanted = np.array(rows, dtype=np.uint64)
        vectors = np.full((len(rows), self.vectors.shape[1]), np.nan, dtype=np.float32)
        places = np.searchsorted(self.rows, wanted)
        known = places < len(self.rows)
        known[known] = self.rows[places[known]] == wanted[known]
        vectors[known] = self.vectors[places[known]]
        return vectors
