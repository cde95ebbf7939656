"""What a cross-encoder adds to fusion's order, and whether it notices that the answer is missing.

The cross-encoder reads the best candidates of `query` once; the order is then computed for every weight of its logit.
The reranker is the one that the settings name, QMD_RERANKER=FOLDER. The indexes are those that benchmarks.quality
keeps; missing ones are made.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import numpy as np

from benchmarks.parts.evaluation_sets import chosen_sets
from benchmarks.parts.evidence import ProductRanking, evidence_of, product_ranking
from benchmarks.parts.machine import headed, positive, provenance
from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.evaluation.corpus_files import document_ids
from qmd_mcp.evaluation.datasets import Dataset, JudgedQuery
from qmd_mcp.evaluation.evidence_source import EvidenceSource, without
from qmd_mcp.evaluation.metrics import best_of_each, measure
from qmd_mcp.evaluation.reliability import area_under_curve, calibration_error, reliability
from qmd_mcp.inference.loading import make_reranker, open_model, session_factory, user_catalogue
from qmd_mcp.inference.reranking.reranker import Reranker
from qmd_mcp.inference.runtime.session import cores
from qmd_mcp.retrieval.answering.verdict import answerable
from qmd_mcp.retrieval.candidates.evidence import Evidence
from qmd_mcp.retrieval.query.syntax import ParsedQuery, parse
from qmd_mcp.retrieval.ranking.rerank_blend import probabilities, reranked
from qmd_mcp.settings import Settings, read_settings

WORDS = (0.0, 0.125, 0.25, 0.5, 1.0, 2.0, 30.0)
"""Weights of the logit; the first is fusion alone, the last nearly the cross-encoder alone."""

FIRST = 4
"""How many of the best candidates are read to tell whether there is an answer at all."""


@dataclass(frozen=True, slots=True)
class Read:
    """The best candidates of a query as the cross-encoder has read them, in fusion's order."""

    relevance: FloatArray
    """[read]; fusion's probabilities."""
    logits: FloatArray
    """[read]; the cross-encoder's."""
    documents: tuple[str, ...]
    """The document of every candidate, best first; those that were read come first."""
    answerable: float
    """The probability of an answer that the verdict finds without a reranker."""

    def ranked(self, word: float) -> tuple[FloatArray, tuple[str, ...]]:
        """Probabilities of the passages that were read, and all documents, ordered by this weight of the logit."""
        odds = reranked(self.relevance, self.logits, word=word)
        order = np.argsort(-odds, kind="stable")
        first = tuple(self.documents[place] for place in order)
        return probabilities(odds)[order], (*first, *self.documents[len(first) :])


def main(arguments: Sequence[str]) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reranking", description=__doc__)
    parser.add_argument("sets", type=Path, help="a folder of evaluation sets, or one set")
    parser.add_argument("--only", nargs="+", metavar="SET", help="only these sets of the folder")
    parser.add_argument("--queries", type=positive, default=150, metavar="N", help="at most N queries a set")
    parser.add_argument("--read", type=positive, default=20, metavar="N", help="passages read (default 20)")
    options = parser.parse_args(arguments)
    settings = read_settings()
    model = user_catalogue().reranker(settings.reranker, providers=["cpu"])
    if model is None:
        parser.error("the settings name no reranker: set QMD_RERANKER to the folder of one")
    reranker = make_reranker(model, open_model(model, session_factory(settings), threads=cores()))
    datasets = chosen_sets(parser, options)
    rows = anyio.run(measure_sets, datasets, settings, reranker, options.queries, options.read)
    header = ["set", "ms", *(f"nDCG@10, ECE@1: word {word:g}" for word in WORDS), "deleted AUC: verdict", "logit"]
    print(headed(provenance("benchmarks.reranking", arguments), [header, *rows]))


async def measure_sets(
    datasets: Sequence[Dataset], settings: Settings, reranker: Reranker, count: int, read: int
) -> list[list[str]]:
    """One row for each set."""
    ranking = product_ranking(settings)
    rows: list[list[str]] = []
    for dataset in datasets:
        async with evidence_of(dataset, settings, ranking=ranking) as source:
            rows.append([dataset.name, *await measure_set(source, dataset, ranking, reranker, count=count, read=read)])
        print(*rows[-1], file=sys.stderr)
    return rows


async def measure_set(
    source: EvidenceSource, dataset: Dataset, ranking: ProductRanking, reranker: Reranker, *, count: int, read: int
) -> list[str]:
    """Measure every weight on one set, then the same queries without the documents that answer them."""
    ids = document_ids(dataset)
    asked: list[JudgedQuery] = []
    own: list[Read] = []
    deleted: list[Read] = []
    seconds: list[float] = []
    for query in dataset.sample(count):
        parsed = parse(query.text)
        evidence = await source.of(parsed)
        left = without(evidence, {path for path, name in ids.items() if name in query.grades})
        if not len(left):  # nothing is left to read
            continue
        asked.append(query)
        since = time.perf_counter()
        own.append(reading(evidence, parsed, ranking, reranker, ids=ids, most=read))
        seconds.append(time.perf_counter() - since)
        deleted.append(reading(left, parsed, ranking, reranker, ids=ids, most=FIRST))
    cells = [f"{np.median(seconds) * 1_000:.0f}"]
    grades = {query.query_id: query.grades for query in asked}
    for word in WORDS:
        ranked = [each.ranked(word) for each in own]
        orders = {query.query_id: best_of_each(order) for query, (_, order) in zip(asked, ranked, strict=True)}
        firsts = [(likely[0], order[0] in query.grades) for query, (likely, order) in zip(asked, ranked, strict=True)]
        predicted, relevant = (np.array(column) for column in zip(*firsts, strict=True))
        error = calibration_error(reliability(predicted, relevant))
        cells.append(f"{measure(orders, grades).ndcg_at_10:.4f}, {error:.3f}")
    verdicts = ([each.answerable for each in kind] for kind in (own, deleted))
    logits = ([float(each.logits[:FIRST].max()) for each in kind] for kind in (own, deleted))
    for values in (verdicts, logits):
        answered, unanswered = (np.array(each) for each in values)
        cells.append(f"{area_under_curve(answered, unanswered):.3f}")
    return cells


def reading(
    evidence: Evidence,
    query: ParsedQuery,
    ranking: ProductRanking,
    reranker: Reranker,
    *,
    ids: dict[str, str],
    most: int,
) -> Read:
    """Let the reranker read the best candidates."""
    found = ranking.judged(evidence, query)
    order = np.argsort(-found.fused.scores, kind="stable")
    best = order[:most]
    said = reranker.score(query.text, [evidence.passages[row].embedded_text for row in best])
    return Read(
        relevance=found.relevance[best],
        logits=said.logits,
        documents=tuple(ids[evidence.passages[row].path] for row in order),
        answerable=answerable(found.signs, first=int(order[0]), weights=found.weights.verdict),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
