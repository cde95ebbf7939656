"""A process that indexes and searches with whichever checkout PYTHONPATH names, as told line by line.

It is run as a file, not as a module, since the other checkout may not have it, and imports only what every version has.
Each line of standard input is a JSON object with one task; each line of standard output is its result.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import anyio

import qmd_mcp
from qmd_mcp.application.engine import Engine, open_engine
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.requests import QueryRequest
from qmd_mcp.settings import IndexLocation, read_settings


async def answer_tasks() -> None:
    """Say which checkout this is, then do one task after another in an index of its own, until the input ends."""
    reply({"package": str(Path(qmd_mcp.__file__).parent)})
    with TemporaryDirectory(prefix="qmd-mcp-compare-") as place:
        task = await next_task()
        while task and "index" in task:
            location = IndexLocation(f"{place}/{task['round']}")
            async with open_engine(read_settings(), location, create=True) as engine:
                reply(await indexed(engine, Path(task["index"])))
                task = await next_task()
                while task and "search" in task:
                    reply(await searched(engine, task["search"]))
                    task = await next_task()


async def indexed(engine: Engine, folder: Path) -> dict[str, Any]:
    """Index a folder without embedding; importing modules and opening the index are not timed."""
    await engine.writing.add_collection(Collection("compare", folder, globs=("**/*.md", "**/*.txt")))
    started, used = perf_counter(), process_time()
    summary = await engine.writing.update(embed=False)
    return {"seconds": perf_counter() - started, "processor": process_time() - used, "passages": summary.passages}


async def searched(engine: Engine, queries: list[str]) -> dict[str, Any]:
    """Search for each query, ten hits at most."""
    seconds: list[float] = []
    processor: list[float] = []
    for query in queries:
        request = QueryRequest(query)
        started, used = perf_counter(), process_time()
        await engine.searching.search(request)
        seconds.append(perf_counter() - started)
        processor.append(process_time() - used)
    return {"seconds": seconds, "processor": processor}


async def next_task() -> Any:
    """The next task; None at the end of the input."""
    line = await anyio.to_thread.run_sync(sys.stdin.readline)
    return json.loads(line) if line else None


def reply(result: dict[str, Any]) -> None:
    """Print one result."""
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    anyio.run(answer_tasks)
