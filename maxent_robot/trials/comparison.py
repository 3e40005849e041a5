"""Paired comparison of measured quantities: times to insertion and peak forces of two conditions at the same places."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxent_robot.trials.statistics import StatisticsError, exact_sign_test

RESAMPLES = 9999


@dataclass(frozen=True)
class PairedDifference:
    """How much more the first of two conditions has, in the unit of the quantity.

    Attributes:
        count: pairs in which both were measured.
        median: of the differences, first minus second; NaN without pairs.
        low, high: of its bootstrap interval (BCa); NaN with fewer than 3 pairs.
        larger, smaller: pairs in which the first has more, and less; one that was not measured counts as infinite.
        p_value: of the exact sign test on these.
    """

    count: int
    median: float
    low: float
    high: float
    larger: int
    smaller: int
    p_value: float


def paired_difference(
    first: ArrayLike, second: ArrayLike, confidence: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> PairedDifference:
    """Compare two conditions pair by pair.

    What was not measured is infinite: the time of an insertion that failed is longer than that of any that did not, so
    a pair in which only one failed counts in the sign test, and one in which both did is a tie. The interval is of
    the pairs in which neither failed (B. Efron, "Better bootstrap confidence intervals", JASA 82, 1987).

    Args:
        first, second: (n,), in the same order; `inf` where there is no value.

    Raises:
        StatisticsError: shapes that differ, or a NaN.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise StatisticsError(f"paired_difference: shapes {a.shape} and {b.shape}; allowed are two equal shapes (n,)")
    if np.isnan(a).any() or np.isnan(b).any():
        raise StatisticsError("paired_difference: a value is nan; allowed are numbers, and inf for what has none")
    larger, smaller = int(np.sum(a > b)), int(np.sum(a < b))
    both = np.isfinite(a) & np.isfinite(b)
    difference = a[both] - b[both]
    low, high = _median_interval(difference, confidence, resamples, seed)
    return PairedDifference(
        count=len(difference),
        median=float(np.median(difference)) if difference.size else math.nan,
        low=low,
        high=high,
        larger=larger,
        smaller=smaller,
        p_value=exact_sign_test(larger, smaller),
    )


def _median_interval(values: NDArray[np.float64], confidence: float, resamples: int, seed: int) -> tuple[float, float]:
    from scipy.stats import bootstrap

    if len(values) < 3:
        return math.nan, math.nan
    if np.ptp(values) == 0.0:
        return float(values[0]), float(values[0])
    found = bootstrap(
        (values,),
        np.median,
        n_resamples=resamples,
        confidence_level=confidence,
        method="BCa",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high)
