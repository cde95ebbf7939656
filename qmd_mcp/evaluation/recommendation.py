"""Recommending settings from the measured ways to search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qmd_mcp.evaluation.known_items import Kind
from qmd_mcp.evaluation.metrics import bootstrap_interval

WORTH_IT = 0.01
"""The smallest gain in mean reciprocal rank for which another setting is recommended."""

FEWEST = 40
"""The fewest queries from which something is recommended: with fewer the mean is uncertain by more than .05."""

FASTER = 0.7
"""A way as good as the current one is mentioned if it takes less than this share of the time.

A smaller difference is within the noise of a busy machine.
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of one way to search."""

    name: str
    by_kind: Mapping[Kind, float]
    """Mean reciprocal rank of the right document among the first ten."""
    mean: float
    """The mean over the kinds, each of which counts the same."""
    p50_ms: float
    """Median latency in milliseconds."""


def recommendation(measured: Sequence[Measured], ranks: Mapping[str, Sequence[float]]) -> str:
    """Recommend the best way to query if it is better than the current settings by more than chance.

    Otherwise recommend to keep them, and mention a way that is as good in less time. The first way to query in
    `measured` is the current settings; `ranks` are the reciprocal ranks of every query by the name of the way.
    """
    current, *others = (each for each in measured if each.name.startswith("query"))
    count = len(ranks[current.name])
    if count < FEWEST:
        return f"Nothing can be recommended from {count} queries: index more, or ask for more with --queries."
    gains = {each.name: _gain(each, current, ranks) for each in others}
    better = [each for each in others if gains[each.name].mean >= WORTH_IT and gains[each.name].low > 0.0]
    if better:
        best = max(better, key=lambda each: each.mean)
        gain = gains[best.name]
        return (
            f"Set {_setting(best)}: {best.mean:.3f} where it is {current.mean:.3f} now "
            f"(95 % of the difference lies between {gain.low:+.3f} and {gain.high:+.3f})."
        )
    keep = f"Keep the settings as they are: {current.mean:.3f}, and no other way is better by more than chance."
    faster = [each for each in others if gains[each.name].low > -WORTH_IT and each.p50_ms < FASTER * current.p50_ms]
    if not faster:
        return keep
    quick = min(faster, key=lambda each: each.p50_ms)
    return (
        f"{keep} If time matters more, {_setting(quick)} takes {quick.p50_ms:.0f} ms in place of {current.p50_ms:.0f} "
        f"and loses less than {WORTH_IT:g} here ({quick.mean:.3f})."
    )


def _setting(way: Measured) -> str:
    """The setting that makes a way."""
    return way.name.removeprefix("query, ")


@dataclass(frozen=True, slots=True)
class _Gain:
    """The gain of one way over another, query by query."""

    mean: float
    low: float
    high: float
    """95 % of the resampled gains lie between low and high."""


def _gain(way: Measured, current: Measured, ranks: Mapping[str, Sequence[float]]) -> _Gain:
    low, high = bootstrap_interval(np.subtract(ranks[way.name], ranks[current.name]).tolist())
    return _Gain(way.mean - current.mean, low, high)
