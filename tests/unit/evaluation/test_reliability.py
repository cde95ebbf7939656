"""Calibration by hand-computed examples."""

import numpy as np
import pytest

from qmd_mcp.evaluation.reliability import (
    Bin,
    area_under_curve,
    brier_skill,
    calibration_error,
    chance_error,
    reliability,
)


def test_bins_have_equal_mass_and_say_what_was_predicted_and_what_was_seen() -> None:
    found = reliability(np.array([0.9, 0.1, 0.8, 0.3]), np.array([True, False, False, False]), bins=2)
    assert [each.count for each in found] == [2, 2]
    assert [each.predicted for each in found] == pytest.approx([0.2, 0.85])
    assert [each.observed for each in found] == pytest.approx([0.0, 0.5])


def test_the_error_is_the_mean_distance_weighted_by_counts() -> None:
    bins = (Bin(3, predicted=0.2, observed=0.0), Bin(1, predicted=0.5, observed=0.9))
    assert calibration_error(bins) == pytest.approx((3 * 0.2 + 0.4) / 4)
    assert calibration_error(()) == 0


def test_always_saying_the_base_rate_has_no_skill_and_certainty_all_of_it() -> None:
    outcomes = np.array([True, True, False, False])
    assert brier_skill(np.full(4, 0.5), outcomes) == pytest.approx(0)
    assert brier_skill(outcomes.astype(float), outcomes) == pytest.approx(1)
    assert brier_skill(np.full(2, 0.4), np.array([True, True])) == 0


def test_the_area_counts_pairs_in_the_right_order_and_ties_by_half() -> None:
    assert area_under_curve(np.array([3.0, 2.0]), np.array([1.0, 2.0])) == pytest.approx((2 + 1.5) / 4)


def test_a_perfect_forecast_misses_by_what_chance_makes_of_its_size() -> None:
    random = np.random.default_rng(7)
    forecasts = [random.uniform(0.2, 0.9, size=300) for _ in range(200)]
    seen = [calibration_error(reliability(each, random.random(300) < each)) for each in forecasts]
    expected = [chance_error(each) for each in forecasts]
    assert np.mean(seen) == pytest.approx(np.mean(expected), rel=0.05)
    assert chance_error(np.array([0.0, 1.0])) == 0 == chance_error(np.empty(0))
