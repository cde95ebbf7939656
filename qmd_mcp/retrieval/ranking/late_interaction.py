"""Comparing a query with passages token by token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.domain.token_states import QueryStates
from qmd_mcp.retrieval.candidates.evidence import Evidence
from qmd_mcp.retrieval.query.rarity import Rarities
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

    async def scores(self, query: str, states: QueryStates, passages: Sequence[Passage]) -> FloatArray:
        """[passages]; weighted mean cosines, at most 1, higher is better; NaN where a passage has no token states."""
        weights: list[FloatArray] = []

        async def weigh() -> None:
            weights.append(await self._rarities.weights(query, states.spans))

        async with task_group() as group:
            group.start_soon(weigh)
            known = await self._index.states(passages)
        return max_similarity(states.states, [known.get(each.text_hash) for each in passages], weights=weights[0])


async def compared(evidence: Evidence, *, query: str, states: QueryStates, scores: FloatArray, late: Late) -> Evidence:
    """The evidence with late interaction scores of the candidates that are best by `scores`, [candidates]."""
    best = np.argsort(-scores, kind="stable")[:CANDIDATES]
    maxsim = evidence.maxsim.copy()
    maxsim[best] = await late.scores(query, states, [evidence.passages[row] for row in best])
    return replace(evidence, maxsim=maxsim)


def max_similarity(
    query: FloatArray, passages: Sequence[FloatArray | None], *, weights: FloatArray | None = None
) -> FloatArray:
    """[passages]; the mean over the query's tokens of the cosine between the token and the passage's nearest token.

    This is MaxSim of ColBERT (Khattab and Zaharia, SIGIR 2020, section 3.3), but a weighted mean instead of a sum, so
    that scores of long and short queries can be compared. The score is NaN for a passage without states, and for all
    passages if every weight is 0.

    Args:
        query: states of unit length, [query tokens, width].
        passages: for each passage its states of unit length, [passage tokens, width], or None.
        weights: [query tokens]; None gives every token the same weight.
    """
    scores = np.full(len(passages), np.nan, dtype=np.float32)
    present = [row for row, states in enumerate(passages) if states is not None and len(states)]
    shares = np.ones(len(query), dtype=np.float32) if weights is None else weights
    if not present or not shares.any():
        return scores
    stacked = [states for states in passages if states is not None and len(states)]
    starts = np.cumsum([0, *(len(states) for states in stacked[:-1])])
    nearest = np.maximum.reduceat(np.concatenate(stacked) @ query.T, starts, axis=0)  # [present, query tokens]
    scores[present] = nearest @ (shares / shares.sum())
    return scores
