"""A comparison that may stop early: a sequential test of two conditions on the pairs that tell them apart.

Of a pair in which just one of the two succeeds, it is the first with probability 1/2 if both are equally good. The
likelihood ratio of the shares theta and 1/2 is a martingale then, so it passes 2 / alpha with a chance of alpha / 2 at
most, however often one looks and whenever one stops (J. Ville, 1939); two ratios, one for each condition, make alpha.
If the difference is the one that was planned for, the inverse ratio is a martingale, so both ratios fall below beta
with a chance of beta at most. So Wald's test with these bounds keeps its error rates exactly, at the price of a few
pairs more than with his approximate ones (A. Wald, "Sequential tests of statistical hypotheses", 1945).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from maxent_robot.trials.power import Discordance, discordance
from maxent_robot.trials.statistics import StatisticsError

Count: TypeAlias = "int | NDArray[np.int64]"

CONTINUE, FIRST, SECOND, ALIKE = "continue", "first is better", "second is better", "no such difference"
_BLOCK = 1_000_000
"""Pairs that are simulated at a time, which bounds the memory that it takes."""


@dataclass(frozen=True)
class SequentialTest:
    """The test.

    Attributes:
        share: theta in (1/2, 1), the share that the better one has of the discordant pairs, as planned for.
        alpha: chance that one of two equally good ones is called better, at most.
        beta: chance that a difference as large as planned for is called none, at most.
    """

    share: float
    alpha: float = 0.05
    beta: float = 0.1

    def __post_init__(self) -> None:
        if not 0.5 < self.share < 1.0:
            raise StatisticsError(
                f"sequential test: the better one has a share of {self.share:g} of the pairs in which one succeeds, it "
                "must be over 0.5 and under 1: take other rates, or a lower correlation"
            )

    @classmethod
    def planned(cls, low: float, high: float, alpha: float, beta: float, correlation: float = 0.0) -> SequentialTest:
        """For two success rates that are to be told apart.

        Raises:
            StatisticsError: see `discordance`.
        """
        return cls(discordance(max(low, high), min(low, high), correlation).first_share, alpha, beta)

    @property
    def bounds(self) -> tuple[float, float]:
        """Of the log ratios: above the first a condition is better, with both below the second there is none."""
        return math.log(2.0 / self.alpha), math.log(self.beta)

    def log_ratios(self, only_first: Count, only_second: Count) -> tuple[Any, Any]:
        """Log likelihood ratios: that the first is better, and that the second is, each against no difference."""
        win, loss = math.log(2.0 * self.share), math.log(2.0 * (1.0 - self.share))
        return only_first * win + only_second * loss, only_second * win + only_first * loss

    def decide(self, only_first: int, only_second: int) -> str:
        """What is decided after so many pairs in which just one succeeded: one of the constants of the module."""
        first, second = self.log_ratios(only_first, only_second)
        upper, lower = self.bounds
        if first >= upper:
            return FIRST
        if second >= upper:
            return SECOND
        return ALIKE if first <= lower and second <= lower else CONTINUE

    def follow(self, pairs: Sequence[tuple[bool, bool]]) -> tuple[str, int]:
        """The decision on pairs of successes as they came, and after how many of them it fell."""
        only_first = only_second = 0
        for count, (first, second) in enumerate(pairs, 1):
            only_first, only_second = only_first + (first and not second), only_second + (second and not first)
            if (decision := self.decide(only_first, only_second)) != CONTINUE:
                return decision, count
        return CONTINUE, len(pairs)


@dataclass(frozen=True)
class SimulatedCampaigns:
    """What many simulated campaigns came to.

    Attributes:
        decisions: (campaigns,) index into (CONTINUE, FIRST, SECOND, ALIKE).
        pairs: (campaigns,) after which each stopped.
    """

    decisions: NDArray[np.int64]
    pairs: NDArray[np.int64]

    def share(self, decision: str) -> float:
        """Of the campaigns."""
        return float(np.mean(self.decisions == (CONTINUE, FIRST, SECOND, ALIKE).index(decision)))


def simulate_campaigns(
    test: SequentialTest, found: Discordance, most_pairs: int, campaigns: int = 10_000, seed: int = 0
) -> SimulatedCampaigns:
    """Run campaigns of at most `most_pairs` pairs each, in which pairs come out as `found` says."""
    generator = np.random.default_rng(seed)
    rows = max(1, _BLOCK // most_pairs)
    blocks = [
        _simulate(test, found, generator.random((min(rows, campaigns - done), most_pairs)))
        for done in range(0, campaigns, rows)
    ]
    decisions, pairs = (np.concatenate(part) for part in zip(*blocks, strict=True))
    return SimulatedCampaigns(decisions, pairs)


def _simulate(
    test: SequentialTest, found: Discordance, drawn: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Decision and number of pairs of each campaign, from uniform numbers (campaigns, pairs)."""
    campaigns, most_pairs = drawn.shape
    first = np.cumsum(drawn < found.only_first, axis=1, dtype=np.int64)
    second = np.cumsum((drawn >= found.only_first) & (drawn < found.discordant), axis=1, dtype=np.int64)
    for_first, for_second = test.log_ratios(first, second)
    upper, lower = test.bounds
    outcomes = np.stack(
        [for_first >= upper, for_second >= upper, (for_first <= lower) & (for_second <= lower)], axis=-1
    )
    stopped: NDArray[np.bool_] = np.asarray(outcomes.any(axis=-1))
    at = np.where(stopped.any(axis=1), stopped.argmax(axis=1), most_pairs - 1)
    last = outcomes[np.arange(campaigns), at]
    decisions = np.where(last.any(axis=-1), 1 + last.argmax(axis=-1), 0)
    return decisions, at + 1
