"""What a filter by tag or date costs in each search of a large index.

The documents are made of the paragraphs of a folder, with tags and dates of which known shares of them have each. They
are files, which the product indexes without embedding; the vectors are random, around as many centres as a small
library has topics, since a look-up takes as long with these. Every question is asked without a filter and with each of
them, one after another and beginning with another one each time, so that a slow minute of the machine affects all.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import anyio
import numpy as np

from benchmarks.parts.machine import headed, positive, provenance
from benchmarks.parts.queries import derive_queries
from benchmarks.parts.tagged_documents import SECTIONS, Filter, filters, paragraphs_of, write_documents
from qmd_mcp.application.engine import Engine, open_engine
from qmd_mcp.domain.documents import Collection, Mode
from qmd_mcp.domain.requests import QueryRequest
from qmd_mcp.domain.searches import search_of
from qmd_mcp.errors import QmdError
from qmd_mcp.settings import IndexLocation, Settings, read_settings
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.tables.passage_table import PassageTable

MODES: tuple[Mode, ...] = ("search", "vsearch", "query")
CENTRES = 256
NOISE = 0.7
"""Length of the random part of a vector beside its centre, which has length 1: passages of one topic then have a cosine
of about .67, as in real collections."""

BATCH = 5_000
WARM_UP = 5

Seconds = dict[tuple[Mode, Filter], list[float]]


def main(arguments: Sequence[str]) -> None:
    """Make the index unless it is there, measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.filters", description=__doc__)
    parser.add_argument("folder", type=Path, help="pages whose paragraphs the documents are made of")
    parser.add_argument("--passages", type=positive, default=100_000, metavar="N", help="about N (default 100000)")
    parser.add_argument("--queries", type=positive, default=60, metavar="N", help="questions (default 60)")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="keep documents and index there for the next run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure to FILE")
    options = parser.parse_args(arguments)
    paragraphs, queries = paragraphs_of(options.folder), derive_queries(options.folder, count=options.queries)
    if not paragraphs or not queries:
        parser.error(f"{options.folder} has no pages with paragraphs of plain text")
    with TemporaryDirectory(prefix="qmd-mcp-filters-") as temporary:
        work = (options.work or Path(temporary)).resolve()
        try:
            if not (work / "index").exists():
                anyio.run(make_index, work, paragraphs, options.passages, read_settings())
            passages, seconds, found = anyio.run(measure, work, queries, read_settings())
        except QmdError as error:
            parser.exit(1, f"{parser.prog}: {error}\n")
    origin = provenance("benchmarks.filters", arguments)
    print(headed(origin, table(seconds, found, passages=passages)))
    if options.json is not None:
        figures = [
            {"search": mode, "filter": each.operators, "share": each.share, "seconds": times}
            for (mode, each), times in seconds.items()
        ]
        options.json.write_text(json.dumps({**origin, "passages": passages, "figures": figures}, indent=2) + "\n")


async def make_index(work: Path, paragraphs: Sequence[str], passages: int, settings: Settings) -> None:
    """Write the documents, index them without embedding, and give every passage a vector."""
    documents, location = work / "documents", IndexLocation(str(work / "index"))
    await anyio.to_thread.run_sync(lambda: write_documents(documents, paragraphs, count=passages // SECTIONS))
    async with open_engine(settings, location, create=True) as engine:
        await engine.writing.add_collection(Collection("filters", documents, globs=("**/*.md",)))
        print(await engine.writing.update(embed=False), file=sys.stderr)
        generation = await engine.status()
    database = await Database.open(location.uri)
    try:
        table = await PassageTable.open(database, fingerprint=generation.generation, dimension=generation.dimension)
        await fill_vectors(table)
    finally:
        database.close()


async def fill_vectors(table: PassageTable) -> None:
    """Give every passage without a vector a random one of unit length, and index the vectors."""
    random = np.random.default_rng(1)
    centres = unit(random.normal(size=(CENTRES, table.dimension)))
    async for passages in table.without_vector(batch=BATCH):
        noise = unit(random.normal(size=(len(passages), table.dimension)))
        vectors = unit(centres[random.integers(CENTRES, size=len(passages))] + NOISE * noise)
        await table.set_vectors(passages, vectors.astype(np.float32))
    await table.optimize()


def unit(vectors: np.ndarray) -> np.ndarray:
    """The vectors scaled to unit length."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


async def measure(
    work: Path, queries: Sequence[str], settings: Settings
) -> tuple[int, Seconds, Mapping[tuple[Mode, Filter], int]]:
    """The number of passages; for each search and filter the seconds of every question, and the sum of its hits."""
    chosen = filters()
    seconds: Seconds = {(mode, each): [] for mode in MODES for each in chosen}
    found = dict.fromkeys(seconds, 0)
    async with open_engine(settings, IndexLocation(str(work / "index"))) as engine:
        passages = (await engine.status()).passages
        for mode in MODES:
            warm_up = queries[:WARM_UP]
            for number, query in enumerate((*warm_up, *queries)):
                turn = number % len(chosen)
                for each in (*chosen[turn:], *chosen[:turn]):
                    taken, hits = await ask(engine, mode, f"{each.operators} {query}".strip())
                    if number >= len(warm_up):
                        seconds[mode, each].append(taken)
                        found[mode, each] += hits
    return passages, seconds, found


async def ask(engine: Engine, mode: Mode, text: str) -> tuple[float, int]:
    """Seconds of one search, and how many hits it had."""
    request = QueryRequest(text)
    started = perf_counter()
    answer = await search_of(engine.searching, mode)(request)
    return perf_counter() - started, len(answer.hits)


def table(seconds: Seconds, found: Mapping[tuple[Mode, Filter], int], *, passages: int) -> list[list[str]]:
    """A row for each filter: the median of each search, and its ratio to that of the same search without a filter."""
    chosen = list(dict.fromkeys(each for _, each in seconds))
    rows = [[f"{passages:,} passages", "documents", *(f"`{mode}`, p50" for mode in MODES), "hits"]]
    for each in chosen:
        cells: list[str] = []
        for mode in MODES:
            mine, plain = (float(np.median(seconds[mode, one])) for one in (each, chosen[0]))
            cells.append(f"{mine * 1e3:.1f} ms" + ("" if each == chosen[0] else f" ({mine / plain:.2f} ×)"))
        hits = " / ".join(f"{found[mode, each] / len(seconds[mode, each]):.1f}" for mode in MODES)
        name = each.name if each == chosen[0] else f"{each.name}: `{each.operators}`"
        rows.append([name, f"{each.share:.1%}", *cells, hits])
    return rows


if __name__ == "__main__":
    main(sys.argv[1:])
