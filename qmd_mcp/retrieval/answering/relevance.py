"""How likely each candidate is to be relevant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.retrieval.candidates.evidence import Evidence
from qmd_mcp.retrieval.ranking.features import (
    CANDIDATE_FEATURES,
    QUERY_FEATURES,
    Features,
    known_cosines,
    least_where_unknown,
    standard,
)
from qmd_mcp.retrieval.ranking.trained_weights import LogisticWeights

SIGNS = ("odds", "lead", "rank", "cosine", "maxsim", "coverage", "nearness", "found", "length", "question", "code")
"""What a probability is made from, per candidate."""

SPREAD = 2.0
"""Deviation of the adaptive log-odds over a query's candidates, in the mean over the training sets."""

LEAST = 1e-6
"""A share below it is taken for it: its logarithm must be finite."""


@dataclass(frozen=True, slots=True)
class Signs:
    """The evidence that calibration weighs, in the order of the candidates."""

    values: FloatArray
    """[candidates, len(SIGNS)]."""

    def named(self) -> dict[str, FloatArray]:
        """[candidates] of each sign."""
        return {name: self.values[:, column] for column, name in enumerate(SIGNS)}


def signs(evidence: Evidence, features: Features, scores: FloatArray) -> Signs:
    """What speaks for each candidate under these scores.

    `odds` are those of its document in the softmax over all candidates, `lead` is how far its score is before the best
    of another document. Scores are standardised first, so that both have one unit whatever fusion made them.
    """
    count = len(evidence)
    if not count:
        return Signs(np.zeros((0, len(SIGNS)), dtype=np.float32))
    scores = SPREAD * standard(scores)
    documents = _numbers([passage.docid for passage in evidence.passages])
    share = np.exp(scores - scores.max())
    share /= share.sum()
    mass = np.clip(np.bincount(documents, weights=share)[documents], LEAST, 1.0 - LEAST)
    order = np.argsort(-scores, kind="stable")
    rank = np.empty(count, dtype=np.int64)
    rank[order] = np.arange(count)
    column = CANDIDATE_FEATURES.index
    values = {
        "odds": np.log(mass) - np.log1p(-mass),
        "lead": scores - _best_of_another(scores, documents, order=order),
        "rank": np.log1p(rank),
        "cosine": known_cosines(evidence),
        "maxsim": least_where_unknown(evidence.maxsim),
        "coverage": features.candidates[:, column("coverage")],
        "nearness": features.candidates[:, column("nearness")],
        **{
            name: np.full(count, features.query[QUERY_FEATURES.index(name)])
            for name in ("found", "length", "question", "code")
        },
    }
    return Signs(np.stack([values[name] for name in SIGNS], axis=1).astype(np.float32))


def relevance(signs: Signs, *, weights: LogisticWeights) -> FloatArray:
    """[candidates]; probabilities: of hits with .8 about four in five are relevant."""
    return weights.probability(signs.named())


def _numbers(names: list[str]) -> np.ndarray:
    known: dict[str, int] = {}
    return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int64)


def _best_of_another(scores: FloatArray, documents: np.ndarray, *, order: np.ndarray) -> FloatArray:
    """[candidates]; the best score among the other documents, the least of all where there is none."""
    first = order[0]
    others = np.flatnonzero(documents != documents[first])
    runner_up = float(scores[others].max()) if len(others) else float(scores.min())
    return np.where(documents == documents[first], runner_up, scores[first])
