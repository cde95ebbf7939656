"""How long a client waits for the first answers of a process that has just been started, and what the imports cost.

The folder is indexed into a temporary index. Each round starts `qmd-mcp serve` three times over standard input and
output, as a client would: for a first `search`, for a first `query`, and for a first `search` that is forwarded to an
HTTP server of the same index. Seconds count from the start of the process. The program's files have been read before,
so a disk whose cache is cold comes on top. The cost of imports is what `python -X importtime` reports, summed by
library, in a process that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter

from benchmarks.parts.machine import headed, positive, provenance
from benchmarks.parts.queries import SUFFIXES
from benchmarks.parts.serving import built, serving

INITIALIZE = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "benchmarks", "version": "0"}}
SHOWN = 14
"""Libraries in the table of imports; the others cost next to nothing."""

EVERYTHING = (
    "import qmd_mcp.server.process.stdio_process, qmd_mcp.server.process.served_application, "
    "qmd_mcp.application.engine, fastembed"
)
LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")


def main(arguments: Sequence[str]) -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold", description=__doc__)
    parser.add_argument("folder", type=Path, help="documents to index")
    parser.add_argument("--rounds", type=positive, default=5, metavar="N", help="starts of each kind (default 5)")
    options = parser.parse_args(arguments)
    globs = tuple(f"**/*{suffix}" for suffix in SUFFIXES)
    seconds: dict[str, list[float]] = {}

    def note(times: Mapping[str, float], *, kind: str) -> None:
        for step, value in times.items():
            seconds.setdefault(f"{kind}: {step}", []).append(value)

    with built(options.folder, globs=globs) as (index, environment):
        for _ in range(options.rounds):
            note(started(index, environment, tool="search"), kind="alone")
            note(started(index, environment, tool="query"), kind="alone")
    with serving(options.folder, globs=globs) as (_, index, environment):
        for _ in range(options.rounds):
            note(started(index, environment, tool="search"), kind="forwarded")
    rows = [("seconds from the start of the process", f"median of {options.rounds}", "slowest")]
    rows += [(step, f"{statistics.median(each):.2f}", f"{max(each):.2f}") for step, each in seconds.items()]
    print(headed(provenance("benchmarks.cold", arguments), rows))
    costs = imports()
    shown = [(name, f"{ms:.0f}") for name, ms in costs.most_common(SHOWN)]
    print(
        headed(
            provenance("benchmarks.cold", arguments), [("imports of", "ms"), *shown, ("all", f"{costs.total():.0f}")]
        )
    )


def started(index: Path, environment: Mapping[str, str], *, tool: str) -> dict[str, float]:
    """Start a server, ask it what a client asks first, and return the seconds until each answer."""
    times: dict[str, float] = {}
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "qmd_mcp", "--index", str(index), "serve", "--no-refresh"],
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number, (method, params) in enumerate(
            {
                "initialize": INITIALIZE,
                "tools/list": {},
                "tools/call": {"name": tool, "arguments": {"query": "how do we fail over"}},
            }.items()
        ):
            message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            assert answer["id"] == number, answer
            assert not answer["result"].get("isError"), answer
            times[f"first {tool}" if method == "tools/call" else method] = perf_counter() - began
            if method == "initialize":
                process.stdin.write(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}\n')
        process.stdin.close()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    times[f"{tool}, CPU seconds until the end"] = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    return times


def imports() -> Counter[str]:
    """Milliseconds of each library's own modules."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", EVERYTHING], check=True, capture_output=True, text=True
    )
    costs: Counter[str] = Counter()
    for microseconds, module in LINE.findall(done.stderr):
        library = module.split(".")[0]
        costs[
            "Python's own" if library.lstrip("_") in sys.stdlib_module_names or library.startswith("_") else library
        ] += int(microseconds) / 1e3
    return costs


if __name__ == "__main__":
    main(sys.argv[1:])
