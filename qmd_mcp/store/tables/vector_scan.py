"""Dense retrieval over a large table, which LanceDB scans."""

from __future__ import annotations

import numpy as np

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.store.tables.passage_rows import Snapshot

PROBES = 40
REFINE = 10
"""How many partitions of the IVF-RQ index a look-up reads, and how many candidates for each result it compares by their
full vectors. With 40 and 10 the recall of the exact 100 neighbours among 45,000 real vectors is 1.000, with 20 and 2 it
is .96 (benchmarks/results/speed.md)."""

COMPARED_IN_SCOPE = 3_000
"""Up to so many passages of a scope are all compared in a large table. Of 100,000 passages LanceDB compares 3,000 in
13 ms and 50,000 in 122 ms; the index finds the nearest of either in 14 to 22 ms (benchmarks/results/filters.md)."""


async def scanned(
    newest: Snapshot, vector: FloatArray, *, where: str | None, limit: int
) -> tuple[list[int], FloatArray]:
    """Row numbers and cosines of the nearest passages of a large table, found by LanceDB.

    Within a scope further partitions of the index are read until there are as many passages as wanted.
    """
    request = newest.table.query().nearest_to(vector).distance_type("cosine").refine_factor(REFINE)
    request = request.maximum_nprobes(0 if where else PROBES).minimum_nprobes(PROBES)  # 0: all, if need be
    clause = newest.damage.clause(where)
    few = False if clause is None else int(await newest.table.count_rows(clause)) <= COMPARED_IN_SCOPE
    if few or "vector" in newest.damage.columns:
        request = request.bypass_vector_index()
    if clause is not None:
        request = request.where(clause)
    found = await request.select(["_distance"]).with_row_id().limit(limit).to_arrow()
    return found["_rowid"].to_pylist(), 1.0 - np.asarray(found["_distance"].to_numpy(), dtype=np.float32)
