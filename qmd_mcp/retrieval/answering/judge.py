"""How likely each candidate is to be relevant, and whether the index holds an answer at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.retrieval.answering.relevance import Signs, relevance, signs
from qmd_mcp.retrieval.answering.verdict import Verdict, verdict_of
from qmd_mcp.retrieval.ranking.fuser import Fused
from qmd_mcp.retrieval.ranking.ranked_candidates import RankedCandidates
from qmd_mcp.retrieval.ranking.trained_weights import JudgementWeights, Weights


@dataclass(frozen=True, slots=True)
class Judged:
    """Fused candidates with the probability that each is relevant."""

    fused: Fused
    relevance: FloatArray
    """[candidates] probabilities."""
    signs: Signs
    """What the probabilities were made from."""
    weights: JudgementWeights
    """What turned the signs into probabilities."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Estimates relevance and verdict by the weights that were trained for the embedder."""

    weights: Weights

    def judge(self, fused: Fused) -> Judged:
        """Estimate how likely each candidate is to be relevant, before a cross-encoder has read any."""
        assert fused.features is not None  # whoever has weights for relevance has those for fusion, in one file
        weights = self._weights_for(fused)
        found = signs(fused.evidence, fused.features, fused.scores)
        return Judged(fused, relevance(found, weights=weights.relevance), found, weights)

    def _weights_for(self, fused: Fused) -> JudgementWeights:
        if fused.objection is not None:
            return self.weights.words
        return self.weights.meaning if np.isnan(fused.evidence.maxsim).all() else self.weights.compared


GUESSED = 0.5
"""How much relevance counts if a word of the query was taken for another: nothing is known of the chance that the other
one was meant. Of two names that differ by a letter, each may belong to a person."""


def verdict(judged: Judged, ranked: RankedCandidates, *, quoted: bool, guessed: bool) -> tuple[Verdict, FloatArray]:
    """What the best hit says of the whole answer, and the relevance of each candidate under that verdict, [candidates].

    Relevance was fitted to queries that have an answer. Where there most likely is none, it counts only as often as
    there is one after all. Two things are surer than the signs: that the hits contain word for word what the query
    quotes (`quoted`), and that a cross-encoder has read the first hit and finds it likely. If a word of the query was
    taken for another one (`guessed`), no hit is likely to be what was meant.
    """
    assert ranked.relevance is not None  # it was made from `judged`
    likely = ranked.relevance * np.float32(GUESSED if guessed else 1.0)
    first = next(iter(ranked.rows), None)
    weights = judged.weights.verdict
    found = verdict_of(judged.signs, likely, first=first, weights=weights)
    if found == "none" and first is not None and first in ranked.logits and likely[first] >= weights.good_from:
        found = "good"
    elif found == "none" and quoted:
        found = "weak"
    if found == "none":
        likely = (likely * weights.answered_below).astype(np.float32)
    return found, likely
