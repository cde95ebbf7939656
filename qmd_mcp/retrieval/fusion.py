"""Combining several rankings into one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from qmd_mcp.lookup import FloatArray
from qmd_mcp.retrieval.evidence import UNRANKED, Evidence
from qmd_mcp.retrieval.features import Features, known_cosines
from qmd_mcp.retrieval.weights import FusionWeights

FusionMethod: TypeAlias = Literal["adaptive", "convex", "rrf"]


@dataclass(frozen=True, slots=True)
class Fusion:
    """How the lists become one."""

    method: FusionMethod
    alpha: float = 0.5
    """Of the convex sum."""
    rrf_k: int = 60
    """Of reciprocal ranks."""
    weights: FusionWeights | None = None
    """Of the adaptive sum; a profile without them has the convex one."""


def combine(
    evidence: Evidence, features: Features, *, fusion: Fusion, embedder: Literal["knows", "guesses"]
) -> FloatArray:
    """[candidates]; higher is better. An embedder that only guesses at the query's script has no say in the order."""
    if embedder == "guesses":
        return words_before_meaning(evidence)
    if fusion.method == "rrf":
        return reciprocal_ranks(evidence, k=fusion.rrf_k)
    if fusion.method == "adaptive" and fusion.weights is not None:
        return fusion.weights.score(features)
    return convex(evidence, alpha=fusion.alpha)


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


def words_before_meaning(evidence: Evidence) -> FloatArray:
    """[candidates]; whatever BM25 found, against its best, and behind it the rest by cosine, below 0."""
    strongest = float(evidence.bm25.max(initial=0.0))
    lexical = evidence.bm25 / strongest if strongest > 0 else evidence.bm25
    found = evidence.lexical_rank != UNRANKED
    return np.where(found, lexical, (known_cosines(evidence) - 1.0) / 2.0).astype(np.float32)  # a cosine is at most 1


def lexical_only(evidence: Evidence) -> FloatArray:
    """[candidates]; BM25 against its best, for queries in a script that the embedder does not know."""
    strongest = float(evidence.bm25.max(initial=0.0))
    return evidence.bm25 / strongest if strongest > 0 else evidence.bm25
