"""What the measured ways to search say about the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qmd_mcp.evaluation.known_items import Kind
from qmd_mcp.evaluation.metrics import bootstrap_interval

WORTH_IT = 0.01
"""Gain in mean reciprocal rank below which no other setting is recommended."""

FEWEST = 40
"""Queries below which nothing is recommended: their mean is uncertain by more than .05."""

FASTER = 0.7
"""Share of the time below which a way that is as good is mentioned: less is within the noise of a busy machine."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one way reached."""

    name: str
    by_kind: Mapping[Kind, float]
    """Mean reciprocal rank of the right document among the first ten."""
    mean: float
    """Over the kinds, each counting the same."""
    p50_ms: float


def recommendation(measured: Sequence[Measured], ranks: Mapping[str, Sequence[float]]) -> str:
    """The best way to query, if it is better than what is set by more than chance; else one as good in less time.

    The first of the ways to query is what is set.
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
    return way.name.removeprefix("query, ")


@dataclass(frozen=True, slots=True)
class _Gain:
    """Of one way over another, query by query."""

    mean: float
    low: float
    high: float
    """95 % of resamples."""


def _gain(way: Measured, current: Measured, ranks: Mapping[str, Sequence[float]]) -> _Gain:
    low, high = bootstrap_interval(np.subtract(ranks[way.name], ranks[current.name]).tolist())
    return _Gain(way.mean - current.mean, low, high)
