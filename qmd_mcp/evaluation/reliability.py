"""Measures of predicted probabilities against outcomes, and of how well a score tells two groups apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 10
"""Number of bins, of equal mass: usual since Guo et al. (ICML 2017) and Nixon et al. (CVPR 2019 workshops)."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions of similar size."""

    count: int
    predicted: float
    """The mean of the predicted probabilities."""
    observed: float
    """The share of the outcomes that were relevant."""


def reliability(
    probabilities: NDArray[np.floating], outcomes: NDArray[np.bool_], *, bins: int = BINS
) -> tuple[Bin, ...]:
    """Bins of equal mass, least probable first; there are fewer bins if there are fewer predictions."""
    order = np.argsort(probabilities, kind="stable")
    parts = [rows for rows in np.array_split(order, bins) if len(rows)]
    return tuple(
        Bin(len(rows), predicted=float(probabilities[rows].mean()), observed=float(outcomes[rows].mean()))
        for rows in parts
    )


def calibration_error(bins: tuple[Bin, ...]) -> float:
    """Expected calibration error: the distance of prediction and outcome, with each bin weighted by its count."""
    total = sum(each.count for each in bins)
    return sum(each.count * abs(each.predicted - each.observed) for each in bins) / total if total else 0.0


def chance_error(probabilities: NDArray[np.floating], *, bins: int = BINS) -> float:
    """The calibration error that these probabilities would show on average if every one were exactly right.

    The number of relevant outcomes in a bin has the variance of a sum of independent coins, Σ p(1 - p). The mean
    distance of their share from the prediction is that of a half-normal distribution, √(2/π) standard deviations. For
    300 predictions of about one half it is .07, and a smaller error cannot be told from none.
    """
    parts = [part for part in np.array_split(np.sort(probabilities), bins) if len(part)]
    spread = sum(float(np.sqrt((part * (1.0 - part)).sum())) for part in parts)
    return float(np.sqrt(2.0 / np.pi)) * spread / len(probabilities) if len(probabilities) else 0.0


def brier_skill(probabilities: NDArray[np.floating], outcomes: NDArray[np.bool_]) -> float:
    """The share of the base rate's squared error that the forecast removes (Brier 1950); 0 is no better than it."""
    rate = float(outcomes.mean())
    if rate in {0.0, 1.0}:
        return 0.0
    return 1.0 - float(((probabilities - outcomes) ** 2).mean()) / (rate * (1.0 - rate))


def area_under_curve(higher: NDArray[np.floating], lower: NDArray[np.floating]) -> float:
    """The probability that one of `higher` is above one of `lower`; ties count half (Hanley and McNeil 1982)."""
    below = np.searchsorted(np.sort(lower), higher, side="left")
    up_to = np.searchsorted(np.sort(lower), higher, side="right")
    return float((below + up_to).sum() / 2 / (len(higher) * len(lower)))
