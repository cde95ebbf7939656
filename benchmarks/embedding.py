"""Threads and batches of the embedder: passages per second, and how long a single query takes.

The ways alternate within each round and medians are printed, so that a slow minute of the machine affects them all.
The texts are the beginnings of the documents of evaluation sets.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import onnxruntime as ort

from benchmarks.parts.evaluation_sets import read_sets
from benchmarks.parts.machine import headed, positive, provenance
from qmd_mcp.inference.embedding.embedder import Embedder
from qmd_mcp.inference.loading import user_catalogue
from qmd_mcp.inference.runtime.placement import RECORDING, read_placement
from qmd_mcp.inference.runtime.session import PlacedSession, cores

CHARACTERS = 900
"""Length of a text: about one passage."""

BATCHES = (4, 8, 16, 32)
TEXTS = 256
QUERIES = 40
TOGETHER = (1, 2, 4, 8)
"""Numbers of queries, of several callers, in one forward pass."""

LINES = (
    "how do we restore the database when the primary data centre is lost",
    "what to do to bring the database back after the main data centre fails",
    "recovering a database whose primary site is gone",
    "If the primary data centre is lost, promote the standby in the second region and point the applications at it.",
)
"""A question, two other wordings of it and a sentence that answers it: what an expansion embeds."""

LINES_ROUNDS = 50
"""Rounds in which the ways to embed these texts alternate."""


def main(arguments: Sequence[str]) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.embedding", description=__doc__)
    parser.add_argument("sets", type=Path, nargs="+", help="evaluation sets")
    parser.add_argument("--rounds", type=positive, default=3)
    options = parser.parse_args(arguments)
    datasets = read_sets(parser, options.sets)
    embedders = {
        f"one forward of {cores()} threads": (embedder(cores(), spinning=False), 1),
        f"{cores()} forwards of one thread": (embedder(1, spinning=False), cores()),
        f"one forward of {cores()} threads, spinning": (embedder(cores(), spinning=True), 1),
    }
    table = [["passages/s", *(f"batch {batch}" for batch in BATCHES), "query, ms"]]
    for dataset in datasets:
        texts = [document.text[:CHARACTERS] for document in dataset.documents[:TEXTS]]
        queries = [query.text for query in dataset.queries[:QUERIES]]
        rates: dict[tuple[str, int], list[float]] = {}
        latencies: dict[str, list[float]] = {}
        for _ in range(options.rounds):
            for way, (model, at_once) in embedders.items():
                for batch in BATCHES:
                    rates.setdefault((way, batch), []).append(rate(model, texts, batch=batch, at_once=at_once))
                latencies.setdefault(way, []).extend(milliseconds(model, queries))
        for way in embedders:
            figures = [f"{median(rates[way, batch]):.1f}" for batch in BATCHES]
            table.append([f"{dataset.name}, {way}", *figures, f"{median(latencies[way]):.1f}"])
    print(headed(provenance("benchmarks.embedding", arguments), table))
    model = embedder(1, spinning=False)
    for dataset in datasets:
        queries = [query.text for query in dataset.queries[:TEXTS]]
        rounds = [[cpu_ms(model, queries, together=size) for size in TOGETHER] for _ in range(options.rounds)]
        each = ", ".join(f"{median(times):.2f}" for times in zip(*rounds, strict=True))
        print(f"\n{dataset.name}: CPU ms for each query in forwards of {', '.join(map(str, TOGETHER))}: {each}")
    ways = {"a call each": apart, "one forward": as_one, f"one call, {cores()} forwards": shared}
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(LINES_ROUNDS):
        for way, embed in ways.items():
            started = perf_counter()
            embed(model)
            times[way].append((perf_counter() - started) * 1e3)
    listed = ", ".join(f"{way} {median(each):.1f}" for way, each in times.items())
    print(f"\nA question and its {len(LINES) - 1} vec and hyde lines, ms: {listed}")


def apart(model: Embedder) -> None:
    """Embed each text in a call of its own, as many at once as there are cores."""
    with ThreadPoolExecutor(cores()) as workers:
        list(workers.map(model.embed_query, LINES))


def as_one(model: Embedder) -> None:
    """Embed all texts in one forward pass."""
    model.embed_queries(LINES)


def shared(model: Embedder) -> None:
    """Embed the texts as the product's scheduler shares them out over the threads."""
    shares = [[LINES[row] for row in rows] for rows in model.shares(LINES, threads=cores())]
    with ThreadPoolExecutor(cores()) as workers:
        list(workers.map(model.embed_queries, shares))


def embedder(threads: int, *, spinning: bool) -> Embedder:
    """The embedder that ships, in a session with this number of threads."""
    model = user_catalogue().embedder("mini")
    graph = model.manifest.graph_for("cpu")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spinning else "0")
    options.add_session_config_entry(RECORDING, "1")
    path = model.folder / graph.graph
    session = ort.InferenceSession(str(path), sess_options=options, providers=["CPUExecutionProvider"])
    placed = PlacedSession(session, graph, "cpu", read_placement(session))
    return Embedder(model.manifest, folder=model.folder, placed=placed)


def rate(model: Embedder, texts: Sequence[str], *, batch: int, at_once: int) -> float:
    """Passages per second; texts of similar length share a batch, as in the product."""
    ordered = sorted(texts, key=len)
    batches = [ordered[start : start + batch] for start in range(0, len(ordered), batch)]
    started = perf_counter()
    with ThreadPoolExecutor(at_once) as workers:
        list(workers.map(model.embed_batch, batches))
    return len(texts) / (perf_counter() - started)


def milliseconds(model: Embedder, queries: Sequence[str]) -> list[float]:
    """Milliseconds of each query alone."""
    times: list[float] = []
    for query in queries:
        started = perf_counter()
        model.embed_query(query)
        times.append((perf_counter() - started) * 1e3)
    return times


def cpu_ms(model: Embedder, queries: Sequence[str], *, together: int) -> float:
    """CPU milliseconds of a query when so many share a forward pass; other programs on the machine do not count."""
    started = process_time()
    for start in range(0, len(queries), together):
        model.embed_batch(queries[start : start + together])
    return (process_time() - started) / len(queries) * 1e3


if __name__ == "__main__":
    main(sys.argv[1:])
