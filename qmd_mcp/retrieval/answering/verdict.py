"""Whether an answer holds what was asked for at all."""

from __future__ import annotations

from typing import Literal, TypeAlias

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.retrieval.answering.relevance import Signs
from qmd_mcp.retrieval.ranking.trained_weights import VerdictWeights

Verdict: TypeAlias = Literal["good", "weak", "none"]


def answerable(signs: Signs, *, first: int, weights: VerdictWeights) -> float:
    """Probability that the index holds an answer, by its best candidate's signs."""
    named = {name: values[first : first + 1] for name, values in signs.named().items()}
    return float(weights.probability(named)[0])


def verdict_of(signs: Signs, relevances: FloatArray, *, first: int | None, weights: VerdictWeights) -> Verdict:
    """`none`: most likely nothing here is about it; `good`: the best hit is more likely than not what was meant.

    `first` is the row of the best hit; null where there is no hit.
    """
    if first is None or answerable(signs, first=first, weights=weights) < weights.none_below:
        return "none"
    return "good" if relevances[first] >= weights.good_from else "weak"
