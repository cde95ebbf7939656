"""Whether anything that can be sent breaks the server: no crash, no hang, no trace, no path.

A folder is indexed into a temporary index and served by a process of its own. Inputs are made from a seed: arguments
of every tool over REST and MCP, references in paths, bodies that are no JSON, query syntax, and files with front
matter, markup and bytes of every kind, which are read in this process. An answer fails if it is a 500, takes longer
than five seconds, or holds a trace or the path of the temporary folder.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import quote

import anyio

from benchmarks.machine import headed, positive, provenance
from benchmarks.queries import SUFFIXES
from benchmarks.serving import Connection, Reply, serving
from qmd_mcp.corpus.readers import read
from qmd_mcp.corpus.reference import readings
from qmd_mcp.errors import CallerError
from qmd_mcp.retrieval.syntax import parse

CLIENTS = 4
LONGEST_SECONDS = 5.0
TRACES = (b"because of a fault in the server", b"Traceback", b'File \\"/', b"site-packages")
TOOLS = ("query", "search", "vsearch", "get_document", "get_documents", "status")
NAMES = ("query", "limit", "collections", "min_score", "document", "documents", "from_line", "max_lines", "q", "path")
PIECES = (
    *('"', "-", "-x", '"a b"', "path:", "path:*", "title:", "OR", "NOT", "(", ")", "*", "?", "[", "]", "{", "}", "\\"),
    *(
        "..",
        "/",
        "//",
        "%2e%2e",
        "%00",
        "\0",
        "\n",
        "\r\n",
        "\t",
        "~",
        "#",
        "#a1b2c3",
        ":1:2",
        ":0",
        "qmd://",
        "file://",
    ),
    *("/etc/passwd", "C:\\", "documents/", "failover", "数据库", "é", "e\u0301", "\u202e", "\U000e0041", "\ufeff", "'"),
    *(
        "\ud800",
        "🙂",
        "x" * 300,
        "a.b.c",
        "C++",
        "3.11",
        "ERR_X",
        "1' OR '1'='1",
        "<script>",
        "~~~",
        "---",
        "```",
        "NaN",
    ),
)


def main(arguments: Sequence[str]) -> None:
    """Send, count and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("folder", type=Path, help="documents to index")
    parser.add_argument("--count", type=positive, default=100_000, metavar="N", help="inputs (default 100,000)")
    parser.add_argument("--seed", type=int, default=0, help="of the inputs (default 0)")
    options = parser.parse_args(arguments)
    outcomes: Counter[str] = Counter()
    with serving(options.folder, globs=tuple(f"**/*{suffix}" for suffix in SUFFIXES)) as (url, temporary):
        slowest = anyio.run(send, url, str(temporary).encode(), options.count, options.seed, outcomes)
    rows = [("outcome", "inputs"), *((name, f"{number:,}") for name, number in sorted(outcomes.items()))]
    print(headed(provenance("benchmarks.fuzz", arguments), [*rows, ("slowest", f"{slowest:.2f} s")]))
    if any(name.startswith("FAILED") for name in outcomes):
        sys.exit(1)


async def send(url: str, hidden: bytes, count: int, seed: int, outcomes: Counter[str]) -> float:
    """Every input; the seconds of the slowest."""
    numbers = iter(range(count))
    slowest = 0.0

    async def client() -> None:
        nonlocal slowest
        async with Connection.to(url) as connection:
            for number in numbers:
                chance = random.Random(f"{seed} {number}")  # noqa: S311  inputs, not secrets
                started = perf_counter()
                outcome = await attempt(connection, chance, hidden)
                seconds = perf_counter() - started
                slowest = max(slowest, seconds)
                if seconds > LONGEST_SECONDS:
                    outcome = f"FAILED: {seconds:.1f} s"
                if outcome.startswith("FAILED"):
                    sys.stderr.write(f"input {number} of seed {seed}: {outcome}\n")
                outcomes[outcome] += 1

    async with anyio.create_task_group() as group:
        for _ in range(CLIENTS):
            group.start_soon(client)
    return slowest


