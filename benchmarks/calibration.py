"""Whether relevance is a true probability, and whether the verdict tells answerable queries from unanswerable ones.

Every set is asked its own queries, those of other sets (foreign), and its own again with the documents that answer
them removed (deleted). The indexes are those that benchmarks.quality keeps; missing ones are made.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import numpy as np

from benchmarks.parts.evaluation_sets import chosen_sets
from benchmarks.parts.evidence import ProductRanking, evidence_of, product_ranking
from benchmarks.parts.machine import headed, positive, provenance
from qmd_mcp.domain.text.scripts import script_of
from qmd_mcp.evaluation.corpus_files import document_ids
from qmd_mcp.evaluation.datasets import Dataset
from qmd_mcp.evaluation.evidence_source import without
from qmd_mcp.evaluation.reliability import (
    area_under_curve,
    brier_skill,
    calibration_error,
    chance_error,
    reliability,
)
from qmd_mcp.retrieval.answering.judge import verdict
from qmd_mcp.retrieval.answering.particulars import has_every_term
from qmd_mcp.retrieval.answering.verdict import answerable
from qmd_mcp.retrieval.candidates.evidence import Evidence
from qmd_mcp.retrieval.query.syntax import ParsedQuery, parse
from qmd_mcp.retrieval.ranking.ranked_candidates import RankedCandidates
from qmd_mcp.settings import Settings, read_settings

SHOWN = 10
"""Hits of an answer whose relevance is compared with the judgements."""

FALSE_ALARMS = 0.05
"""Share of a set's own queries that a threshold of that set may call unanswerable."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The answer to one query, beside the judgements."""

    relevance: np.ndarray
    """[hits]; the probabilities that the product gives."""
    relevant: np.ndarray
    """[hits]; whether the hit is judged relevant."""
    answerable: float
    """The probability that the index holds an answer, from which the verdict follows."""
    none: bool
    """Whether the verdict is `none`."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The answers of one set's index to its own queries, to foreign ones, and to its own without their documents."""

    name: str
    own: list[Judged]
    foreign: list[Judged]
    deleted: list[Judged]


def judged(ranking: ProductRanking, evidence: Evidence, query: ParsedQuery, relevant: np.ndarray) -> Judged:
    """The answer that `query` gives without a reranker; `relevant` is [candidates]."""
    found = ranking.judged(evidence, query)
    order = np.argsort(-found.fused.scores, kind="stable")[:SHOWN]
    first = int(order[0]) if len(order) else None
    shown = np.ones(len(evidence), dtype=bool)
    ranked = RankedCandidates.of(found.fused.scores, relevance=found.relevance, shown=shown)
    said, likely = verdict(found, ranked, contained=has_every_term(found, ranked), unsure=False)
    sure = 0.0 if first is None else answerable(found.signs, first=first, weights=found.weights.verdict)
    return Judged(likely[order], relevant[order], sure, said == "none")


def main(arguments: Sequence[str]) -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument("sets", type=Path, help="a folder of evaluation sets, or one set")
    parser.add_argument("--only", nargs="+", metavar="SET", help="only these sets of the folder")
    parser.add_argument("--queries", type=positive, default=500, metavar="N", help="at most N own queries a set")
    parser.add_argument("--foreign", type=positive, default=200, metavar="N", help="at most N foreign queries a set")
    options = parser.parse_args(arguments)
    datasets = chosen_sets(parser, options)
    asked = anyio.run(ask_sets, datasets, read_settings(), options.queries, options.foreign)
    origin = provenance("benchmarks.calibration", arguments)
    print(headed(origin, table(asked)))
    for name, title in (("first", "First hits"), ("shown", "The first ten hits")):
        print(f"\n{title}, all sets together\n")
        print("\n".join(f"| {' | '.join(row)} |" for row in pooled(asked, hits=name)))


