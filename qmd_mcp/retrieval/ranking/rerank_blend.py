"""A cross-encoder's word against fusion's."""

from __future__ import annotations

import numpy as np

from qmd_mcp.domain.lookup import FloatArray

WORD = 0.125
"""Weight of the cross-encoder's logit beside fusion's log-odds.

Both read the same words, so that they must not count as if they were independent, and a cross-encoder is surer than it
is right. Of ms-marco-MiniLM-L-12-v2 over the best 20, nDCG@10 in the mean over four sets of 100 queries is .668 without
it, .670 with an eighth or a quarter, .665 with a half, .656 with 1, .654 with 2 and .649 nearly alone. With an eighth
no set loses more than .005, with a quarter code loses .014 (benchmarks/README.md). For other rerankers it is a guess.
"""

UNSURE = 1e-3
"""Probabilities are kept so far from 0 and 1 before they become log-odds: a prior is never proof."""


def reranked(prior: FloatArray, logits: FloatArray, *, word: float = WORD) -> FloatArray:
    """[passages] log-odds that each answers: fusion's probabilities, moved by the cross-encoder's logits.

    Unlike qmd's blend by rank, in which nothing can ever displace fusion's first, any passage can come first.
    """
    bounded = np.clip(prior.astype(np.float64), UNSURE, 1.0 - UNSURE)
    return (word * logits + np.log(bounded / (1.0 - bounded))).astype(np.float32)


def probabilities(log_odds: FloatArray) -> FloatArray:
    """The same as probabilities, in (0, 1)."""
    return (1.0 / (1.0 + np.exp(-log_odds.astype(np.float64)))).astype(np.float32)
