"""The fitting of relevance and verdict to the first hits of queries with and without an answer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from fitting import fit_logistic
from samples import Judged, Sample

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.retrieval.answering.relevance import SIGNS, signs

SHOWN = 10
"""Hits of a query that relevance is fitted to: as many as an answer has by default."""

RELEVANT = {
    "compared": ("odds", "rank", "cosine", "coverage", "unmet"),
    "meaning": ("odds", "rank", "cosine", "coverage", "missing"),
    "words": ("odds", "rank", "coverage", "missing"),
}
ANSWERABLE = {
    "compared": ("cosine", "maxsim", "coverage", "lead", "nearness", "unmet"),
    "meaning": ("cosine", "coverage", "lead", "nearness", "missing"),
    "words": ("coverage", "found", "missing"),
}
FALSE_ALARMS = 0.05
"""Share of the answerable training queries that the verdict may call `none`."""

GOOD = 0.5

NEAR_RELEVANT, NEAR_ANSWERABLE = 0.5, 1.0
"""Weights of a set's near misses: for relevance beside its own queries, for the verdict beside each of the two other
kinds of queries without an answer."""


def fit_judgement(name: str, samples: Sequence[Sample], score: Callable[[Judged], FloatArray]) -> dict[str, object]:
    """Fit the weights of one variant under the ranking by `score`."""
    hits: list[tuple[FloatArray, np.ndarray, float]] = []
    firsts: list[tuple[FloatArray, np.ndarray, float]] = []
    own_firsts: list[FloatArray] = []
    foreign_firsts: list[FloatArray] = []
    for sample in samples:
        own, deleted, foreign, near = (
            [_shown(each, score(each)) for each in asked]
            for asked in (sample.own, sample.deleted, sample.foreign, sample.near)
        )
        for shown, weight in ((own, 1.0), (near, NEAR_RELEVANT)):
            values, relevant = (np.concatenate(each) for each in zip(*shown, strict=True))
            hits.append((values, relevant, weight))
        for unanswered, weight in ((deleted, 1.0), (foreign, 1.0), (near, NEAR_ANSWERABLE)):
            answered = np.array([1.0] * len(own) + [0.0] * len(unanswered))
            firsts.append((_firsts([*own, *unanswered]), answered, weight))
        own_firsts.append(_firsts(own))
        foreign_firsts.append(_firsts(foreign))
    relevance = fit_logistic(*zip(*hits, strict=True), names=SIGNS, chosen=RELEVANT[name])
    verdict = fit_logistic(*zip(*firsts, strict=True), names=SIGNS, chosen=ANSWERABLE[name])
    none_below = float(np.quantile(_answerable(verdict, np.concatenate(own_firsts)), FALSE_ALARMS))
    called_none = np.mean([np.mean(_answerable(verdict, each) < none_below) for each in foreign_firsts])
    bounds = {
        "none_below": round(none_below, 4),
        "answered_below": round(FALSE_ALARMS / (FALSE_ALARMS + float(called_none)), 4),
        "good_from": GOOD,
    }
    return {"relevance": relevance, "verdict": {**verdict, **bounds}}


def _firsts(shown: Sequence[tuple[FloatArray, np.ndarray]]) -> FloatArray:
    return np.array([values[0] for values, _ in shown])


def _answerable(verdict: Mapping[str, Any], signs: FloatArray) -> np.ndarray:
    """Compute the probability [queries] of an answer from the signs of each query's first hit."""
    linear = sum(weight * signs[:, SIGNS.index(name)] for name, weight in verdict["linear"].items())
    return 1 / (1 + np.exp(-(verdict["intercept"] + linear)))


def _shown(each: Judged, scores: FloatArray) -> tuple[FloatArray, np.ndarray]:
    """Return the signs and labels of the first hits."""
    order = np.argsort(-scores, kind="stable")[:SHOWN]
    return signs(each.evidence, each.features, scores).values[order], each.relevant[order]
