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
    "compared": ("odds", "rank", "cosine", "unmet", "doubt"),
    "meaning": ("odds", "rank", "cosine", "unmet", "doubt"),
    "words": ("odds", "rank", "coverage", "unmet", "doubt"),
}
ANSWERABLE = {
    "compared": ("cosine", "maxsim", "coverage", "lead", "nearness"),
    "meaning": ("cosine", "coverage", "lead", "nearness"),
    "words": ("coverage", "found"),
}
FALSE_ALARMS = 0.05
"""Share of the answerable training queries that the verdict may call `none`."""

GOOD = 0.5

NEAR = 0.15
"""Weight of a set's near misses beside its own queries, for relevance. With more, relevance says too little of queries
that have an answer. The verdict is not fitted to near misses: it would tell foreign and deleted answers less well."""


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
        for shown, weight in ((own, 1.0), (near, NEAR)):
            values, relevant = (np.concatenate(each) for each in zip(*shown, strict=True))
            hits.append((values, relevant, weight))
        for unanswered in (deleted, foreign):
            answered = np.array([1.0] * len(own) + [0.0] * len(unanswered))
            firsts.append((_firsts([*own, *unanswered]), answered, 1.0))
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