async def ask_sets(datasets: list[Dataset], settings: Settings, count: int, foreign: int) -> list[Asked]:
    """Ask every set in turn; foreign queries are those of the other sets whose queries are in the same script."""
    ranking = product_ranking(settings)
    scripts = {dataset.name: script_of(" ".join(q.text for q in dataset.queries[:20])) for dataset in datasets}
    asked: list[Asked] = []
    for dataset in datasets:
        others = [o for o in datasets if o.name != dataset.name and scripts[o.name] == scripts[dataset.name]]
        async with evidence_of(dataset, settings, ranking=ranking) as source:
            ids = document_ids(dataset)
            answers = Asked(dataset.name, [], [], [])
            for query in dataset.sample(count):
                asked_for = parse(query.text)
                evidence = await source.of(asked_for)
                relevant = np.array([ids[p.path] in query.grades for p in evidence.passages], dtype=bool)
                answers.own.append(judged(ranking, evidence, asked_for, relevant))
                left = without(evidence, {path for path, name in ids.items() if name in query.grades})
                answers.deleted.append(judged(ranking, left, asked_for, np.zeros(len(left), dtype=bool)))
            for other in others:
                for query in other.sample(max(1, foreign // len(others))):
                    asked_for = parse(query.text)
                    evidence = await source.of(asked_for)
                    answers.foreign.append(judged(ranking, evidence, asked_for, np.zeros(len(evidence), dtype=bool)))
        print(dataset.name, file=sys.stderr)
        asked.append(answers)
    return asked


def table(asked: Sequence[Asked]) -> list[list[str]]:
    """One row for each set: calibration of the first hit and of ten, and how well the verdict tells queries apart."""
    header = ["set", "queries", "ECE@1 (chance)", "ECE@10 (chance)", "skill@1", "skill@10", "foreign AUC"]
    header += ["none at 5 % false alarms", "none of foreign", "none of own", "deleted AUC"]
    rows = [header]
    for each in asked:
        first, shown = _outcomes([each], hits="first"), _outcomes([each], hits="shown")
        own = np.array([answer.answerable for answer in each.own])
        row = [each.name, f"{len(each.own):,}"]
        row += [error(*outcome) for outcome in (first, shown)]
        row += [f"{brier_skill(*outcome):.2f}" for outcome in (first, shown)]
        if each.foreign:
            foreign = np.array([answer.answerable for answer in each.foreign])
            caught = float((foreign < np.quantile(own, FALSE_ALARMS)).mean())
            row += [f"{area_under_curve(own, foreign):.3f}", f"{caught:.2f}"]
            row += [f"{np.mean([answer.none for answer in each.foreign]):.2f}"]
        else:
            row += ["", "", ""]
        deleted = np.array([answer.answerable for answer in each.deleted])
        row += [f"{np.mean([answer.none for answer in each.own]):.2f}", f"{area_under_curve(own, deleted):.3f}"]
        rows.append(row)
    return rows


def pooled(asked: Sequence[Asked], *, hits: str) -> list[list[str]]:
    """The reliability table over all sets together; the last row has its calibration error and skill."""
    outcomes = _outcomes(asked, hits=hits)
    bins = reliability(*outcomes)
    rows = [["hits", "predicted", "relevant"], ["---", "---:", "---:"]]
    rows += [[f"{each.count:,}", f"{each.predicted:.3f}", f"{each.observed:.3f}"] for each in bins]
    return [*rows, ["ECE (chance), skill", error(*outcomes), f"{brier_skill(*outcomes):.2f}"]]


def error(probabilities: np.ndarray, outcomes: np.ndarray) -> str:
    """The calibration error, and in brackets the error that a perfect forecast would show by chance."""
    return f"{calibration_error(reliability(probabilities, outcomes)):.3f} ({chance_error(probabilities):.3f})"


def _outcomes(asked: Sequence[Asked], *, hits: str) -> tuple[np.ndarray, np.ndarray]:
    depth = 1 if hits == "first" else SHOWN
    answers = [answer for each in asked for answer in each.own]
    return (
        np.concatenate([answer.relevance[:depth] for answer in answers]),
        np.concatenate([answer.relevant[:depth] for answer in answers]),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
