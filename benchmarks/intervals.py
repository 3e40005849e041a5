"""Intervals of means over few seeds or blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean of independent values, two or more, and its 95 % interval by Student's t."""
    n, mean = len(values), float(np.mean(values))
    half = float(student.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
    return mean, mean - half, mean + half
