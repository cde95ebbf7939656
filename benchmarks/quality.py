"""Quality and latency of the three searches on every evaluation set of a folder.

The sets go through the product's own path: files on disk, its indexing, its searches. Indexes are kept in the user's
cache folder, so that only the first run computes embeddings.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from benchmarks.parts.evaluation_sets import chosen_sets
from benchmarks.parts.machine import headed, positive, provenance
from qmd_mcp.application.engine import index_identity, open_engine
from qmd_mcp.corpus.indexing.update_summary import Step
from qmd_mcp.domain.documents import Mode
from qmd_mcp.errors import QmdError
from qmd_mcp.evaluation.datasets import Dataset
from qmd_mcp.evaluation.report import Report
from qmd_mcp.evaluation.runner import evaluate, index_dataset, index_folder, index_of
from qmd_mcp.settings import Settings, read_settings


@dataclass(frozen=True, slots=True)
class Way:
    """One way to search."""

    name: str
    mode: Mode
    settings: Mapping[str, object] = field(default_factory=dict)
    """The settings in which this way differs from those that are in force."""


SEARCHES = (Way("search", "search"), Way("vsearch", "vsearch"), Way("query", "query"))

STAGES = (
    Way("BM25", "search"),
    Way("dense", "vsearch"),
    Way("reciprocal ranks", "query", {"fusion": "rrf"}),
    Way("convex sum", "query", {"fusion": "convex"}),
    Way("trained fusion", "query", {"late_interaction": False}),
    Way("and token by token", "query"),
)
"""`query` as it grew: each way adds one stage to the way before it."""


def main(arguments: Sequence[str]) -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("sets", type=Path, help="a folder of evaluation sets, or one set")
    parser.add_argument("--only", nargs="+", metavar="SET", help="only these sets of the folder")
    parser.add_argument(
        "--queries", type=positive, metavar="N", help="at most N queries a set, chosen by the hash of their ids"
    )
    parser.add_argument("--stages", action="store_true", help="measure what each stage of query adds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure to FILE")
    options = parser.parse_args(arguments)
    datasets = chosen_sets(parser, options)
    try:
        ways = STAGES if options.stages else SEARCHES
        reports = anyio.run(measure_sets, datasets, read_settings(), options.queries, ways)
    except QmdError as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    origin = provenance("benchmarks.quality", arguments)
    print(headed(origin, table(reports, ways)))
    if options.json is not None:
        content = {**origin, "reports": [report.as_json() for report in reports]}
        options.json.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


async def measure_sets(
    datasets: Sequence[Dataset], settings: Settings, sample: int | None, ways: Sequence[Way]
) -> list[Report]:
    """Index each set once and search it in every way; the reports are sorted by set, then by way."""
    reports: list[Report] = []
    for dataset in datasets:
        place = index_folder(dataset, identity=index_identity(settings))
        async with open_engine(settings, index_of(place), create=True) as engine:
            summary = await index_dataset(engine, dataset, folder=place, progress=Watch(dataset.name))
            print(f"{dataset.name}: {summary}", file=sys.stderr)
        for way in ways:
            async with open_engine(settings.model_copy(update=dict(way.settings)), index_of(place)) as engine:
                report = await evaluate(engine, dataset, mode=way.mode, sample=sample)
            print(way.name, json.dumps(report.as_json()), *report.refused, file=sys.stderr)
            reports.append(report)
    return reports


class Watch:
    """A progress callback that reports every tenth of an indexing on stderr."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._said = ""

    def __call__(self, step: Step) -> None:
        """Print the line of this step unless it equals the line before it."""
        tenth = step.done * 10 // step.total if step.total else 0
        line = f"{self._name}: {step.phase} {tenth * 10} %"
        if line != self._said:
            self._said = line
            print(line, file=sys.stderr)


def table(reports: Sequence[Report], ways: Sequence[Way]) -> list[list[str]]:
    """One row for each set: its size and, for each way, nDCG@10, Recall@100 and the median latency."""
    header = ["set", "documents", "queries", *(f"{way.name}: nDCG@10 / R@100 / p50 ms" for way in ways)]
    rows: list[list[str]] = []
    for start in range(0, len(reports), len(ways)):
        of_set = reports[start : start + len(ways)]
        rows.append([of_set[0].dataset, f"{of_set[0].documents:,}", f"{of_set[0].quality.queries:,}"])
        rows[-1] += [
            f"{each.quality.ndcg_at_10:.3f} / {each.quality.recall_at_100:.3f} / {each.p50_ms:.1f}" for each in of_set
        ]
    return [header, *rows]


if __name__ == "__main__":
    main(sys.argv[1:])
