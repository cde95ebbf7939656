"""What one HTTP server does for many clients at once, and over many requests.

The folder is indexed (`--index` keeps the index for the next run) and served by a process of its own. The clients are
tasks of this process with one connection each, so they share the machine with the server. Queries are the opening
sentences of sampled pages (benchmarks/parts/queries.py). Four measurements follow one another: a burst of `query`
calls at once; `search` by one client and then by many, for the same time each; `query` by many clients, with every
call timed; and a long row of requests of every kind, over REST and MCP, with the server's memory after every tenth.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import perf_counter

import anyio
import numpy as np

from benchmarks.parts.machine import headed, positive, provenance
from benchmarks.parts.queries import SUFFIXES, derive_queries
from benchmarks.parts.serving import Connection, Reply, serving

BURST = 100
CLIENTS = 16
TENTHS = 10
MIB = 2**20
Ask = Callable[[Connection, int], Awaitable[Reply]]


@dataclass(slots=True)
class Load:
    """What has been measured so far."""

    burst_seconds: float = 0
    alone: float = 0
    """Searches per second by one client."""
    together: float = 0
    """Searches per second by all clients together."""
    latencies: list[float] = field(default_factory=list[float])
    """Milliseconds of each timed `query`."""
    requests_per_second: float = 0
    mib: list[float] = field(default_factory=list[float])
    """The server's memory before the burst, after it, after the timed queries and after each tenth of the row."""
    statuses: Counter[int] = field(default_factory=Counter[int])


def main(arguments: Sequence[str]) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("folder", type=Path, help="documents to index")
    parser.add_argument("--requests", type=positive, default=20_000, metavar="N", help="in the row (default 20,000)")
    parser.add_argument("--queries", type=positive, default=1_000, metavar="N", help="timed (default 1,000)")
    parser.add_argument("--seconds", type=positive, default=10, metavar="S", help="of each search run (default 10)")
    parser.add_argument("--index", type=Path, metavar="FOLDER", help="keep the index there (default: a temporary one)")
    options = parser.parse_args(arguments)
    queries = derive_queries(options.folder, count=300)
    globs = tuple(f"**/*{suffix}" for suffix in SUFFIXES)
    with serving(options.folder, globs=globs, index=options.index) as (url, _, _):
        load = anyio.run(measure, url, queries, options.requests, options.queries, options.seconds)
    print(headed(provenance("benchmarks.load", arguments), table(load, requests=options.requests)))
    if set(load.statuses) != {200}:
        sys.exit(f"not every request was answered: {dict(load.statuses)}")


async def measure(url: str, queries: Sequence[str], requests: int, timed: int, seconds: int) -> Load:
    """Run the four measurements in their order."""
    load = Load()

    def asking(path: str) -> Ask:
        return lambda connection, number: connection.post(path, {"query": queries[number % len(queries)]})

    kinds: list[Ask] = [
        asking("/search"),
        asking("/query"),
        asking("/vsearch"),
        lambda connection, number: connection.call("query", {"query": queries[number % len(queries)]}),
        lambda connection, number: connection.call("search", {"query": queries[number % len(queries)], "limit": 50}),
    ]
    await run(url, asking("/query"), clients=1, requests=20, load=load)
    await note_memory(url, load)
    load.burst_seconds, _ = await run(url, asking("/query"), clients=BURST, requests=BURST, load=load)
    await note_memory(url, load)
    done, _ = await search_for(url, asking("/search"), clients=1, seconds=seconds, load=load)
    load.alone = done / seconds
    done, _ = await search_for(url, asking("/search"), clients=CLIENTS, seconds=seconds, load=load)
    load.together = done / seconds
    _, load.latencies = await run(url, asking("/query"), clients=CLIENTS, requests=timed, load=load)
    await note_memory(url, load)

    def mixed(connection: Connection, number: int) -> Awaitable[Reply]:
        return kinds[number % len(kinds)](connection, number)

    spent = 0.0
    for tenth in range(TENTHS):
        part = requests * (tenth + 1) // TENTHS - requests * tenth // TENTHS
        seconds, _ = await run(url, mixed, clients=CLIENTS, requests=part, load=load)
        spent += seconds
        await note_memory(url, load)
    load.requests_per_second = requests / spent
    return load


async def run(url: str, ask: Ask, *, clients: int, requests: int, load: Load) -> tuple[float, list[float]]:
    """Send a number of requests by a number of clients; return the seconds for all and the milliseconds of each."""
    numbers = iter(range(requests))
    latencies: list[float] = []

    async def client() -> None:
        async with Connection.to(url) as connection:
            for number in numbers:
                started = perf_counter()
                reply = await ask(connection, number)
                latencies.append((perf_counter() - started) * 1e3)
                load.statuses[reply.status] += 1

    started = perf_counter()
    async with anyio.create_task_group() as group:
        for _ in range(clients):
            group.start_soon(client)
    return perf_counter() - started, latencies


async def search_for(url: str, ask: Ask, *, clients: int, seconds: float, load: Load) -> tuple[int, float]:
    """Send requests for so many seconds; return how many were answered, and the seconds."""
    numbers = count()
    done = 0
    ends = perf_counter() + seconds

    async def client() -> None:
        nonlocal done
        async with Connection.to(url) as connection:
            while perf_counter() < ends:
                reply = await ask(connection, next(numbers))
                load.statuses[reply.status] += 1
                done += 1

    async with anyio.create_task_group() as group:
        for _ in range(clients):
            group.start_soon(client)
    return done, seconds


async def note_memory(url: str, load: Load) -> None:
    """Record the server's memory, and report progress on stderr."""
    async with Connection.to(url) as connection:
        page = (await connection.request("GET", "/metrics")).body
    found = re.search(rb"^qmd_resident_bytes (\S+)$", page, re.MULTILINE)
    load.mib.append(float(found[1]) / MIB if found else float("nan"))
    sys.stderr.write(f"{load.statuses.total():,} requests answered, {load.mib[-1]:.0f} MiB\n")


def table(load: Load, *, requests: int) -> list[tuple[str, str]]:
    """One row for each figure."""
    p50, p99 = np.percentile(load.latencies, [50, 99])
    before, burst, timed, *tenths = load.mib
    return [
        ("measure", "figure"),
        (f"{BURST} `query` at once, all answered after", f"{load.burst_seconds:.2f} s"),
        ("`search` by 1 client", f"{load.alone:.0f}/s"),
        (f"`search` by {CLIENTS} clients", f"{load.together:.0f}/s ({load.together / load.alone:.2f} ×)"),
        (f"`query` by {CLIENTS} clients, p50", f"{p50:.1f} ms"),
        (f"`query` by {CLIENTS} clients, p99", f"{p99:.1f} ms ({p99 / p50:.1f} ×)"),
        (f"{requests:,} requests in a row", f"{load.requests_per_second:.0f}/s"),
        ("memory before, after the burst, after the timed queries", f"{before:.0f}, {burst:.0f}, {timed:.0f} MiB"),
        ("memory after each tenth of the row", f"{', '.join(f'{mib:.0f}' for mib in tenths)} MiB"),
        ("answered other than 200", f"{sum(load.statuses.values()) - load.statuses[200]}"),
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
