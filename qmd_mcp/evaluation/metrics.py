"""Measures of a ranking against judgements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log2

import numpy as np

RESAMPLES = 2_000
"""Resamples; Efron and Tibshirani (An Introduction to the Bootstrap, 1993, section 13.3) ask for 1,000 or more."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over the queries that have at least one relevant document."""

    queries: int
    ndcg_at_10: float
    ndcg_at_10_interval: tuple[float, float]
    """The interval that contains 95 % of the bootstrap's means."""
    recall_at_10: float
    recall_at_100: float
    mrr_at_10: float


def best_of_each(document_ids: Iterable[str]) -> tuple[str, ...]:
    """Rank documents by their best passage: `document_ids` names the document of each passage, best first."""
    return tuple(dict.fromkeys(document_ids))


def ndcg(ranking: Sequence[str], grades: Mapping[str, int], *, depth: int) -> float:
    """Normalised discounted cumulative gain of a ranking that names each document once.

    Gains are linear: a document gains its grade, as in `ndcg_cut` of trec_eval 9 (m_ndcg_cut.c: "Gain values are
    the relevance values in the qrels file"), which BEIR reports too, and not 2**grade - 1 (Burges et al., ICML
    2005). Rank i is discounted by log2(i + 1), as there, after Järvelin and Kekäläinen (ACM TOIS 20, 2002).
    """
    ideal = _dcg(sorted(grades.values(), reverse=True)[:depth])
    return _dcg([grades.get(document_id, 0) for document_id in ranking[:depth]]) / ideal if ideal else 0.0


def recall(ranking: Sequence[str], grades: Mapping[str, int], *, depth: int) -> float:
    """The share of the relevant documents that are among the first `depth` (trec_eval's `recall`)."""
    relevant = {document_id for document_id, grade in grades.items() if grade > 0}
    return len(relevant.intersection(ranking[:depth])) / len(relevant) if relevant else 0.0


def reciprocal_rank(ranking: Sequence[str], grades: Mapping[str, int], *, depth: int) -> float:
    """1 / rank of the first relevant document, or 0 if none is among the first `depth` (MS MARCO's MRR@10)."""
    for rank, document_id in enumerate(ranking[:depth], start=1):
        if grades.get(document_id, 0) > 0:
            return 1 / rank
    return 0.0


def bootstrap_interval(values: Sequence[float], *, seed: int = 0) -> tuple[float, float]:
    """The 95 % percentile interval of the mean, by resampling the queries (Sakai, SIGIR 2006)."""
    sample = np.asarray(values, dtype=np.float64)  # [queries]
    generator = np.random.default_rng(seed)
    means = [generator.choice(sample, size=sample.size).mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def measure(rankings: Mapping[str, Sequence[str]], judgements: Mapping[str, Mapping[str, int]]) -> Quality:
    """Measure the ranking of every query; a query without a ranking counts as having found nothing.

    Args:
        rankings: for each query the documents it found, best first, each once.
        judgements: for each query the grades of documents; queries without a grade above 0 are left out.

    Raises:
        ValueError: no query has a relevant document.
    """
    judged = [
        (rankings.get(query_id, ()), grades)
        for query_id, grades in judgements.items()
        if any(grade > 0 for grade in grades.values())
    ]
    if not judged:
        sentence = "No query has a relevant document."
        raise ValueError(sentence)
    gains = [ndcg(ranking, grades, depth=10) for ranking, grades in judged]
    return Quality(
        queries=len(judged),
        ndcg_at_10=_mean(gains),
        ndcg_at_10_interval=bootstrap_interval(gains),
        recall_at_10=_mean([recall(ranking, grades, depth=10) for ranking, grades in judged]),
        recall_at_100=_mean([recall(ranking, grades, depth=100) for ranking, grades in judged]),
        mrr_at_10=_mean([reciprocal_rank(ranking, grades, depth=10) for ranking, grades in judged]),
    )


def _dcg(gains: Sequence[int]) -> float:
    """Discounted cumulative gain, ranks from 1; grades of 0 and below gain nothing."""
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(gains, start=1) if gain > 0)


def _mean(values: Sequence[float]) -> float:
    """The mean of at least one value."""
    return sum(values) / len(values)
