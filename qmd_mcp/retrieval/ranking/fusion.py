"""Combining several rankings into one."""

from __future__ import annotations

import numpy as np

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.retrieval.candidates.evidence import UNRANKED, Evidence
from qmd_mcp.retrieval.ranking.features import Features
from qmd_mcp.retrieval.ranking.trained_weights import FusionWeights


def adaptive(evidence: Evidence, features: Features, *, weights: FusionWeights) -> FloatArray:
    """[candidates], from 0 to 1; the trained sum of features, whose shares move with the query.

    Reads more than the lists' scores: which of the query's rare terms a passage has and how near each other, and what
    the best passages look like. nDCG@10 in the mean over four sets that it has not seen: .663 (benchmarks/README.md).
    """
    if not len(evidence):
        return np.zeros(0, dtype=np.float32)
    scores = weights.score(features)
    least, best = float(scores.min()), float(scores.max())
    return (scores - least) / (best - least) if best > least else np.ones_like(scores)


def convex(evidence: Evidence, *, alpha: float) -> FloatArray:
    """[candidates]; alpha parts of normalised cosine and the rest of normalised BM25.

    The cosine runs from 0 at the last of the dense list to 1 at its first, BM25 from 0 to 1 at its best. Convex
    combination keeps how far apart scores are, which ranks forget (Bruch, Gai and Ingber, TOIS 2023, section 4);
    here it has .649 nDCG@10 in the mean over four sets where RRF has .625 (benchmarks/README.md).
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
    """[candidates]; the sum of 1 / (k + rank) over the lists (Cormack, Clarke and Büttcher, SIGIR 2009)."""
    scores = np.zeros(len(evidence), dtype=np.float32)
    for ranks in (evidence.lexical_rank, evidence.dense_rank):
        found = ranks != UNRANKED
        scores[found] += 1.0 / (k + ranks[found] + 1)
    return scores


def lexical_first(evidence: Evidence) -> FloatArray:
    """[candidates]; BM25 against its best, from 1 to above 0, and behind it by cosine what only dense retrieval found.

    For queries in a script that the embedder does not know: on xquad-zh2en (Chinese questions, English passages) the
    dense tail is nearly all there is to find, on Chinese passages BM25 leaves no room for it.
    """
    scores = convex(evidence, alpha=0.0)
    unmatched = evidence.bm25 <= 0
    scores[unmatched] = convex(evidence, alpha=1.0)[unmatched] - 1.0
    return scores


SUPPORTED = 0.1
"""Share of the best fused score that full support of the sub-queries' lists adds. Unmeasured: no expander that ships
is at hand to measure it on; the cap in `supported` holds whatever it is."""


def supported(scores: FloatArray, evidence: Evidence) -> FloatArray:
    """[candidates]; lift what the sub-queries found too, never above agreement of the query's own two lists.

    In qmd a single list of an expansion can outrank what both original lists have first. Here a candidate that is
    not in both lists stays below every candidate that is and that stood above it before.
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
