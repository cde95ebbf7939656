"""The fitting of linear models: a ranking whose weights change with the query, and a logistic regression."""

from collections.abc import Sequence

import numpy as np

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.retrieval.ranking.features import CANDIDATE_FEATURES, QUERY_FEATURES, Features
from qmd_mcp.retrieval.ranking.trained_weights import CLIP

DEPTH = 120
"""Candidates of a query that are used in training: the first ones under the prior, and every relevant one."""

PRIOR = {"meaning": 0.9, "words": 0.6}
"""The fixed combination of standardised scores, 3 to 2, at about the scale that fits. Weights are drawn towards it."""

DRAW, DRAW_MOVED = 0.01, 0.03
"""Penalties: of a weight's squared distance from the prior, and of the squared size of what the query adds to it."""

STEPS, RATE = 200, 0.06
"""Steps and rate of Adam (Kingma and Ba, 2015). Each step uses all queries, and the rate falls to 0 along a cosine. The
problem is convex except for queries with several relevant passages; 150 steps end within .0005 of the same loss."""

RIDGE = 1e-3


def fit_ranking(
    sets: Sequence[Sequence[tuple[Features, np.ndarray]]], *, fused: tuple[str, ...], moved: tuple[str, ...]
) -> dict[str, object]:
    """Make relevant candidates likely under the softmax over a query's candidates; every set has the same weight."""
    queries = [
        (each.candidates[chosen], each.query, relevant[chosen], 1 / len(judged))
        for judged in sets
        for each, relevant in judged
        if relevant.any() and not relevant.all()
        for chosen in [_chosen(each, relevant)]
    ]
    share = np.array([weight for *_, weight in queries])
    share /= share.sum()
    query = np.stack([each for _, each, _, _ in queries])  # [queries, query features]
    mean = share @ query
    deviation = np.sqrt(share @ (query - mean) ** 2) + 1e-6
    distance = np.clip((query - mean) / deviation, -CLIP, CLIP)
    width = max(len(candidates) for candidates, *_ in queries)
    columns = [CANDIDATE_FEATURES.index(name) for name in fused]
    levers = [fused.index(name) for name in moved]
    size = len(fused) + len(moved) * len(QUERY_FEATURES)
    table = np.zeros((len(queries), width, size), dtype=np.float32)
    present = np.zeros((len(queries), width), dtype=bool)
    positive = np.zeros((len(queries), width), dtype=bool)
    for row, (candidates, _, relevant, _) in enumerate(queries):
        own = candidates[:, columns]
        product = own[:, levers, None] * distance[row]  # [candidates, moved, query features]
        table[row, : len(own)] = np.concatenate([own, product.reshape(len(own), -1)], axis=1)
        present[row, : len(own)] = True
        positive[row, : len(own)] = relevant
    prior = np.zeros(size)
    for name, weight in PRIOR.items():
        prior[fused.index(name)] = weight
    penalty = np.full(size, DRAW_MOVED)
    penalty[: len(fused)] = DRAW
    weights = _descend(table, present, positive, share=share, prior=prior, penalty=penalty)
    moving = weights[len(fused) :].reshape(len(moved), len(QUERY_FEATURES))
    return {
        "linear": _named(fused, weights),
        "moved": {name: _named(QUERY_FEATURES, row) for name, row in zip(moved, moving, strict=True)},
        "mean": _named(QUERY_FEATURES, mean),
        "deviation": _named(QUERY_FEATURES, deviation),
    }


def fit_logistic(
    values: Sequence[FloatArray],
    labels: Sequence[np.ndarray],
    weights: Sequence[float],
    *,
    names: tuple[str, ...],
    chosen: tuple[str, ...],
) -> dict:
    """Fit a ridge logistic regression by Newton's method; a set's labels share its weight."""
    columns = [names.index(name) for name in chosen]
    table = np.concatenate(values)[:, columns].astype(np.float64)
    label = np.concatenate(labels).astype(np.float64)
    share = np.concatenate([np.full(len(each), of / len(each)) for of, each in zip(weights, labels, strict=True)])
    share /= share.sum()
    mean = share @ table
    deviation = np.sqrt(share @ (table - mean) ** 2) + 1e-9
    design = np.concatenate([np.ones((len(table), 1)), (table - mean) / deviation], axis=1)
    ridge = np.diag([1e-9, *[RIDGE] * len(columns)])
    fitted = np.zeros(len(columns) + 1)
    for _ in range(30):
        probability = 1 / (1 + np.exp(-design @ fitted))
        gradient = design.T @ (share * (probability - label)) + ridge @ fitted
        curvature = (design * (share * probability * (1 - probability))[:, None]).T @ design + ridge
        fitted -= np.linalg.solve(curvature, gradient)
    linear = fitted[1:] / deviation
    return {"intercept": round(float(fitted[0] - mean @ linear), 4), "linear": _named(chosen, linear)}


def _chosen(features: Features, relevant: np.ndarray) -> np.ndarray:
    prior = sum(weight * features.candidates[:, CANDIDATE_FEATURES.index(name)] for name, weight in PRIOR.items())
    order = np.argsort(-prior, kind="stable")
    return np.concatenate([order[:DEPTH], [row for row in order[DEPTH:] if relevant[row]]]).astype(np.int64)


def _descend(
    table: FloatArray,
    present: np.ndarray,
    positive: np.ndarray,
    *,
    share: np.ndarray,
    prior: np.ndarray,
    penalty: np.ndarray,
) -> np.ndarray:
    """Minimise the loss; `table` is [queries, candidates, weights], `present` and `positive` [queries, candidates]."""
    weights, first, second = prior.copy(), np.zeros_like(prior), np.zeros_like(prior)
    for step in range(1, STEPS + 1):
        scores = np.where(present, table @ weights.astype(np.float32), -np.inf)
        likely = np.exp(scores - scores.max(axis=1, keepdims=True))
        right = likely * positive
        error = likely / likely.sum(axis=1, keepdims=True) - right / right.sum(axis=1, keepdims=True)
        gradient = np.einsum("qc,qcf->f", error * share[:, None], table, optimize=True)
        gradient += penalty * (weights - prior)
        first = 0.9 * first + 0.1 * gradient
        second = 0.99 * second + 0.01 * gradient**2
        rate = RATE * (1 + np.cos(np.pi * step / STEPS)) / 2
        weights = weights - rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
    return weights


def _named(names: Sequence[str], values: np.ndarray) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in zip(names, values, strict=False)}
