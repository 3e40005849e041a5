"""Statistics of a series of trials: intervals of a rate, summaries of times and forces, paired comparison of rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from maxent_robot.errors import MaxentRobotError


class StatisticsError(MaxentRobotError):
    """A statistic was asked of numbers that cannot have it."""


def wilson_interval(k: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided score interval of a success rate, from `k` successes in `n` trials.

    The bounds are the two solutions p of |k/n - p| = z sqrt(p (1 - p) / n), with z the normal quantile of
    `(1 + confidence) / 2` (E. B. Wilson, JASA 22, 1927). Unlike the normal approximation it never leaves [0, 1] and
    does not collapse at k = 0 and k = n. With n = 0 nothing is known: (0, 1).

    Raises:
        StatisticsError: k is not in [0, n], or confidence not in (0, 1).
    """
    if n < 0 or not 0 <= k <= n:
        raise StatisticsError(f"wilson_interval: k = {k} successes of n = {n} trials; allowed is 0 <= k <= n")
    if not 0.0 < confidence < 1.0:
        raise StatisticsError(f"wilson_interval: confidence = {confidence}; allowed is 0 < confidence < 1")
    if n == 0:
        return 0.0, 1.0
    from scipy.stats import binomtest

    low, high = binomtest(k, n).proportion_ci(confidence, "wilson")
    return (0.0 if k == 0 else float(low)), (1.0 if k == n else float(high))


@dataclass(frozen=True)
class Summary:
    """Order statistics of one measured quantity, in the unit of the quantity; all NaN when `count` is 0."""

    count: int
    minimum: float
    p50: float
    mean: float
    p95: float
    p99: float
    maximum: float

    @property
    def median(self) -> float:
        """The 50th percentile."""
        return self.p50


def summarise(values: ArrayLike) -> Summary:
    """Summary of `values`, any shape; percentiles interpolate linearly between order statistics.

    Raises:
        StatisticsError: a value is not finite.
    """
    array = np.asarray(values, dtype=np.float64).ravel()
    if array.size == 0:
        nan = math.nan
        return Summary(0, nan, nan, nan, nan, nan, nan)
    finite = np.isfinite(array)
    if not finite.all():
        index = int(np.argmin(finite))
        raise StatisticsError(f"summarise: value {index} of {array.size} is {array[index]}; allowed are finite numbers")
    p50, p95, p99 = (float(p) for p in np.percentile(array, (50.0, 95.0, 99.0)))
    return Summary(array.size, float(array.min()), p50, float(array.mean()), p95, p99, float(array.max()))


@dataclass(frozen=True)
class PairedComparison:
    """Two treatments on the same episodes, counted pair by pair, and McNemar's exact p-value."""

    both: int
    only_first: int
    only_second: int
    neither: int
    p_value: float

    @property
    def count(self) -> int:
        """Number of pairs."""
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def difference(self) -> float:
        """Success rate of the first minus that of the second; 0 when there are no pairs."""
        return (self.only_first - self.only_second) / self.count if self.count else 0.0


def mcnemar_exact(first: Sequence[bool] | ArrayLike, second: Sequence[bool] | ArrayLike) -> PairedComparison:
    """Exact McNemar test of two treatments tried on the same episodes, shapes (n,) and (n,) of booleans.

    Only the discordant pairs tell the treatments apart. If both are equally good, each discordant pair goes either way
    with probability 1/2, so the smaller count b of m discordant pairs is binomial, and the two-sided p-value is
    min(1, 2 sum_{i <= b} C(m, i) / 2^m) (Q. McNemar, Psychometrika 12, 1947; exact form).

    Raises:
        StatisticsError: the arrays differ in shape, are not one-dimensional, or are not boolean.
    """
    a, b = np.asarray(first), np.asarray(second)
    if a.shape != b.shape or a.ndim != 1:
        raise StatisticsError(f"mcnemar_exact: shapes {a.shape} and {b.shape}; allowed are two equal shapes (n,)")
    if a.size and not (a.dtype == np.bool_ and b.dtype == np.bool_):
        raise StatisticsError(f"mcnemar_exact: types {a.dtype} and {b.dtype}; allowed is bool")
    a, b = a.astype(np.bool_), b.astype(np.bool_)
    only_first, only_second = int(np.sum(a & ~b)), int(np.sum(~a & b))
    p_value = exact_sign_test(only_first, only_second)
    return PairedComparison(int(np.sum(a & b)), only_first, only_second, int(np.sum(~a & ~b)), p_value)


def exact_sign_test(ups: int, downs: int) -> float:
    """Two-sided p-value of so many ups and downs where both are equally likely; ties are left out, 1 without any."""
    from scipy.stats import binomtest

    return float(binomtest(ups, ups + downs, 0.5).pvalue) if ups + downs else 1.0
