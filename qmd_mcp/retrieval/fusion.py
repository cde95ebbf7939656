"""Combining several rankings into one."""

from __future__ import annotations

import numpy as np

from qmd_mcp.lookup import FloatArray
from qmd_mcp.retrieval.evidence import UNRANKED, Evidence


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


def lexical_only(evidence: Evidence) -> FloatArray:
    """[candidates]; BM25 against its best, for queries in a script that the embedder does not know."""
    return convex(evidence, alpha=0.0)
