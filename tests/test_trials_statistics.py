"""Intervals, summaries and the paired test against values known from elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxent_robot.trials.statistics import StatisticsError, mcnemar_exact, summarise, wilson_interval


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (10, 10, 0.7225, 1.0),  # Newcombe, Statistics in Medicine 17 (1998), method 3 and its closed form n / (n + z^2)
        (81, 263, 0.2553, 0.3662),  # Newcombe, table I
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (46, 60, 0.6456, 0.8556),
    ],
)
def test_wilson_interval_equals_published_values(k: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(k, n) == pytest.approx((low, high), abs=6e-5)


def test_wilson_interval_solves_the_score_equation() -> None:
    k, n, z = 37, 50, 2.5758293035489004
    for p in wilson_interval(k, n, confidence=0.99):
        assert abs(k / n - p) == pytest.approx(z * math.sqrt(p * (1 - p) / n), rel=1e-9)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_the_rate_and_is_symmetric(kn: tuple[int, int]) -> None:
    k, n = kn
    low, high = wilson_interval(k, n)
    assert 0.0 <= low <= k / n <= high <= 1.0
    assert wilson_interval(n - k, n) == pytest.approx((1 - high, 1 - low))


def test_wilson_interval_of_nothing_is_everything() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("k", "n", "confidence"), [(3, 2, 0.95), (-1, 2, 0.95), (0, -1, 0.95), (1, 2, 1.0)])
def test_wilson_interval_refuses_impossible_counts(k: int, n: int, confidence: float) -> None:
    with pytest.raises(StatisticsError, match="allowed is"):
        wilson_interval(k, n, confidence)


def test_summary_of_known_numbers() -> None:
    summary = summarise(np.arange(1.0, 102.0))
    assert (summary.count, summary.minimum, summary.median, summary.mean) == (101, 1.0, 51.0, 51.0)
    assert (summary.p95, summary.p99, summary.maximum) == (96.0, 100.0, 101.0)


def test_summary_of_nothing_has_no_values_and_of_nan_is_refused() -> None:
    empty = summarise([])
    assert empty.count == 0
    assert math.isnan(empty.p95)
    with pytest.raises(StatisticsError, match="value 1 of 3 is nan"):
        summarise([1.0, math.nan, 2.0])


def _pairs(both: int, only_first: int, only_second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    first = [True] * both + [True] * only_first + [False] * only_second + [False] * neither
    second = [True] * both + [False] * only_first + [True] * only_second + [False] * neither
    return np.array(first), np.array(second)


@pytest.mark.parametrize(
    ("only_first", "only_second", "p_value"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (5, 5, 1.0),
        (6, 0, 0.03125),  # 2 / 2^6
        (10, 2, 0.03857421875),  # 2 (1 + 12 + 66) / 2^12
        (2, 10, 0.03857421875),
        (121, 59, 4.4344e-06),  # scipy.stats.binomtest(59, 180)
    ],
)
def test_mcnemar_exact_p_values(only_first: int, only_second: int, p_value: float) -> None:
    comparison = mcnemar_exact(*_pairs(7, only_first, only_second, 3))
    assert comparison.p_value == pytest.approx(p_value, rel=1e-3)
    assert (comparison.both, comparison.only_first, comparison.only_second, comparison.neither) == (
        7,
        only_first,
        only_second,
        3,
    )


def test_mcnemar_difference_is_that_of_the_rates_and_large_counts_do_not_overflow() -> None:
    first, second = _pairs(4000, 3000, 1000, 2000)
    comparison = mcnemar_exact(first, second)
    assert comparison.difference == pytest.approx(first.mean() - second.mean())
    assert 0.0 <= comparison.p_value < 1e-100


def test_mcnemar_refuses_unpaired_and_non_boolean_data() -> None:
    with pytest.raises(StatisticsError, match=r"\(2,\) and \(3,\)"):
        mcnemar_exact(np.zeros(2, bool), np.zeros(3, bool))
    with pytest.raises(StatisticsError, match="allowed is bool"):
        mcnemar_exact(np.zeros(3), np.zeros(3))


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (18, 20, 0.6989663547715128, 0.972133518786232),
        (4, 20, 0.0806576625797981, 0.4160174322518935),
        (4, 200, 0.00780442641634947, 0.05028708690582643),
        (190, 200, 0.910421851861224, 0.972617354399236),
        (29, 30, 0.8332961, 0.9940914),
        (30, 30, 0.8864866, 1.0),
    ],
)
def test_wilson_interval_is_that_of_r(k: int, n: int, low: float, high: float) -> None:
    """R, package binom: binom.confint(k, n, methods="wilson"), as statsmodels tests against (results_proportion.py)."""
    assert wilson_interval(k, n) == pytest.approx((low, high), abs=5e-8)
