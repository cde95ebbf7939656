"""Combining several rankings of the candidates into one."""

from __future__ import annotations

import numpy as np

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.retrieval.candidates.evidence import UNRANKED, Evidence
from qmd_mcp.retrieval.ranking.features import Features
from qmd_mcp.retrieval.ranking.trained_weights import FusionWeights


def adaptive(evidence: Evidence, features: Features, *, weights: FusionWeights) -> FloatArray:
    """[candidates], from 0 to 1; a weighted sum of features, whose trained weights depend on the query.

    It reads more than the scores of the lists: which of the query's rare terms a passage has, how near each other they
    stand, and what the best passages look like. Its nDCG@10 in the mean over four sets that were not trained on is .663
    (benchmarks/results/quality.md).
    """
    if not len(evidence):
        return np.zeros(0, dtype=np.float32)
    scores = weights.score(features)
    least, best = float(scores.min()), float(scores.max())
    return (scores - least) / (best - least) if best > least else np.ones_like(scores)


def convex(evidence: Evidence, *, alpha: float) -> FloatArray:
    """[candidates]; alpha times the normalised cosine plus (1 - alpha) times the normalised BM25 score.

    The cosine is normalised to 1 for the first passage of the dense list and 0 for its last, BM25 to 1 for its best
    passage and 0 for one that it did not find. A convex combination keeps how far apart the scores are,
    which ranks do not tell (Bruch, Gai and Ingber, TOIS 2023, section 4). Its nDCG@10 in the mean over four sets is
    .649, where that of reciprocal ranks is .625 (benchmarks/results/quality.md).
    """
    ranked = evidence.cosine[evidence.dense_rank != UNRANKED]
    known = ~np.isnan(evidence.cosine)
    dense = np.zeros(len(evidence), dtype=np.float32)
    if len(ranked):
        best, last = float(np.nanmax(ranked)), float(np.nanmin(ranked))
        span = best - last if best > last else 1.0
        dense[known] = (evidence.cosine[known] - last) / span if best > last else 1.0
    strongest = float(evidence.bm25.max(initial=0.0))
    lexical = evidence.bm25 / strongest if strongest > 0 else evidence.bm25
    return (alpha * dense + (1.0 - alpha) * lexical).astype(np.float32)


def reciprocal_ranks(evidence: Evidence, *, k: int) -> FloatArray:
    """[candidates]; the sum over both lists of 1 / (k + rank), where the first rank is 1.

    Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion", SIGIR 2009.
    """
    scores = np.zeros(len(evidence), dtype=np.float32)
    for ranks in (evidence.lexical_rank, evidence.dense_rank):
        found = ranks != UNRANKED
        scores[found] += 1.0 / (k + ranks[found] + 1)
    return scores


def lexical_first(evidence: Evidence) -> FloatArray:
    """[candidates]; first what BM25 found, by its score, then what only dense retrieval found, by its cosine.

    BM25 scores are divided by the best, so that they run from 1 to just above 0; the others run from 0 downwards.

    This is for queries in a script that the embedder does not know. On xquad-zh2en (Chinese questions, English
    passages) nearly all that there is to find is found by dense retrieval only; on Chinese passages BM25 finds so much
    that the passages behind its own do not matter.
    """
    scores = convex(evidence, alpha=0.0)
    unmatched = evidence.bm25 <= 0
    scores[unmatched] = convex(evidence, alpha=1.0)[unmatched] - 1.0
    return scores


SUPPORTED = 0.1
"""What full support by the sub-queries' lists adds to a score, as a share of the best fused score. The number is not
measured, since no expander ships that it could be measured with; the cap in `supported` holds whatever it is."""


def supported(scores: FloatArray, evidence: Evidence) -> FloatArray:
    """[candidates]; the scores, where candidates that the sub-queries found are raised.

    A candidate that is not in both of the query's own lists stays below every candidate that is in both and had a
    higher score before. In qmd a single list of an expansion can outrank what is first in both original lists.
    """
    strongest = float(evidence.support.max(initial=0.0))
    if strongest <= 0:
        return scores
    lifted = scores + SUPPORTED * float(scores.max(initial=0.0)) * evidence.support / strongest
    agreed = (evidence.lexical_rank != UNRANKED) & (evidence.dense_rank != UNRANKED)
    order = np.argsort(-scores, kind="stable")
    ceiling = np.inf
    for row in order:
        if agreed[row]:
            ceiling = min(ceiling, float(lifted[row]))
        else:
            lifted[row] = min(lifted[row], np.nextafter(np.float32(ceiling), np.float32(-np.inf)))
    return lifted.astype(np.float32)
