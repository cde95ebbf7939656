"""Whether any input makes the server crash, hang, or show a stack trace or a path of the machine.

A folder is indexed into a temporary index and served by a process of its own. Inputs are made from a seed, so that
each can be made again. Sent over HTTP are arguments of every tool over REST and MCP, other methods of MCP, references
in paths, and bodies that are not JSON. Read in this process, by the code that the server reads them with, are query
syntax, Markdown and other markup, front matter, encodings, and path strings. An input fails if its answer is a 500,
takes longer than five seconds, or contains a stack trace or the path of the temporary folder, or if it raises an error
that is not meant for the caller.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import quote

import anyio

from benchmarks.fuzz.pieces import ENCODINGS, FILES, MARKS, MARKUP, PIECES, YAML
from benchmarks.parts.machine import headed, positive, provenance
from benchmarks.parts.queries import SUFFIXES
from benchmarks.parts.serving import Connection, Reply, serving
from qmd_mcp.application.engine import DEFAULT_PROFILE
from qmd_mcp.corpus.chunking.chunker import Chunker
from qmd_mcp.corpus.library.reference import readings
from qmd_mcp.corpus.library.section import section_of
from qmd_mcp.corpus.readers.formats import read
from qmd_mcp.corpus.readers.source_text import SourceText
from qmd_mcp.corpus.scanning.collection_checks import check_globs, check_name
from qmd_mcp.corpus.scanning.globs import GlobMatcher, compile_globs, expand_globs
from qmd_mcp.errors import QmdError
from qmd_mcp.inference.loading import user_catalogue
from qmd_mcp.inference.runtime.tokenizer import read_tokenizer
from qmd_mcp.retrieval.query.syntax import parse
from qmd_mcp.retrieval.showing.snippet import snippet
from qmd_mcp.retrieval.showing.text_matches import Sought
from qmd_mcp.store.lance.sql import in_scope

CLIENTS = 8
LONGEST_SECONDS = 5.0
TRACES = (b"because of a fault in the server", b"Traceback", b'File \\"/', b"site-packages")
TOOLS = ("query", "search", "vsearch", "get_document", "get_documents", "status")
METHODS = (
    *("resources/read", "resources/list", "resources/templates/list", "prompts/list", "prompts/get", "tools/list"),
    *("completion/complete", "server/discover", "ping", "initialize", "logging/setLevel", "tasks/get", "no/such"),
)
NAMES = (
    *("query", "limit", "collections", "tags", "after", "before", "sort", "min_score"),
    *("document", "documents", "from_line", "max_lines", "q", "path"),
)


def main(arguments: Sequence[str]) -> None:
    """Send the inputs, count the outcomes and print them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("folder", type=Path, help="documents to index")
    parser.add_argument("--count", type=positive, default=100_000, metavar="N", help="inputs (default 100,000)")
    parser.add_argument("--seed", type=int, default=0, help="what the inputs are made from (default 0)")
    options = parser.parse_args(arguments)
    outcomes: Counter[str] = Counter()
    with serving(options.folder, globs=tuple(f"**/*{suffix}" for suffix in SUFFIXES)) as (url, index, _):
        slowest = anyio.run(send, url, str(index.parent).encode(), options.count, options.seed, outcomes)
    rows = [("outcome", "inputs"), *((name, f"{number:,}") for name, number in sorted(outcomes.items()))]
    print(headed(provenance("benchmarks.fuzz", arguments), [*rows, ("slowest", f"{slowest:.2f} s")]))
    if any(name.startswith("FAILED") for name in outcomes):
        sys.exit(1)


