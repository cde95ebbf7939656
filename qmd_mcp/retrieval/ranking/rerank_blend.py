"""Combining a cross-encoder's logits with fusion's probabilities."""

from __future__ import annotations

import numpy as np

from qmd_mcp.domain.lookup import FloatArray

WORD = 0.125
"""Weight of the cross-encoder's logit when it is added to fusion's log-odds.

The two read the same words, so they must not be added as if they were independent, and a cross-encoder is more
confident than it is right. Measured with ms-marco-MiniLM-L-12-v2 over the best 20 candidates, nDCG@10 in the mean over
four sets of 100 queries each is .668 without the cross-encoder, .670 with weight 1/8 or 1/4, .665 with 1/2, .656 with
1, .654 with 2, and .649 if the cross-encoder decides almost alone. With 1/8 no set loses more than .005; with 1/4 the
set of code loses .014 (benchmarks/results/rerankers.md). For other rerankers the weight is a guess.
"""

UNSURE = 1e-3
"""Fusion's probabilities are clipped to [UNSURE, 1 - UNSURE] before they become log-odds, so that the cross-encoder can
still overrule them."""


def reranked(prior: FloatArray, logits: FloatArray, *, word: float = WORD) -> FloatArray:
    """[passages]; log-odds that each passage answers the query.

    They are the log-odds of fusion's probabilities `prior`, [passages], plus `word` times the cross-encoder's `logits`,
    [passages]. Any passage can come first, unlike in qmd's blend by rank, where nothing can displace fusion's first.
    """
    bounded = np.clip(prior.astype(np.float64), UNSURE, 1.0 - UNSURE)
    return (word * logits + np.log(bounded / (1.0 - bounded))).astype(np.float32)


def probabilities(log_odds: FloatArray) -> FloatArray:
    """Log-odds as probabilities, in (0, 1)."""
    return (1.0 / (1.0 + np.exp(-log_odds.astype(np.float64)))).astype(np.float32)
