"""Whether expansion from the corpus itself would help: pseudo-relevance feedback by words and by meaning.

The first passages of a query's own fusion give weighted terms (the relevance model RM1 of Lavrenko and Croft, SIGIR
2001, times inverse document frequency) that are looked up as one `lex` sub-query, and a vector moved towards them
(Rocchio 1971) that is looked up as one `vec` sub-query. What they find joins the candidates and supports them as the
lines that an expander writes do.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio
import numpy as np

from benchmarks.parts.evaluation_sets import chosen_sets
from benchmarks.parts.evidence import ProductRanking, evidence_of, product_ranking
from benchmarks.parts.machine import headed, positive, provenance
from qmd_mcp.domain.lookup import FloatArray, LexicalQuery, Ranking, Scope
from qmd_mcp.evaluation.corpus_files import document_ids
from qmd_mcp.evaluation.datasets import Dataset
from qmd_mcp.evaluation.evidence_source import EvidenceSource
from qmd_mcp.evaluation.metrics import best_of_each, measure
from qmd_mcp.evaluation.runner import COLLECTION
from qmd_mcp.retrieval.candidates.candidate_retrieval import CANDIDATES, SUPPORT
from qmd_mcp.retrieval.candidates.evidence import Evidence
from qmd_mcp.retrieval.query.syntax import parse
from qmd_mcp.settings import Settings, read_settings

PASSAGES, TERMS, MOVED = 10, 10, 0.5
"""Passages that are fed back, terms that are kept, and the share of the centroid: the usual setting of RM3."""

FREQUENT = 0.2
"""Terms that occur in more than this share of the passages are left out, since they tell nothing apart."""

WAYS: Mapping[str, frozenset[str]] = {
    "no feedback": frozenset(),
    "words": frozenset({"lex"}),
    "meaning": frozenset({"vec"}),
    "both": frozenset({"lex", "vec"}),
}


def main(arguments: Sequence[str]) -> None:
    """Measure every way on every set and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decisions.feedback", description=__doc__)
    parser.add_argument("sets", type=Path, help="a folder of evaluation sets, or one set")
    parser.add_argument("--only", nargs="+", metavar="SET", help="only these sets of the folder")
    parser.add_argument("--queries", type=positive, default=200, metavar="N", help="at most N queries a set")
    options = parser.parse_args(arguments)
    datasets = chosen_sets(parser, options)
    rows = anyio.run(measure_sets, datasets, read_settings(), options.queries)
    header = ["nDCG@10 / Recall@100 of fusion", *WAYS]
    print(headed(provenance("benchmarks.decisions.feedback", arguments), [header, *rows]))


async def measure_sets(datasets: Sequence[Dataset], settings: Settings, count: int) -> list[list[str]]:
    """One row for each set."""
    ranking = product_ranking(settings)
    rows: list[list[str]] = []
    for dataset in datasets:
        async with evidence_of(dataset, settings, ranking=ranking) as source:
            rows.append([dataset.name, *await measure_set(source, dataset, ranking, count)])
    return rows


async def measure_set(source: EvidenceSource, dataset: Dataset, ranking: ProductRanking, count: int) -> list[str]:
    """nDCG@10 and Recall@100 of every way on one set."""
    ids = document_ids(dataset)
    queries = dataset.sample(count)
    rankings: dict[str, dict[str, tuple[str, ...]]] = {way: {} for way in WAYS}
    for query in queries:
        parsed = parse(query.text)
        alone = await source.of(parsed)
        first = np.argsort(-ranking.fused(alone, parsed).scores, kind="stable")[:PASSAGES].tolist()
        vector = (await source.tokens.query_states(parsed.text)).vector
        found = await fed_back(source, alone, first, vector=vector) if first else {}
        for way, kinds in WAYS.items():
            supporting = [ranking for kind, ranking in found.items() if kind in kinds]
            evidence = await source.of(parsed, supporting=supporting)
            order = np.argsort(-ranking.fused(evidence, parsed).scores, kind="stable")[:CANDIDATES]
            rankings[way][query.query_id] = best_of_each(ids[evidence.passages[row].path] for row in order)
    grades = {query.query_id: query.grades for query in queries}
    measured = [measure(rankings[way], grades) for way in WAYS]
    return [f"{each.ndcg_at_10:.3f} / {each.recall_at_100:.3f}" for each in measured]


async def fed_back(
    source: EvidenceSource, evidence: Evidence, first: Sequence[int], *, vector: FloatArray
) -> dict[str, Ranking]:
    """What the terms and the centroid of the first candidates find; `vector` is the query's embedding, [dimension]."""
    scope = Scope(collections=(COLLECTION,))
    words = await terms_of([evidence.passages[row].embedded_text for row in first], source)
    found = {
        "lex": await source.passages.lexical(LexicalQuery(words=words), scope=scope, limit=SUPPORT, vectors="with")
    }
    centroid: FloatArray = np.nan_to_num(evidence.vectors[first]).mean(axis=0)
    moved = (1 - MOVED) * vector + MOVED * centroid / max(float(np.linalg.norm(centroid)), 1e-6)
    nearer = (moved / max(float(np.linalg.norm(moved)), 1e-6)).astype(np.float32)
    return {**found, "vec": await source.passages.dense(nearer, scope=scope, limit=SUPPORT)}


async def terms_of(texts: Sequence[str], source: EvidenceSource) -> tuple[str, ...]:
    """The rare terms with the highest probability under the mean of the texts' language models."""
    likely: defaultdict[str, float] = defaultdict(float)
    for text in texts:
        terms = await source.vocabulary.terms_of(text)
        for term, occurrences in Counter(terms).items():
            likely[term] += occurrences / len(terms) / len(texts)
    frequencies = await source.vocabulary.frequencies(tuple(likely))
    weights = {
        term: share * math.log((source.indexed + 1) / (frequencies[term] + 0.5))
        for term, share in likely.items()
        if frequencies[term] < FREQUENT * source.indexed
    }
    return tuple(sorted(weights, key=weights.__getitem__, reverse=True)[:TERMS])


if __name__ == "__main__":
    main(sys.argv[1:])
