"""Time to insertion where not every trial ends with one: Kaplan-Meier curves and the log-rank test, by SciPy.

A trial that was broken off, by the operator or because the machine failed it, is censored at that time: it might have
gone on to insert. One that failed by itself (time-out, jam, force stop) will not insert, so it stays at risk to the end
of the time allowed; the curve then is one minus the share inserted by a time (J. Fine and R. Gray, "A proportional
hazards model for the subdistribution of a competing risk", JASA 94, 1999).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxent_robot.trials.statistics import StatisticsError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SurvivalCurve:
    """Share of trials that have not inserted yet; a step function, right-continuous.

    Attributes:
        time_s: (k,) of the steps and of the censored trials, rising.
        share: (k,) from there on.
        low, high: (k,) of the pointwise interval (Greenwood, on the scale log(-log)).
    """

    time_s: Array
    share: Array
    low: Array
    high: Array


def survival_curve(time_s: ArrayLike, inserted: ArrayLike, confidence: float = 0.95) -> SurvivalCurve:
    """The curve of n trials (E. Kaplan and P. Meier, JASA 53, 1958).

    Args:
        time_s: (n,) of the insertion, or of the end of what is known.
        inserted: (n,) bool.

    Raises:
        StatisticsError: shapes that differ, or times that are not finite.
    """
    from scipy.stats import ecdf

    times, events = _checked(time_s, inserted)
    if not times.size:
        empty = np.zeros(0)
        return SurvivalCurve(empty, empty, empty, empty)
    curve = ecdf(_sample(times, events)).sf
    with warnings.catch_warnings():  # no interval where the curve is 1 or 0: they are set below
        warnings.simplefilter("ignore", RuntimeWarning)
        interval = curve.confidence_interval(confidence, method="log-log")
    share = np.asarray(curve.probabilities)
    low, high = (np.asarray(bound.probabilities, dtype=np.float64) for bound in (interval.low, interval.high))
    return SurvivalCurve(
        np.asarray(curve.quantiles, dtype=np.float64),
        share,
        np.where(np.isnan(low), share, low),
        np.where(np.isnan(high), share, high),
    )


def log_rank_test(first: tuple[ArrayLike, ArrayLike], second: tuple[ArrayLike, ArrayLike]) -> float:
    """Two-sided p-value that both sets of (time_s, inserted) have one curve (N. Mantel, 1966); 1 without insertions.

    Raises:
        StatisticsError: as `survival_curve`.
    """
    from scipy.stats import logrank

    samples = [_checked(*one) for one in (first, second)]
    if not any(events.any() for _, events in samples) or not all(times.size for times, _ in samples):
        return 1.0
    return float(logrank(*(_sample(times, events) for times, events in samples)).pvalue)


def _checked(time_s: ArrayLike, inserted: ArrayLike) -> tuple[Array, NDArray[np.bool_]]:
    times, events = np.asarray(time_s, dtype=np.float64), np.asarray(inserted, dtype=np.bool_)
    if times.shape != events.shape or times.ndim != 1:
        raise StatisticsError(f"survival: shapes {times.shape} and {events.shape}; allowed are two equal shapes (n,)")
    if not np.isfinite(times).all() or (times < 0.0).any():
        raise StatisticsError("survival: a time is not finite or negative; allowed are times from 0 s")
    return times, events


def _sample(times: Array, events: NDArray[np.bool_]) -> Any:
    from scipy.stats import CensoredData

    return CensoredData.right_censored(times, ~events)
