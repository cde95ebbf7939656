"""Judging whether an answer contains what was asked for."""

from __future__ import annotations

from typing import Literal, TypeAlias

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.retrieval.answering.relevance import Signs
from qmd_mcp.retrieval.ranking.trained_weights import VerdictWeights

Verdict: TypeAlias = Literal["good", "weak", "none"]


def answerable(signs: Signs, *, first: int, weights: VerdictWeights) -> float:
    """Probability that the index holds an answer, from the signs of its best candidate, which is row `first`."""
    named = {name: values[first : first + 1] for name, values in signs.named().items()}
    return float(weights.probability(named)[0])


def verdict_of(signs: Signs, relevances: FloatArray, *, first: int | None, weights: VerdictWeights) -> Verdict:
    """Judge the best hit, which is row `first` of the candidates; None if there is no hit.

    `none`: most likely nothing in the index answers the query. `good`: the best hit is more likely than not what was
    meant. `weak`: neither.
    """
    if first is None or answerable(signs, first=first, weights=weights) < weights.none_below:
        return "none"
    return "good" if relevances[first] >= weights.good_from else "weak"
