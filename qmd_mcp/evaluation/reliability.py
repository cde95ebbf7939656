"""Measures of probabilities against what turned out, and of how well a score tells two kinds apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 10
"""Of equal mass, as in most calibration tables since Guo et al. (ICML 2017) and Nixon et al. (CVPR 2019 workshops)."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions of about one size."""

    count: int
    predicted: float
    """Mean probability."""
    observed: float
    """Share that was relevant."""


def reliability(
    probabilities: NDArray[np.floating], outcomes: NDArray[np.bool_], *, bins: int = BINS
) -> tuple[Bin, ...]:
    """Bins of equal mass, least probable first; fewer predictions than bins make fewer."""
    order = np.argsort(probabilities, kind="stable")
    parts = [rows for rows in np.array_split(order, bins) if len(rows)]
    return tuple(
        Bin(len(rows), predicted=float(probabilities[rows].mean()), observed=float(outcomes[rows].mean()))
        for rows in parts
    )


def calibration_error(bins: tuple[Bin, ...]) -> float:
    """Expected calibration error: how far prediction and outcome lie apart, bins weighted by their counts."""
    total = sum(each.count for each in bins)
    return sum(each.count * abs(each.predicted - each.observed) for each in bins) / total if total else 0.0


def chance_error(probabilities: NDArray[np.floating], *, bins: int = BINS) -> float:
    """The calibration error that these probabilities would show on average if every one were exactly right.

    In a bin the share that turns out relevant has the variance of a sum of coins over the square of their number; its
    mean distance from what was predicted is that of a half-normal, √(2/π) standard deviations. With 300 predictions
    about one half it is .07: a smaller error than this says nothing.
    """
    parts = [part for part in np.array_split(np.sort(probabilities), bins) if len(part)]
    spread = sum(float(np.sqrt((part * (1.0 - part)).sum())) for part in parts)
    return float(np.sqrt(2.0 / np.pi)) * spread / len(probabilities) if len(probabilities) else 0.0


def brier_skill(probabilities: NDArray[np.floating], outcomes: NDArray[np.bool_]) -> float:
    """Share of the base rate's squared error that is gone (Brier 1950); 0 is no better than always saying the rate."""
    rate = float(outcomes.mean())
    if rate in {0.0, 1.0}:
        return 0.0
    return 1.0 - float(((probabilities - outcomes) ** 2).mean()) / (rate * (1.0 - rate))


def area_under_curve(higher: NDArray[np.floating], lower: NDArray[np.floating]) -> float:
    """Probability that one of `higher` scores above one of `lower`; ties count half (Hanley and McNeil 1982)."""
    below = np.searchsorted(np.sort(lower), higher, side="left")
    up_to = np.searchsorted(np.sort(lower), higher, side="right")
    return float((below + up_to).sum() / 2 / (len(higher) * len(lower)))
