"""Comparing a query with passages token by token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.domain.token_states import QueryStates, TokenComparison
from qmd_mcp.retrieval.candidates.evidence import Evidence
from qmd_mcp.retrieval.query.rarity import Rarities, TokenWeights
from qmd_mcp.retrieval.search_protocols import Late
from qmd_mcp.tasks import task_group

CANDIDATES = 20
"""How many candidates are compared, the best first: 10 give three quarters of the gain, 30 no more than 20
(benchmarks/results/late_interaction.md)."""


class StateIndex(Protocol):
    """The store of the passages' token states."""

    async def states(self, passages: Sequence[Passage]) -> Mapping[str, FloatArray]:
        """Text hash -> token states [tokens, width] of unit length; a passage without states has no entry."""
        ...


class LateInteraction:
    """Scores passages by comparing their token states with the query's, each weighted by the rarity of its word.

    It sees what is lost when the tokens of a passage are averaged into one vector. One instance serves all callers.
    """

    def __init__(self, *, index: StateIndex, rarities: Rarities) -> None:
        self._index = index
        self._rarities = rarities

    async def compare(self, query: str, states: QueryStates, passages: Sequence[Passage]) -> TokenComparison:
        """Compare the query with every passage."""
        weights: list[TokenWeights] = []

        async def weigh() -> None:
            weights.append(await self._rarities.weights(query, states.spans))

        async with task_group() as group:
            group.start_soon(weigh)
            known = await self._index.states(passages)
        nearest = nearest_tokens(states.states, [known.get(each.text_hash) for each in passages])
        return TokenComparison(mean_similarity(nearest, weights=weights[0].tokens), unmet(nearest, weights[0]))


async def compared(evidence: Evidence, *, query: str, states: QueryStates, scores: FloatArray, late: Late) -> Evidence:
    """The evidence with what late interaction says of the candidates that are best by `scores`, [candidates]."""
    best = np.argsort(-scores, kind="stable")[:CANDIDATES]
    maxsim, lacks = evidence.maxsim.copy(), evidence.unmet.copy()
    comparison = await late.compare(query, states, [evidence.passages[row] for row in best])
    maxsim[best], lacks[best] = comparison.maxsim, comparison.unmet
    return replace(evidence, maxsim=maxsim, unmet=lacks)


def nearest_tokens(query: FloatArray, passages: Sequence[FloatArray | None]) -> FloatArray:
    """[passages, query tokens]; the cosine of each token of the query and the passage's nearest token.

    A passage without states has NaN.

    Args:
        query: states of unit length, [query tokens, width].
        passages: for each passage its states of unit length, [passage tokens, width], or None.
    """
    nearest = np.full((len(passages), len(query)), np.nan, dtype=np.float32)
    present = [row for row, states in enumerate(passages) if states is not None and len(states)]
    if present:
        stacked = [states for states in passages if states is not None and len(states)]
        starts = np.cumsum([0, *(len(states) for states in stacked[:-1])])
        nearest[present] = np.maximum.reduceat(np.concatenate(stacked) @ query.T, starts, axis=0)
    return nearest


def mean_similarity(nearest: FloatArray, *, weights: FloatArray) -> FloatArray:
    """[passages]; the mean over the query's tokens of the cosine between the token and the passage's nearest token.

    This is MaxSim of ColBERT (Khattab and Zaharia, SIGIR 2020, section 3.3), but a weighted mean instead of a sum, so
    that scores of long and short queries can be compared. `weights` is [query tokens]; if all are 0, scores are NaN.
    """
    if not weights.any():
        return np.full(len(nearest), np.nan, dtype=np.float32)
    similarity: FloatArray = nearest @ (weights / weights.sum())
    return similarity


def unmet(nearest: FloatArray, weights: TokenWeights) -> FloatArray:
    """[passages]; how rare the word of the query is that the passage meets least, from 0 to about 1.

    A word counts by its rarity times the distance of its tokens from the nearest ones of the passage. So a word that
    the passage says in another way counts little, and the name of something that it does not speak of counts much.
    """
    if not len(weights.words):
        return np.where(np.isnan(nearest).any(axis=1), np.nan, 0.0).astype(np.float32)
    distance = weights.words * (1.0 - nearest @ weights.word_of)  # [passages, content words]
    greatest: FloatArray = distance.max(axis=1)
    return greatest


def max_similarity(
    query: FloatArray, passages: Sequence[FloatArray | None], *, weights: FloatArray | None = None
) -> FloatArray:
    """[passages]; `mean_similarity` of passages and a query. Without `weights` every token has the same."""
    shares = np.ones(len(query), dtype=np.float32) if weights is None else weights
    return mean_similarity(nearest_tokens(query, passages), weights=shares)
