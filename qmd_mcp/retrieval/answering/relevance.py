"""Calibrated probabilities that the candidates are relevant."""

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
from qmd_mcp.retrieval.ranking.trained_weights import RelevanceWeights

SIGNS = (
    "odds",
    "lead",
    "rank",
    "cosine",
    "maxsim",
    "unmet",
    "doubt",
    "coverage",
    "nearness",
    "found",
    "length",
    "question",
    "code",
)
"""The values from which the probability of a candidate is computed; `signs` says what each is.

All but the last four are numbers of the candidate; `found`, `length`, `question` and `code` are features of the query.
"""

SPREAD = 2.0
"""Standard deviation to which the scores of a query's candidates are scaled. It is that of adaptive fusion's log-odds,
in the mean over the training sets."""

LEAST = 1e-6
"""Shares are clipped to [LEAST, 1 - LEAST] so that their log-odds are finite."""


@dataclass(frozen=True, slots=True)
class Signs:
    """The values from which the probabilities of a query's candidates are computed."""

    values: FloatArray
    """[candidates, len(SIGNS)]."""

    def named(self) -> dict[str, FloatArray]:
        """Sign -> its values, [candidates]."""
        return {name: self.values[:, column] for column, name in enumerate(SIGNS)}


def signs(evidence: Evidence, features: Features, scores: FloatArray) -> Signs:
    """Compute the signs of every candidate from the evidence, its features and the fused `scores`, [candidates].

    The scores are first scaled to mean 0 and standard deviation `SPREAD`, so that they have the same unit whichever
    fusion made them. Then `odds` are the log-odds of the candidate's document in the softmax over all candidates;
    `lead` is the candidate's score minus the best score of another document; `rank` is log(1 + rank), where the first
    rank is 0. The signs `cosine` and `maxsim` have the lowest known value where a candidate has none.

    `unmet` is how rare the query's word is that the candidate meets least. It has the highest known value where a
    candidate has none; if no candidate was compared token by token, it is the feature `missing`. `doubt` is `unmet`
    times the log-odds above evens: that a document leads by far says little if it lacks what was asked for.
    """
    count = len(evidence)
    if not count:
        return Signs(np.zeros((0, len(SIGNS)), dtype=np.float32))
    scores = SPREAD * standard(scores)
    documents = _numbers([passage.docid for passage in evidence.passages])
    share = np.exp(scores - scores.max())
    share /= share.sum()
    of_document = np.clip(np.bincount(documents, weights=share)[documents], LEAST, 1.0 - LEAST)
    order = np.argsort(-scores, kind="stable")
    rank = np.empty(count, dtype=np.int64)
    rank[order] = np.arange(count)
    column = CANDIDATE_FEATURES.index
    odds = np.log(of_document) - np.log1p(-of_document)
    compared = not np.isnan(evidence.unmet).all()
    unmet = -least_where_unknown(-evidence.unmet) if compared else features.candidates[:, column("missing")]
    values = {
        "odds": odds,
        "lead": scores - _best_of_another(scores, documents, order=order),
        "rank": np.log1p(rank),
        "cosine": known_cosines(evidence),
        "maxsim": least_where_unknown(evidence.maxsim),
        "unmet": unmet,
        "doubt": unmet * np.maximum(odds, 0.0),
        **{name: features.candidates[:, column(name)] for name in ("coverage", "nearness")},
        **{
            name: np.full(count, features.query[QUERY_FEATURES.index(name)])
            for name in ("found", "length", "question", "code")
        },
    }
    return Signs(np.stack([values[name] for name in SIGNS], axis=1).astype(np.float32))


def relevance(signs: Signs, *, weights: RelevanceWeights) -> FloatArray:
    """[candidates]; calibrated probabilities: of the hits with .8, about four in five are relevant."""
    named = signs.named()
    likely = weights.probability(named)
    lacking = named["unmet"] >= weights.lacking_from
    return np.where(lacking, np.minimum(likely, weights.lacking_at_most), likely).astype(np.float32)


def _numbers(names: list[str]) -> np.ndarray:
    """[names]; a number for each distinct name, from 0."""
    known: dict[str, int] = {}
    return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int64)


def _best_of_another(scores: FloatArray, documents: np.ndarray, *, order: np.ndarray) -> FloatArray:
    """[candidates]; the best score of any other document, or the lowest score if there is no other document."""
    first = order[0]
    others = np.flatnonzero(documents != documents[first])
    runner_up = float(scores[others].max()) if len(others) else float(scores.min())
    return np.where(documents == documents[first], runner_up, scores[first])