async def send(url: str, hidden: bytes, count: int, seed: int, outcomes: Counter[str]) -> float:
    """Try every input and count the outcomes; returns the seconds of the slowest."""
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
                    outcome = f"FAILED: {seconds:.1f} s, {outcome}"
                if outcome.startswith("FAILED"):
                    sys.stderr.write(f"input {number} of seed {seed}: {outcome}\n")
                outcomes[outcome] += 1

    async with Connection.to(url) as connection:
        for tool in TOOLS[:3]:
            await connection.post(f"/{tool}", {"query": "warm"})  # opens the index and loads the model
    async with anyio.create_task_group() as group:
        for _ in range(CLIENTS):
            group.start_soon(client)
    return slowest


async def attempt(connection: Connection, chance: random.Random, hidden: bytes) -> str:
    """Try one input and name its outcome."""
    kind = chance.choice(KINDS)
    if kind in LOCAL:
        return _read_here(LOCAL[kind], chance, kind)
    reply = await REMOTE[kind](connection, chance)
    if reply.status == 500 or any(trace in reply.body for trace in TRACES) or hidden in reply.body:
        sys.stderr.write(f"{kind}: {reply.body[:200]!r}\n")
        return f"FAILED: {kind} {reply.status}"
    return f"{kind}: {reply.status}"


def _read_here(work: Callable[[random.Random], None], chance: random.Random, kind: str) -> str:
    faulthandler.dump_traceback_later(LONGEST_SECONDS, exit=True)  # an input that hangs would hang this program
    try:
        work(chance)
    except QmdError:
        return f"{kind}: refused"
    except Exception as error:  # noqa: BLE001  any error here is a finding
        return f"FAILED: {kind} {type(error).__name__}: {error}"
    finally:
        faulthandler.cancel_dump_traceback_later()
    return f"{kind}: taken"


async def rest(connection: Connection, chance: random.Random) -> Reply:
    """Send made arguments of a search over REST."""
    return await connection.post(f"/{chance.choice(TOOLS[:3])}", arguments_of(chance))


async def mcp(connection: Connection, chance: random.Random) -> Reply:
    """Send made arguments of a tool over MCP."""
    return await connection.call(chance.choice(TOOLS), arguments_of(chance))


async def protocol(connection: Connection, chance: random.Random) -> Reply:
    """Send another method of MCP."""
    params: Any = {name: value(chance) for name in ("uri", "name", "arguments", "cursor", "level")}
    params |= {
        "ref": {
            "type": chance.choice(("ref/resource", "ref/prompt", text(chance))),
            "uri": "qmd://{+path}",
            "name": text(chance),
        },
        "argument": {"name": chance.choice(("path", "question", text(chance))), "value": text(chance)},
    }
    if chance.random() < 0.6:
        params |= {"uri": f"qmd://{text(chance)}", "name": "search_guide", "arguments": {"question": text(chance)}}
    given = {name: params[name] for name in params if chance.random() < 0.8}
    return await connection.ask(chance.choice(METHODS), given)


async def reference(connection: Connection, chance: random.Random) -> Reply:
    """Ask for a document by a made reference in the path, quoted or not."""
    name = text(chance).encode(errors="replace").decode()
    shown = quote(name, safe=chance.choice(("", "/", "/%:")))
    lines = chance.choice(("", "", "?from_line=1", f"?{quote(text(chance).encode(errors='replace'))}=1"))
    return await connection.request("GET", f"/documents/{shown}{lines}")


async def broken(connection: Connection, chance: random.Random) -> Reply:
    """Send JSON with some of its bytes replaced."""
    body = bytearray(json.dumps(arguments_of(chance)).encode())
    for _ in range(chance.randint(1, 8)):
        body[chance.randrange(len(body))] = chance.randrange(256)
    path = chance.choice(("/query", "/search", "/mcp", "/messages/?session_id=" + "0" * 32))
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    return await connection.request("POST", path, body=bytes(body), headers=headers)


def syntax(chance: random.Random) -> None:
    """Parse a made query and cut a snippet for it."""
    parsed = parse(text(chance))
    in_scope(parsed.filters)
    snippet(joined(MARKUP, chance), Sought.of(parsed.lexical))


