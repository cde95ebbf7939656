"""How `query` combines its lists and judges what comes of it, as the settings and the profile have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.domain.scripts import script_of
from qmd_mcp.retrieval.answering.relevance import Signs, relevance, signs
from qmd_mcp.retrieval.answering.verdict import Verdict, verdict_of
from qmd_mcp.retrieval.candidates.evidence import Evidence
from qmd_mcp.retrieval.query.syntax import ParsedQuery
from qmd_mcp.retrieval.ranking.features import CANDIDATE_FEATURES, Features, features, with_late
from qmd_mcp.retrieval.ranking.fusion import adaptive, convex, lexical_first, reciprocal_ranks, supported
from qmd_mcp.retrieval.ranking.trained_weights import JudgementWeights, Weights


@dataclass(frozen=True, slots=True)
class Fused:
    """Every candidate's score, and what it was made from."""

    scores: FloatArray
    """[candidates]; higher is better."""
    features: Features | None
    """Null where nothing was trained for this embedder."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Fused candidates, and how likely each is relevant."""

    scores: FloatArray
    """[candidates]; higher is better."""
    features: Features | None
    relevance: FloatArray | None
    """[candidates] probabilities; null where nothing was trained for this embedder."""
    signs: Signs | None
    weights: JudgementWeights | None
    """What turned the signs into probabilities."""


@dataclass(frozen=True, slots=True)
class FusionPolicy:
    """Which combination, with its constants and what it must know of the embedder."""

    method: Literal["adaptive", "convex", "rrf"]
    alpha: float
    rrf_k: int
    embedder: str
    """Its name, for the answer."""
    scripts: tuple[str, ...]
    """Scripts that the embedder knows; empty for all."""
    weights: Weights | None
    """What was trained for the embedder; without it `adaptive` is the convex sum, and nothing is said of relevance."""

    def stranger(self, text: str) -> str | None:
        """Null if the embedder knows the text's script, else why its word counts little."""
        script = script_of(text)
        if not self.scripts or script is None or script in self.scripts:
            return None
        return f"the query is in {script} script, which {self.embedder} does not know"

    def no_late(self, text: str) -> str | None:
        """Null if late interaction has a say in the fusion of this query, else why it has none."""
        if self.weights is None or "late" not in self.weights.fusion.linear:
            return f"nothing was trained for {self.embedder} that would weigh it"
        return self.stranger(text) if self.method == "adaptive" else f"fusion={self.method} does not weigh it"

    def fuse(self, evidence: Evidence, parsed: ParsedQuery, *, before: Fused | None = None) -> Fused:
        """One score for each candidate; `before` is of the same candidates without late interaction, if it is known."""
        if self.weights is None:
            found = None
        elif before is None or before.features is None:
            found = features(evidence, text=parsed.text)
        else:
            found = with_late(before.features, evidence.maxsim)
        return Fused(supported(self._combined(evidence, parsed, found), evidence), found)

    def judge(self, evidence: Evidence, parsed: ParsedQuery, fused: Fused) -> Judged:
        """Weigh what speaks for each candidate."""
        if fused.features is None:
            return Judged(fused.scores, features=None, relevance=None, signs=None, weights=None)
        weighed = signs(evidence, fused.features, fused.scores)
        weights = self._judgement(evidence, parsed)
        likely = relevance(weighed, weights=weights.relevance)
        return Judged(fused.scores, features=fused.features, relevance=likely, signs=weighed, weights=weights)

    @staticmethod
    def verdict(
        judged: Judged, relevances: FloatArray | None, *, first: int | None, quoted: bool = False, read: bool = False
    ) -> tuple[Verdict | None, FloatArray | None]:
        """What the best hit, a row of the candidates, says of the whole answer; null where nothing was trained.

        Relevance was fitted to queries that have an answer; where there most likely is none, it counts only as often as
        there is one after all. Two things are surer than the signs: that the hits have word for word what the query
        quotes (`quoted`), and a cross-encoder that has `read` the first hit and finds it likely.
        """
        if judged.signs is None or judged.weights is None or relevances is None:
            return None, relevances
        weights = judged.weights.verdict
        found = verdict_of(judged.signs, relevances, first=first, weights=weights)
        if found == "none" and first is not None and read and relevances[first] >= weights.good_from:
            found = "good"
        elif found == "none" and quoted:
            found = "weak"
        if found == "none":
            relevances = (relevances * weights.answered_below).astype(np.float32)
        return found, relevances

    def effects(self, judged: Judged, row: int) -> tuple[tuple[str, float], ...]:
        """What each feature adds to one candidate's fused score, the greatest first."""
        if judged.features is None or self.weights is None or self.method != "adaptive":
            return ()
        values = judged.features.candidates[row] * self.weights.fusion.of_query(judged.features.query)
        order = np.argsort(-np.abs(values), kind="stable")
        return tuple(
            (CANDIDATE_FEATURES[column], round(float(values[column]), 3)) for column in order if values[column]
        )

    def _combined(self, evidence: Evidence, parsed: ParsedQuery, found: Features | None) -> FloatArray:
        if self.stranger(parsed.text) is not None:
            return lexical_first(evidence)
        if self.method == "rrf":
            return reciprocal_ranks(evidence, k=self.rrf_k)
        if self.method == "adaptive" and found is not None and self.weights is not None:
            return adaptive(evidence, found, weights=self.weights.fusion)
        return convex(evidence, alpha=self.alpha)

    def _judgement(self, evidence: Evidence, parsed: ParsedQuery) -> JudgementWeights:
        assert self.weights is not None
        if self.stranger(parsed.text) is not None:
            return self.weights.words
        return self.weights.meaning if np.isnan(evidence.maxsim).all() else self.weights.compared