async def attempt(connection: Connection, chance: random.Random, hidden: bytes) -> str:
    """One input, and what became of it."""
    kind = chance.choice((rest, rest, mcp, mcp, reference, broken, local))
    if kind is local:
        try:
            local(chance)
        except CallerError:
            return "read here: refused"
        except Exception as error:  # noqa: BLE001  what is looked for
            return f"FAILED: {type(error).__name__}"
        return "read here: taken"
    reply = await kind(connection, chance)
    if reply.status == 500 or any(trace in reply.body for trace in TRACES) or hidden in reply.body:
        sys.stderr.write(f"{kind.__name__}: {reply.body[:200]!r}\n")
        return f"FAILED: {kind.__name__} {reply.status}"
    return f"{kind.__name__}: {reply.status}"


async def rest(connection: Connection, chance: random.Random) -> Reply:
    """Arguments of a search over REST."""
    return await connection.post(f"/{chance.choice(TOOLS[:3])}", arguments_of(chance))


async def mcp(connection: Connection, chance: random.Random) -> Reply:
    """Arguments of a tool over MCP."""
    return await connection.call(chance.choice(TOOLS), arguments_of(chance))


async def reference(connection: Connection, chance: random.Random) -> Reply:
    """A reference in a path, quoted or not."""
    name = text(chance).encode(errors="replace").decode()
    shown = quote(name, safe=chance.choice(("", "/", "/%:")))
    lines = chance.choice(("", "", "?from_line=1", f"?{quote(text(chance).encode(errors='replace'))}=1"))
    return await connection.request("GET", f"/documents/{shown}{lines}")


async def broken(connection: Connection, chance: random.Random) -> Reply:
    """A body that is JSON in parts."""
    body = bytearray(json.dumps(arguments_of(chance)).encode())
    for _ in range(chance.randint(1, 8)):
        body[chance.randrange(len(body))] = chance.randrange(256)
    path = chance.choice(("/query", "/search", "/mcp", "/messages/?session_id=" + "0" * 32))
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    return await connection.request("POST", path, body=bytes(body), headers=headers)


def local(chance: random.Random) -> None:
    """A query, a reference and a file."""
    readings(text(chance))
    name = "a" + chance.choice((".md", ".html", ".txt", ".py", ".rst", ".json", ""))
    parts: list[Callable[[], bytes]] = [
        lambda: text(chance).encode(errors="surrogatepass"),
        lambda: chance.randbytes(chance.randint(0, 40)),
        lambda: chance.choice((b"---\n", b"# ", b"\n\n", b"```\n", b"<h1>", b"</p>", b"title: ", b"- [", b"\xff\xfe")),
        partial(text(chance).encode, "utf-16", "surrogatepass"),
    ]
    read(b"".join(chance.choice(parts)() for _ in range(chance.randint(0, 12))), name)
    parse(text(chance))


def arguments_of(chance: random.Random) -> Any:
    """Mostly what a tool takes, with something wrong in it."""
    if chance.random() < 0.05:
        return value(chance)
    given = {chance.choice(NAMES): value(chance) for _ in range(chance.randint(0, 3))}
    if chance.random() < 0.8:
        given["query"] = text(chance)
    if chance.random() < 0.3:
        given["document"] = text(chance)
    return given


def value(chance: random.Random, depth: int = 0) -> Any:
    """Anything that JSON can hold."""
    match chance.randrange(9 if depth < 3 else 7):
        case 0:
            return None
        case 1:
            return chance.random() < 0.5
        case 2:
            return chance.choice((0, 1, -1, 10, 100, 101, 2**31, 2**63, -(2**70), 10**30))
        case 3:
            return chance.choice((0.0, -0.0, 1.5, 1e308, -1e-308, float("nan"), float("inf")))
        case 7:
            return [value(chance, depth + 1) for _ in range(chance.randint(0, 4))]
        case 8:
            return {text(chance): value(chance, depth + 1) for _ in range(chance.randint(0, 3))}
        case _:
            return text(chance)


def text(chance: random.Random) -> str:
    """Pieces of query syntax, paths and Unicode."""

    def piece() -> str:
        return chance.choice(PIECES) if chance.random() < 0.8 else chr(chance.randrange(0x2FFFF))

    return chance.choice(("", " ")).join(piece() for _ in range(chance.randint(0, 6)))


if __name__ == "__main__":
    main(sys.argv[1:])
