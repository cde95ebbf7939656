"""How likely each candidate is to be relevant, and whether the index holds an answer at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.retrieval.answering.relevance import Signs, relevance, signs
from qmd_mcp.retrieval.answering.verdict import Verdict, verdict_of
from qmd_mcp.retrieval.query.known_scripts import KnownScripts
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

    def judge(self, fused: Fused) -> Judged | None:
        """Estimate how likely each candidate is to be relevant, before a cross-encoder has read any.

        None if no candidate has a cosine although the embedder knows the query's script: the weights need it.
        """
        if fused.objection is None and len(fused.evidence) and np.isnan(fused.evidence.cosine).all():
            return None
        assert fused.features is not None  # whoever has weights for relevance has those for fusion, in one file
        weights = self._weights_for(fused)
        found = signs(fused.evidence, fused.features, fused.scores)
        return Judged(fused, relevance(found, weights=weights.relevance), found, weights)

    def _weights_for(self, fused: Fused) -> JudgementWeights:
        if fused.objection is not None:
            return self.weights.words
        return self.weights.meaning if np.isnan(fused.evidence.maxsim).all() else self.weights.compared


UNSURE = 0.5
"""How much relevance counts if a word of the query was taken for another, or the best hit lacks a number or name of the
query: nothing is known of the chance that what was found was meant. Of two names that differ by a letter, each may
belong to a person."""


def verdict(
    judged: Judged, ranked: RankedCandidates, *, contained: bool, unsure: bool, gaps: bool = False
) -> tuple[Verdict, FloatArray]:
    """What the best hit says of the whole answer, and the relevance of each candidate under that verdict, [candidates].

    Relevance was fitted to queries that have an answer. Where there most likely is none, it counts only as often as
    there is one after all. Two things are surer than the signs: that the hits contain word for word what the query
    quotes, or the first hit every word of the query (`contained`), and that a cross-encoder has read it and finds it
    likely. If a word of the query was taken for another one, or the first hit lacks a number or name (`unsure`), no hit
    is likely to be what was meant. If the index does not have all that is needed to say so (`gaps`), the verdict is
    never `none`.
    """
    assert ranked.relevance is not None  # it was made from `judged`
    likely = ranked.relevance * np.float32(UNSURE if unsure else 1.0)
    first = next(iter(ranked.rows), None)
    weights = judged.weights.verdict
    found = verdict_of(judged.signs, likely, first=first, weights=weights)
    if found == "none" and first is not None and first in ranked.logits and likely[first] >= weights.good_from:
        found = "good"
    elif found == "none" and contained:
        found = "weak"
    if found == "none":
        likely = (likely * weights.answered_below).astype(np.float32)
    if found == "none" and gaps:
        found = "weak"
    return found, likely


SCRIPT_LETTERS = 100
"""Letters at the beginning of a passage by which its script is told: two sentences of Chinese."""


def without_unjudged(
    judged: Judged, likely: FloatArray, *, scripts: KnownScripts, logits: Mapping[int, float]
) -> FloatArray:
    """[candidates]; NaN for passages that could not be compared by meaning and that no cross-encoder has read.

    These have no vector, or one that says nothing, because their script is none of those that the embedder knows. Their
    signs lack the cosine, which moves relevance most, and would give .04 to the right passage.
    """
    if judged.fused.objection is not None:
        return likely
    evidence = judged.fused.evidence
    unknown = np.isnan(evidence.cosine)
    if scripts.scripts:
        foreign = [
            not each.text.isascii() and not scripts.knows(each.text[:SCRIPT_LETTERS]) for each in evidence.passages
        ]
        unknown |= np.array(foreign, dtype=bool)
    unknown[[*logits]] = False
    return np.where(unknown, np.float32(np.nan), likely).astype(np.float32)
