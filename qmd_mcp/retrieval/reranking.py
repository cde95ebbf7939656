"""A cross-encoder's word against fusion's."""

from __future__ import annotations

import numpy as np

from qmd_mcp.lookup import FloatArray

PRIOR = 0.5
"""Weight of fusion's log-odds beside the cross-encoder's. A cross-encoder that is sure (a logit of 4 and more) leads
whatever fusion said, and where it is undecided fusion decides; with 1 both would count alike, as if they were
independent, though both saw the same words. Unmeasured: no cross-encoder that ships is at hand to measure it on."""

UNSURE = 1e-3
"""Probabilities are kept so far from 0 and 1 before they become log-odds: a prior is never proof."""


def reranked(prior: FloatArray, logits: FloatArray) -> FloatArray:
    """[passages] log-odds that each answers: the cross-encoder's, with fusion's probabilities as the prior.

    Unlike qmd's blend by rank, in which nothing can ever displace fusion's first, any passage can come first.
    """
    bounded = np.clip(prior.astype(np.float64), UNSURE, 1.0 - UNSURE)
    return (logits + PRIOR * np.log(bounded / (1.0 - bounded))).astype(np.float32)


def probabilities(log_odds: FloatArray) -> FloatArray:
    """The same as probabilities, in (0, 1)."""
    return (1.0 / (1.0 + np.exp(-log_odds.astype(np.float64)))).astype(np.float32)
