"""From how many vectors on an approximate index is faster than an exact scan, and what it costs in recall.

The vectors are real embeddings, read from indexes that exist (such as those that benchmarks.quality keeps). Some are
held out as queries. For growing numbers of vectors LanceDB's exact scan is compared with IVF-RQ and refinement, as the
product uses it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import anyio
import lancedb
import numpy as np
import pyarrow as pa
from lancedb.index import IvfRq

from benchmarks.parts.machine import headed, provenance
from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.store.generation import serving
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.tables.passage_table import PassageTable

QUERIES = 100
DEPTH = 100
"""Neighbours asked for: the length of the list that `query` fuses."""
SETTINGS = ((20, 2), (40, 10), (80, 10))
"""Numbers of partitions probed and refinement factors."""


def main(arguments: Sequence[str]) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decisions.dense_index", description=__doc__)
    parser.add_argument("indexes", type=Path, nargs="+", help="folders of indexes, or folders above them")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 25_000, 50_000], help="numbers of vectors")
    options = parser.parse_args(arguments)
    rows = anyio.run(measure, options.indexes, options.sizes)
    print(headed(provenance("benchmarks.decisions.dense_index", arguments), rows))


async def measure(folders: Sequence[Path], sizes: Sequence[int]) -> list[list[str]]:
    """A header and one row for each size and way."""
    rows = [["vectors, way", "p50 ms", "p95 ms", "recall@10", "recall@100", "build s"]]
    vectors = await real_vectors(folders)
    shuffled = vectors[np.random.default_rng(0).permutation(len(vectors))]
    queries, stored = shuffled[:QUERIES], shuffled[QUERIES:]
    for size in [size for size in sizes if size <= len(stored)]:
        with TemporaryDirectory() as folder:
            connection = await lancedb.connect_async(folder)
            column = pa.FixedSizeListArray.from_arrays(pa.array(stored[:size].ravel()), stored.shape[1])
            table = await connection.create_table("vectors", pa.table({"row": np.arange(size), "vector": column}))
            exact, times = await search(table, queries, probes=None, refine=None)
            rows.append([f"{size:,}, exact", *latency(times), "1", "1", "0"])
            started = perf_counter()
            await table.create_index("vector", config=IvfRq(distance_type="cosine"))
            built = perf_counter() - started
            for probes, refine in SETTINGS:
                found, times = await search(table, queries, probes=probes, refine=refine)
                recalls = [f"{overlap(found, exact, depth=depth):.3f}" for depth in (10, DEPTH)]
                way = f"{size:,}, IVF-RQ, {probes} probes, refine {refine}"
                rows.append([way, *latency(times), *recalls, f"{built:.1f}"])
    return rows


async def real_vectors(folders: Sequence[Path]) -> FloatArray:
    """The vectors of every index in the folders without duplicates, [passages, dimension]."""
    parts: list[FloatArray] = []
    for place in sorted({path.parent for folder in folders for path in folder.rglob("collections.lance")}):
        database = await Database.open(str(place))
        generation = await serving(database)
        if generation is not None:
            table = await PassageTable.open(
                database, fingerprint=generation.fingerprint, dimension=generation.dimension
            )
            parts.append(await table.every_vector())
        database.close()
    return np.unique(np.concatenate(parts), axis=0)


async def search(
    table: lancedb.AsyncTable, queries: FloatArray, *, probes: int | None, refine: int | None
) -> tuple[list[list[int]], list[float]]:
    """The rows found for each query, and the milliseconds that each took."""
    found: list[list[int]] = []
    times: list[float] = []
    for query in (queries[0], *queries):
        started = perf_counter()
        request = table.query().nearest_to(query).distance_type("cosine")
        if probes is not None and refine is not None:
            request = request.nprobes(probes).refine_factor(refine)
        rows = await request.select(["row", "_distance"]).limit(DEPTH).to_arrow()
        times.append((perf_counter() - started) * 1e3)
        found.append(rows["row"].to_pylist())
    return found[1:], times[1:]


def overlap(found: list[list[int]], exact: list[list[int]], *, depth: int) -> float:
    """The share of the exact neighbours that were found."""
    return float(np.mean([len({*a[:depth]} & {*b[:depth]}) / depth for a, b in zip(found, exact, strict=True)]))


def latency(times: list[float]) -> list[str]:
    """p50 and p95, as the table has them."""
    return [f"{median(times):.1f}", f"{np.percentile(times, 95):.1f}"]


if __name__ == "__main__":
    main(sys.argv[1:])
