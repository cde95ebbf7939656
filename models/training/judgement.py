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
    "compared": ("odds", "rank", "cosine"),
    "meaning": ("odds", "rank", "cosine"),
    "words": ("odds", "rank", "coverage"),
}
LACKING = {"compared": ("unmet", "doubt"), "meaning": ("unmet", "doubt"), "words": ("unmet",)}
"""Signs of relevance whose weights near misses decide. In `words` the log-odds weigh so much that doubts of them would
outweigh everything in a small index, where they are high."""

ANSWERABLE = {
    "compared": ("cosine", "maxsim", "coverage", "lead", "nearness"),
    "meaning": ("cosine", "coverage", "lead", "nearness"),
    "words": ("coverage", "found"),
}
FALSE_ALARMS = 0.05
"""Share of the answerable training queries that the verdict may call `none`."""

GOOD = 0.5

NEAR = 0.2
"""Weight of a set's near misses beside its own queries, for relevance. The verdict is not fitted to near misses, since
it would tell foreign and deleted answers less well."""

LACKED = 0.15
"""Share of the right first hits of the training queries that count as lacking what was asked for. Near misses lack it
nearly always. For the variant `words` no hit counts as lacking: what Chinese words mean is not known there, and many
right passages say a rare word in another way."""

AT_MOST = 0.45
"""Relevance of a hit that lacks what was asked for: less than what makes a verdict `good`. With .3 the calibration
error of first hits rises by another .01 on sets whose queries all have an answer."""


def fit_judgement(name: str, samples: Sequence[Sample], score: Callable[[Judged], FloatArray]) -> dict[str, object]:
    """Fit the weights of one variant under the ranking by `score`."""
    own_hits: list[tuple[FloatArray, np.ndarray, float]] = []
    near_hits: list[tuple[FloatArray, np.ndarray, float]] = []
    firsts: list[tuple[FloatArray, np.ndarray, float]] = []
    right: list[FloatArray] = []
    own_firsts: list[FloatArray] = []
    foreign_firsts: list[FloatArray] = []
    for sample in samples:
        own, deleted, foreign, near = (
            [_shown(each, score(each)) for each in asked]
            for asked in (sample.own, sample.deleted, sample.foreign, sample.near)
        )
        own_hits.append((*_joined(own), 1.0))
        near_hits.append((*_joined(near), NEAR))
        right.extend(values[0] for values, relevant in own if relevant[0])
        for unanswered in (deleted, foreign):
            answered = np.array([1.0] * len(own) + [0.0] * len(unanswered))
            firsts.append((_firsts([*own, *unanswered]), answered, 1.0))
        own_firsts.append(_firsts(own))
        foreign_firsts.append(_firsts(foreign))
    relevance = _relevance(own_hits, near_hits, chosen=RELEVANT[name], lacking=LACKING[name])
    lacking: dict[str, float] = {}
    if name != "words":
        unmet = np.array(right)[:, SIGNS.index("unmet")]
        lacking = {
            "lacking_from": round(float(np.quantile(unmet, 1 - LACKED)), 4),
            "lacking_at_most": AT_MOST,
        }
    verdict = fit_logistic(*zip(*firsts, strict=True), names=SIGNS, chosen=ANSWERABLE[name])
    none_below = float(np.quantile(_answerable(verdict, np.concatenate(own_firsts)), FALSE_ALARMS))
    called_none = np.mean([np.mean(_answerable(verdict, each) < none_below) for each in foreign_firsts])
    bounds = {
        "none_below": round(none_below, 4),
        "answered_below": round(FALSE_ALARMS / (FALSE_ALARMS + float(called_none)), 4),
        "good_from": GOOD,
    }
    return {"relevance": {**relevance, **lacking}, "verdict": {**verdict, **bounds}}


def _relevance(
    own: Sequence[tuple[FloatArray, np.ndarray, float]],
    near: Sequence[tuple[FloatArray, np.ndarray, float]],
    *,
    chosen: tuple[str, ...],
    lacking: tuple[str, ...],
) -> dict[str, Any]:
    """Let near misses decide how much a lacking word weighs, and fit the other weights to queries that have an answer.

    Fitted together to both, relevance would say too little of every hit.
    """
    both = fit_logistic(*zip(*own, *near, strict=True), names=SIGNS, chosen=(*chosen, *lacking))
    fixed = {name: both["linear"][name] for name in lacking}
    return fit_logistic(*zip(*own, strict=True), names=SIGNS, chosen=chosen, fixed=fixed)


def _joined(shown: Sequence[tuple[FloatArray, np.ndarray]]) -> tuple[FloatArray, np.ndarray]:
    return np.concatenate([values for values, _ in shown]), np.concatenate([relevant for _, relevant in shown])


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
