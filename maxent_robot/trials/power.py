"""How many trials tell two success rates apart: power of the exact paired test, and of two independent groups."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maxent_robot.trials.statistics import StatisticsError, wilson_interval

MOST_PAIRS = 5000


@dataclass(frozen=True)
class Discordance:
    """How often a pair tells two conditions apart.

    Attributes:
        only_first: probability that only the first succeeds.
        only_second: that only the second does.
    """

    only_first: float
    only_second: float

    @property
    def discordant(self) -> float:
        """Probability that just one of the two succeeds."""
        return self.only_first + self.only_second

    @property
    def first_share(self) -> float:
        """Share of the first among those pairs."""
        return self.only_first / self.discordant


def discordance(first: float, second: float, correlation: float = 0.0) -> Discordance:
    """Of pairs whose conditions succeed with these rates.

    Args:
        first, second: success rates in (0, 1).
        correlation: of success within a pair (phi). 0: the place has no part in it; the more it has, the fewer pairs
            are discordant, and the fewer are needed.

    Raises:
        StatisticsError: rates outside (0, 1) or equal, or a correlation that these rates can't have.
    """
    for rate in (first, second):
        if not 0.0 < rate < 1.0:
            raise StatisticsError(f"rate {rate:g}: allowed is more than 0 and less than 1")
    if first == second:
        raise StatisticsError(f"rates {first:g} and {second:g}: allowed are two that differ")
    both = first * second + correlation * math.sqrt(first * (1.0 - first) * second * (1.0 - second))
    low, high = max(0.0, first + second - 1.0), min(first, second)
    if not low - 1e-12 <= both <= high + 1e-12:
        scale = math.sqrt(first * (1.0 - first) * second * (1.0 - second))
        least, most = (low - first * second) / scale, (high - first * second) / scale
        raise StatisticsError(
            f"correlation {correlation:g}: rates {first:g} and {second:g} allow {least:.2f} to {most:.2f}"
        )
    return Discordance(max(0.0, first - both), max(0.0, second - both))


def paired_power(pairs: int, found: Discordance, alpha: float = 0.05) -> float:
    """Probability that McNemar's exact two-sided test of `pairs` pairs has p <= alpha; exact.

    Summed over the number of discordant pairs, which is binomial (S. Duffy, "Asymptotic and exact power for the McNemar
    test and its analogue with R controls per case", Biometrics 40, 1984).
    """
    from scipy.stats import binom

    m = np.arange(pairs + 1)
    chance = binom.pmf(m, pairs, found.discordant)
    critical = _critical(m, alpha)
    share = found.first_share
    rejects = binom.cdf(critical, m, share) + binom.sf(m - critical - 1, m, share)
    return float(np.sum(chance * np.where(critical >= 0, rejects, 0.0)))


def _critical(m: NDArray[np.int64], alpha: float) -> NDArray[np.int64]:
    """The largest count of the rarer outcome in m fair coins whose two-sided p-value is at most alpha; -1: none."""
    from scipy.stats import binom

    below = binom.ppf(alpha / 2.0, m, 0.5).astype(np.int64)
    fits = 2.0 * binom.cdf(below, m, 0.5) <= alpha
    return np.where(fits, below, below - 1)


def pairs_needed(found: Discordance, power: float = 0.8, alpha: float = 0.05, most: int = MOST_PAIRS) -> int:
    """The least number of pairs from which on the power of the exact test does not fall below `power` again.

    Raises:
        StatisticsError: more than `most`.
    """
    _require_share("power", power)
    _require_share("alpha", alpha)
    high = 8
    while paired_power(high, found, alpha) < power:
        if high >= most:
            raise StatisticsError(f"more than {most} pairs are needed: ask for a larger difference or less power")
        high = min(2 * high, most)
    # The power is a saw tooth: the test has few levels. Look past the last tooth that dips.
    enough = high
    for pairs in range(high + high // 4, 0, -1):
        if paired_power(pairs, found, alpha) < power:
            break
        enough = pairs
    return enough


def group_size_needed(first: float, second: float, power: float = 0.8, alpha: float = 0.05) -> float:
    """Trials of each of two independent groups by the normal approximation, as `power.prop.test` of R (two-sided).

    Raises:
        StatisticsError: see `discordance`.
    """
    from scipy.optimize import brentq

    discordance(first, second)
    _require_share("power", power)
    _require_share("alpha", alpha)
    return float(brentq(lambda n: group_power(n, first, second, alpha) - power, 1.0, 1e7))


def group_power(size: float, first: float, second: float, alpha: float = 0.05) -> float:
    """Power of two groups of that size; the far tail is left out, as `power.prop.test` does by default."""
    from scipy.stats import norm

    z = norm.isf(alpha / 2.0)
    mean = 0.5 * (first + second)
    apart = math.sqrt(size) * abs(first - second) - z * math.sqrt(2.0 * mean * (1.0 - mean))
    return float(norm.cdf(apart / math.sqrt(first * (1.0 - first) + second * (1.0 - second))))


def half_width(trials: int, rate: float) -> float:
    """Half the width of the 95 % Wilson interval of one rate after so many trials."""
    low, high = wilson_interval(round(rate * trials), trials)
    return 0.5 * (high - low)


def _require_share(name: str, value: float) -> None:
    if not 0.0 < value < 1.0:
        raise StatisticsError(f"{name} {value:g}: allowed is more than 0 and less than 1")