def markup(chance: random.Random) -> None:
    """Read a made page of any kind."""
    _indexed(joined(MARKUP, chance).encode(errors="ignore"), chance.choice(FILES), heading=text(chance))


def front_matter(chance: random.Random) -> None:
    """Read a page that begins with something like YAML or TOML."""
    fence = chance.choice(("---\n", "+++\n", "---\r\n", "\ufeff---\n"))
    end = chance.choice((fence, "...\n", ""))
    page = f"{fence}{joined(YAML, chance)}\n{end}{joined(MARKUP, chance)}"
    _indexed(page.encode(errors="surrogatepass"), chance.choice(FILES[:3]))


def encodings(chance: random.Random) -> None:
    """Read bytes that are text in one encoding, in several, or in none."""
    parts: list[Callable[[], bytes]] = [
        lambda: text(chance).encode(chance.choice(ENCODINGS), errors="ignore"),
        lambda: joined(MARKUP, chance).encode(chance.choice(ENCODINGS), errors="replace"),
        lambda: chance.randbytes(chance.randint(0, 40)),
        lambda: text(chance).encode(errors="surrogatepass"),
    ]
    data = b"".join(chance.choice(parts)() for _ in range(chance.randint(0, 4)))
    _indexed(chance.choice(MARKS) + data, chance.choice(FILES))


def paths(chance: random.Random) -> None:
    """Parse made references, globs and names of collections."""
    readings(text(chance))
    work: list[Callable[[], object]] = [
        lambda: compile_globs(expand_globs((text(chance), text(chance)))),
        lambda: check_globs((text(chance),)),
        lambda: check_name(text(chance)),
    ]
    globs = chance.choice(work)()
    if isinstance(globs, GlobMatcher):
        globs.matches(text(chance))


def _indexed(data: bytes, name: str, *, heading: str = "a#b") -> None:
    source = read(data, name)
    if isinstance(source, SourceText):
        section_of(source, heading)
        for passage in CHUNKER.passages(source, docid="0" * 64, collection="c", path=name):
            passage.text.encode()
            passage.embedded_text.encode()


REMOTE: dict[str, Callable[[Connection, random.Random], Awaitable[Reply]]] = {
    "REST arguments": rest,
    "tool arguments": mcp,
    "MCP methods": protocol,
    "references": reference,
    "broken bodies": broken,
}
LOCAL: dict[str, Callable[[random.Random], None]] = {
    "query syntax": syntax,
    "markup": markup,
    "front matter": front_matter,
    "encodings": encodings,
    "path strings": paths,
}
KINDS = (*REMOTE, *LOCAL)
CHUNKER = Chunker(read_tokenizer(user_catalogue().embedder(DEFAULT_PROFILE).folder))


def arguments_of(chance: random.Random) -> Any:
    """Arguments like those that a tool takes, mostly with something wrong in them."""
    if chance.random() < 0.05:
        return value(chance)
    given = {chance.choice(NAMES): value(chance) for _ in range(chance.randint(0, 3) if chance.random() < 0.3 else 0)}
    if chance.random() < 0.8:
        given["query"] = text(chance)
    if chance.random() < 0.15:
        given = {"document": text(chance)}
    if chance.random() < 0.1:
        given = {"documents": [text(chance) for _ in range(chance.randint(0, 4))]}
    return given


def value(chance: random.Random, depth: int = 0) -> Any:
    """A value of any kind that JSON can hold."""
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
    """A text of pieces of query syntax, paths and Unicode."""
    return joined(PIECES, chance)


def joined(pieces: Sequence[str], chance: random.Random) -> str:
    """A text of some of the pieces and of characters from every plane, with or without blanks between them."""

    def piece() -> str:
        return chance.choice(pieces) if chance.random() < 0.8 else chr(chance.randrange(0x2FFFF))

    return chance.choice(("", " ")).join(piece() for _ in range(chance.randint(0, 6)))


if __name__ == "__main__":
    main(sys.argv[1:])
