"""The fused score of every candidate, by the method of the settings and the weights trained for the embedder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.retrieval.candidates.evidence import Evidence
from qmd_mcp.retrieval.query.known_scripts import KnownScripts
from qmd_mcp.retrieval.ranking.features import CANDIDATE_FEATURES, Features, features, with_late
from qmd_mcp.retrieval.ranking.fusion import adaptive, convex, lexical_first, reciprocal_ranks, supported
from qmd_mcp.retrieval.ranking.trained_weights import FusionWeights


@dataclass(frozen=True, slots=True)
class Fused:
    """The evidence of one query with a score for every candidate."""

    evidence: Evidence
    scores: FloatArray
    """[candidates]; higher is better."""
    features: Features | None
    """What the scores were made from; None if no weights were trained for this embedder."""
    objection: str | None
    """Why the embedder has little say, in words; None if it knows the query's script."""


@dataclass(frozen=True, slots=True)
class Fuser:
    """Fuses the lists of a query."""

    method: Literal["adaptive", "convex", "rrf"]
    alpha: float
    """The share of the cosine in the convex sum."""
    rrf_k: int
    scripts: KnownScripts
    weights: FusionWeights | None
    """None if none were trained for the embedder; then `adaptive` is the convex sum."""

    def fuse(self, evidence: Evidence, text: str) -> Fused:
        """Give each candidate one score; `text` is the query in words."""
        known = features(evidence, text=text) if self.weights is not None else None
        return self._fused(evidence, known, objection=self.scripts.objection(text))

    def with_late_interaction(self, fused: Fused, evidence: Evidence) -> Fused:
        """The same candidates, fused again now that `evidence.maxsim` is known: only one feature has to be computed."""
        known = with_late(fused.features, evidence.maxsim) if fused.features is not None else None
        return self._fused(evidence, known, objection=fused.objection)

    def ignores_late_interaction(self, fused: Fused) -> str | None:
        """Why late interaction would not change the scores of this query, in words; None if it would."""
        if self.weights is None or "late" not in self.weights.linear:
            return f"nothing was trained for {self.scripts.embedder} that would weigh it"
        return fused.objection if self.method == "adaptive" else f"fusion={self.method} does not weigh it"

    def contributions(self, fused: Fused, row: int) -> tuple[tuple[str, float], ...]:
        """What each feature adds to one candidate's score, the greatest first."""
        if fused.features is None or self.weights is None or self.method != "adaptive":
            return ()
        values = fused.features.candidates[row] * self.weights.of_query(fused.features.query)
        order = np.argsort(-np.abs(values), kind="stable")
        return tuple(
            (CANDIDATE_FEATURES[column], round(float(values[column]), 3)) for column in order if values[column]
        )

    def _fused(self, evidence: Evidence, known: Features | None, *, objection: str | None) -> Fused:
        scores = supported(self._combined(evidence, known, objection=objection), evidence)
        return Fused(evidence, scores, known, objection)

    def _combined(self, evidence: Evidence, known: Features | None, *, objection: str | None) -> FloatArray:
        if objection is not None:
            return lexical_first(evidence)
        if self.method == "rrf":
            return reciprocal_ranks(evidence, k=self.rrf_k)
        if self.method == "adaptive" and known is not None and self.weights is not None:
            return adaptive(evidence, known, weights=self.weights)
        return convex(evidence, alpha=self.alpha)
