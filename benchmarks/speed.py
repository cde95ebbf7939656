"""How fast a folder is indexed and searched.

Each round indexes the folder into a new temporary index, updates it with nothing changed, and then gives the same
passages to the embedder alone. Indexing and embedding alternate, so that a slow minute of the machine affects both, and
the medians over the rounds are printed. The searches run in the last round's index, warm, one after another, for ten
hits each; their queries are the opening sentences of sampled pages (benchmarks/parts/queries.py). Importing Python
modules is not timed; loading the model is part of indexing.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import anyio
import numpy as np

from benchmarks.parts.machine import headed, positive, provenance
from benchmarks.parts.queries import SUFFIXES, derive_queries
from qmd_mcp.application.engine import Engine, open_engine
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.requests import QueryRequest
from qmd_mcp.errors import QmdError
from qmd_mcp.settings import IndexLocation, Settings, read_settings
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.tables.passage_table import PassageTable

GLOBS = tuple(f"**/*{suffix}" for suffix in SUFFIXES)
WARM_UP = 10
FEWEST_QUERIES = 200
"""With fewer queries the p95 rests on fewer than ten calls."""


@dataclass(slots=True)
class Speed:
    """What the rounds have measured so far."""

    documents: int = 0
    passages: int = 0
    distinct: int = 0
    """Passages with different texts: a text that occurs twice is embedded once."""
    indexing: list[float] = field(default_factory=list[float])
    """Seconds of indexing, one for each round."""
    embedding: list[float] = field(default_factory=list[float])
    """Seconds of the embedder alone over the same passages, one for each round."""
    unchanged: list[float] = field(default_factory=list[float])
    """Seconds of an update with nothing to do, one for each round."""
    peak_mib: float = 0
    """Peak memory of this process until the end of the first indexing."""
    latencies: dict[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    """p50 and p95 of each search in milliseconds, by the search's name."""


def main(arguments: Sequence[str]) -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("folder", type=Path, help="documents to index")
    parser.add_argument("--rounds", type=positive, default=3, metavar="N", help="medians are over N rounds (default 3)")
    parser.add_argument(
        "--queries", type=positive, default=300, metavar="N", help="queries for each search (default 300)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure to FILE")
    options = parser.parse_args(arguments)
    queries = derive_queries(options.folder, count=options.queries)
    if len(queries) < FEWEST_QUERIES:
        parser.error(f"{options.folder} yields {len(queries)} queries; {FEWEST_QUERIES} are needed")
    try:
        speed = anyio.run(measure, options.folder.resolve(), read_settings(), options.rounds, queries)
    except QmdError as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    origin = provenance("benchmarks.speed", arguments)
    print(headed(origin, table(speed, queries=len(queries))))
    if options.json is not None:
        content = {**origin, **{name: getattr(speed, name) for name in Speed.__slots__}}
        options.json.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


async def measure(folder: Path, settings: Settings, rounds: int, queries: Sequence[str]) -> Speed:
    """Measure all rounds, then the searches in the index of the last round."""
    speed = Speed()
    for number in range(1, rounds + 1):
        with TemporaryDirectory(prefix="qmd-mcp-speed-") as index:
            async with open_engine(settings, IndexLocation(f"{index}/index"), create=True) as engine:
                await measure_round(engine, folder, speed)
                print(f"round {number} of {rounds}: {speed}", file=sys.stderr)
                if number == rounds:
                    await measure_searches(engine, queries, speed)
    return speed


async def measure_round(engine: Engine, folder: Path, speed: Speed) -> None:
    """Index the folder, update the index with nothing changed, and embed the same passages alone."""
    start = perf_counter()
    await engine.writing.add_collection(Collection("speed", folder, globs=GLOBS))
    summary = await engine.writing.update()
    speed.indexing.append(perf_counter() - start)
    speed.peak_mib = speed.peak_mib or peak_mib()
    start = perf_counter()
    await engine.writing.update()
    speed.unchanged.append(perf_counter() - start)
    texts = await embedded_texts(engine)
    distinct = list(dict.fromkeys(texts))  # as in indexing: a text that occurs twice is embedded once
    start = perf_counter()
    await embed_alone(engine, distinct)
    speed.embedding.append(perf_counter() - start)
    speed.documents, speed.passages, speed.distinct = summary.added, len(texts), len(distinct)


async def measure_searches(engine: Engine, queries: Sequence[str], speed: Speed) -> None:
    """Ask every search every query, after a few that warm it up."""
    searching = engine.searching
    for name, search in (("search", searching.search), ("vsearch", searching.vsearch), ("query", searching.query)):
        requests = [QueryRequest(query) for query in queries]
        for request in requests[-WARM_UP:]:
            await search(request)
        seconds: list[float] = []
        for request in requests:
            start = perf_counter()
            await search(request)
            seconds.append(perf_counter() - start)
        p50, p95 = np.percentile(seconds, (50, 95)) * 1_000
        speed.latencies[name] = (float(p50), float(p95))


async def embedded_texts(engine: Engine) -> list[str]:
    """The text that the embedder read of every passage in the index, in no particular order."""
    status = await engine.status()
    database = await Database.open(engine.location.uri)
    try:
        passages = await PassageTable.open(database, fingerprint=status.generation, dimension=status.dimension)
        return [passage.embedded_text for passage in await passages.all()]
    finally:
        database.close()


async def embed_alone(engine: Engine, texts: Sequence[str]) -> None:
    """Embed texts with nothing around the embedder but the threads that the product runs it in."""
    await engine.embedder.embed_passages(texts)


def peak_mib() -> float:
    """The largest resident memory of this process so far; Linux reports it in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def table(speed: Speed, *, queries: int) -> list[list[str]]:
    """One row for each figure."""
    indexing, embedding = median(speed.indexing), median(speed.embedding)
    rows = [
        [f"{speed.documents:,} documents, {speed.passages:,} passages", f"median of {len(speed.indexing)}"],
        ["indexing, seconds", f"{indexing:.1f}"],
        ["indexing, passages/s", f"{speed.passages / indexing:.1f}"],
        [f"embedder alone, passages/s ({speed.distinct:,} distinct)", f"{speed.distinct / embedding:.1f}"],
        ["embedder alone / indexing, seconds", f"{embedding / indexing:.2f}"],
        ["peak memory while indexing, MiB", f"{speed.peak_mib:.0f}"],
        ["update with nothing changed, seconds", f"{median(speed.unchanged):.2f}"],
    ]
    for name, (p50, p95) in speed.latencies.items():
        rows.append([f"{name}, p50 / p95 ms over {queries} queries", f"{p50:.1f} / {p95:.1f}"])
    return rows


if __name__ == "__main__":
    main(sys.argv[1:])
