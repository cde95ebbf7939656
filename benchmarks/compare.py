"""How fast this checkout indexes without embedding and searches, beside another checkout of the repository.

Each checkout has a process of its own, and only one of them works at a time. They index the folder in turn, and then
they are asked the same questions in turn, a block each, so that a slow minute of the machine affects both. CPU time,
of all threads together, hardly depends on other work of the machine; of elapsed time, trust the ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.parts.machine import headed, positive, provenance
from benchmarks.parts.queries import derive_queries

WORKER = Path(__file__).parent / "parts" / "compared_checkout.py"
ROOT = Path(__file__).parents[1]
BLOCK = 20
"""Queries that one checkout answers before it is the other's turn."""

WARM_UP = 10


@dataclass(frozen=True, slots=True)
class Checkout:
    """The process of one checkout, and what it has measured."""

    name: str
    process: subprocess.Popen[str]
    indexing: list[dict[str, float]] = field(default_factory=list)
    """Seconds, CPU seconds and passages of each round."""
    search: dict[str, list[float]] = field(default_factory=lambda: {"seconds": [], "processor": []})
    """Seconds and CPU seconds of each query."""

    def do(self, **task: object) -> Any:
        """Have the process do one task, and return its result."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        return self.result()

    def result(self) -> Any:
        """The next result of the process, which has printed its own error if there is none."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"python -m benchmarks.compare: the process of {self.name} has ended")
        return json.loads(line)


def main(arguments: Sequence[str]) -> None:
    """Measure both, print the table, write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("folder", type=Path, help="documents to index")
    parser.add_argument(
        "other", type=Path, help="the root of the other checkout, such as a worktree of an earlier commit"
    )
    parser.add_argument("--rounds", type=positive, default=3, metavar="N", help="times to index (default 3)")
    parser.add_argument("--queries", type=positive, default=300, metavar="N", help="questions (default 300)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure to FILE")
    options = parser.parse_args(arguments)
    if not (options.other / "qmd_mcp" / "__init__.py").is_file():
        parser.error(f"{options.other} has no folder qmd_mcp")
    queries = derive_queries(options.folder, count=options.queries)
    if not queries:
        parser.error(f"{options.folder} has no pages with sentences")
    with ExitStack() as stack:
        other, this = (
            stack.enter_context(checkout(name, root)) for name, root in (("other", options.other), ("this", ROOT))
        )
        measure((other, this), options.folder.resolve(), queries, rounds=options.rounds)
    origin = provenance("benchmarks.compare", arguments)
    print(headed(origin, table(other, this)))
    if options.json is not None:
        figures = {each.name: {"indexing": each.indexing, "search": each.search} for each in (other, this)}
        options.json.write_text(json.dumps({**origin, **figures}, indent=2) + "\n", encoding="utf-8")


@contextmanager
def checkout(name: str, root: Path) -> Iterator[Checkout]:
    """Start the process of a checkout; it ends when its input does."""
    environment = {**os.environ, "PYTHONPATH": str(root.resolve())}
    command = (sys.executable, str(WORKER))
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        started = Checkout(name, process)
        package = Path(started.result()["package"])
        if package.parent != root.resolve():
            sys.exit(f"python -m benchmarks.compare: qmd_mcp of {root} was asked for and {package} was imported")
        yield started
        assert process.stdin is not None
        process.stdin.close()


def measure(both: Sequence[Checkout], folder: Path, queries: Sequence[str], *, rounds: int) -> None:
    """Index with both in turn, then search in the indexes of the last round in turn; who begins alternates."""
    for number in range(rounds):
        for each in in_turn(both, number):
            each.indexing.append(each.do(index=str(folder), round=number))
            print(f"round {number + 1} of {rounds}, {each.name}: {each.indexing[-1]}", file=sys.stderr)
    for each in both:
        each.do(search=queries[:WARM_UP])
    for number, start in enumerate(range(0, len(queries), BLOCK)):
        for each in in_turn(both, number):
            found = each.do(search=queries[start : start + BLOCK])
            for measured in each.search:
                each.search[measured] += found[measured]


def in_turn(both: Sequence[Checkout], number: int) -> Sequence[Checkout]:
    """Both checkouts; every second time the other one begins."""
    return both if number % 2 == 0 else both[::-1]


def table(other: Checkout, this: Checkout) -> list[list[str]]:
    """A row for each measure: the medians of both and their ratio."""
    rows = [["median", "other", "this", "ratio"]]
    passages = [f"{each.indexing[-1]['passages']:,.0f}" for each in (other, this)]
    rows.append(["passages", *passages, ""])
    for measured, label in (("seconds", "elapsed"), ("processor", "CPU")):
        ours, theirs = (median(each[measured] for each in one.indexing) for one in (this, other))
        row = [f"indexing without embedding, {label}", f"{theirs:.2f} s", f"{ours:.2f} s"]
        rows.append([*row, f"{ours / theirs:.2f}"])
    for measured, label in (("seconds", "elapsed"), ("processor", "CPU")):
        ours, theirs = (median(one.search[measured]) * 1e3 for one in (this, other))
        rows.append([f"`search`, {label}", f"{theirs:.2f} ms", f"{ours:.2f} ms", f"{ours / theirs:.2f}"])
    return rows


if __name__ == "__main__":
    main(sys.argv[1:])
