"""Paired differences, curves of the time to insertion and the number of trials, against values from elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest

from maxent_robot.trials import sequential
from maxent_robot.trials.comparison import paired_difference
from maxent_robot.trials.experiment_figures import time_to_insertion
from maxent_robot.trials.outcome import SuccessCriterion, TrialResult
from maxent_robot.trials.power import (
    Discordance,
    discordance,
    group_power,
    group_size_needed,
    paired_power,
    pairs_needed,
)
from maxent_robot.trials.sequential import (
    ALIKE,
    CONTINUE,
    FIRST,
    SECOND,
    SequentialTest,
    simulate_campaigns,
)
from maxent_robot.trials.statistics import StatisticsError, exact_sign_test, mcnemar_exact
from maxent_robot.trials.survival import log_rank_test, survival_curve

# The `aml` data of R's package survival (R. Miller, "Survival Analysis", 1997): weeks, and whether the event was seen.
MAINTAINED = ([9, 13, 13, 18, 23, 28, 31, 34, 45, 48, 161], [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0])
NOT_MAINTAINED = ([5, 5, 8, 8, 12, 16, 23, 27, 30, 33, 43, 45], [1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1])


@pytest.mark.parametrize(
    ("ups", "downs", "p_value"),
    [(0, 0, 1.0), (12, 2, 0.01293945), (7, 3, 0.34375), (5, 0, 0.0625), (60, 40, 0.05688793)],
)
def test_sign_test_is_that_of_r(ups: int, downs: int, p_value: float) -> None:
    """R: binom.test(ups, ups + downs)."""
    assert exact_sign_test(ups, downs) == pytest.approx(p_value, abs=1e-7)


def test_the_interval_of_a_median_difference_covers_it_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        second = generator.gamma(3.0, 1.0, 40)
        found = paired_difference(second + generator.normal(0.5, 1.0, 40), second, resamples=499)
        covered += found.low <= 0.5 <= found.high
    assert 0.90 <= covered / 200 <= 0.99


def test_a_failure_is_slower_than_any_success_and_two_of_them_are_a_tie() -> None:
    inf = math.inf
    found = paired_difference([2.0, inf, 3.0, inf, 2.5], [1.0, 2.0, inf, inf, 2.0])
    assert (found.larger, found.smaller, found.count) == (3, 1, 2)
    assert found.median == pytest.approx(0.75)
    assert found.p_value == exact_sign_test(3, 1)
    assert math.isnan(found.low), "two pairs have no interval"
    with pytest.raises(StatisticsError, match="inf for what has none"):
        paired_difference([1.0, math.nan], [1.0, 2.0])


def test_differences_that_are_all_the_same_have_an_interval_of_no_width() -> None:
    found = paired_difference([2.0, 3.0, 4.0, 5.0], [1.0, 2.0, 3.0, 4.0])
    assert (found.low, found.median, found.high) == (1.0, 1.0, 1.0)


def test_a_late_yes_of_the_operator_is_an_insertion_at_the_end_of_the_time() -> None:
    def ended(outcome: str, time_s: float) -> TrialResult:
        return TrialResult("skill", "two_pin", 1, 1, "mean", outcome, time_s, 5.0, 0.019, 0.019)

    trials = [ended("success", 10.001 + 0.001 * k) for k in range(5)] + [ended("timeout", 10.0)] * 5
    times, inserted = time_to_insertion(trials, SuccessCriterion(timeout_s=10.0))
    assert set(times) == {10.0}
    assert survival_curve(times, inserted).share[-1] == pytest.approx(0.5), "one minus the share inserted"


def test_simulated_campaigns_do_not_depend_on_how_many_are_done_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    test, found = SequentialTest.planned(0.85, 0.95, 0.05, 0.2), discordance(0.95, 0.85)
    whole = simulate_campaigns(test, found, 100, 50)
    monkeypatch.setattr(sequential, "_BLOCK", 700)
    parts = simulate_campaigns(test, found, 100, 50)
    np.testing.assert_array_equal(whole.decisions, parts.decisions)
    np.testing.assert_array_equal(whole.pairs, parts.pairs)


def test_survival_curve_is_that_of_r() -> None:
    """R: survfit(Surv(time, status) ~ 1, data = aml[aml$x == "Maintained", ], conf.type = "log-log")."""
    curve = survival_curve(*MAINTAINED)
    steps = [9, 13, 18, 23, 31, 34, 48]
    shares = [10 / 11, 9 / 11, 9 / 11 * 7 / 8, 9 / 11 * 6 / 8, 27 / 44 * 4 / 5, 27 / 44 * 3 / 5, 81 / 220 / 2]
    at = np.searchsorted(curve.time_s, steps)
    np.testing.assert_allclose(curve.share[at], shares, rtol=1e-12)
    # The interval by hand: Greenwood's variance of log S, by the delta method on log(-log S).
    deaths, at_risk = np.array([1, 1, 1, 1, 1, 1, 1]), np.array([11, 10, 8, 7, 5, 4, 2])
    spread = np.sqrt(np.cumsum(deaths / (at_risk * (at_risk - deaths)))) / np.log(shares)
    z = 1.959963984540054
    np.testing.assert_allclose(curve.low[at], np.power(shares, np.exp(-z * spread)), rtol=1e-9)
    np.testing.assert_allclose(curve.high[at], np.power(shares, np.exp(z * spread)), rtol=1e-9)


def test_log_rank_test_is_that_of_r() -> None:
    """R: survdiff(Surv(time, status) ~ x, data = aml): Chisq = 3.4 on 1 degree of freedom, p = 0.0653."""
    assert log_rank_test(MAINTAINED, NOT_MAINTAINED) == pytest.approx(0.06533932, abs=1e-7)
    assert log_rank_test(NOT_MAINTAINED, MAINTAINED) == pytest.approx(0.06533932, abs=1e-7)


def test_without_insertions_there_is_a_flat_curve_and_no_difference() -> None:
    curve = survival_curve([10.0, 10.0, 4.0], [False, False, False])
    np.testing.assert_array_equal(curve.share, [1.0, 1.0])
    np.testing.assert_array_equal(curve.low, [1.0, 1.0])
    assert log_rank_test(([10.0], [False]), ([10.0, 3.0], [False, False])) == 1.0
    assert survival_curve([], []).time_s.size == 0
    with pytest.raises(StatisticsError, match="allowed are times from 0 s"):
        survival_curve([1.0, math.inf], [True, False])


def test_group_sizes_are_those_of_r() -> None:
    """R, `?power.prop.test`: n = 50, .50 against .75 has a power of 0.740; power .90 needs n = 76.7."""
    assert group_power(50, 0.5, 0.75) == pytest.approx(0.7401659, abs=1e-7)
    assert group_size_needed(0.5, 0.75, power=0.9) == pytest.approx(76.7, abs=0.05)
    assert group_size_needed(0.75, 0.5, power=0.9) == pytest.approx(group_size_needed(0.5, 0.75, power=0.9))


def test_power_of_the_paired_test_is_that_of_simulated_experiments() -> None:
    found, pairs, generator = discordance(0.95, 0.8), 60, np.random.default_rng(1)
    rejected = 0
    for _ in range(2000):
        drawn = generator.random(pairs)
        first, second = drawn < found.only_first, (drawn >= found.only_first) & (drawn < found.discordant)
        rejected += exact_sign_test(int(first.sum()), int(second.sum())) <= 0.05
    assert paired_power(pairs, found) == pytest.approx(rejected / 2000, abs=0.035)
    with_nothing_to_find = Discordance(0.1, 0.1)
    assert paired_power(200, with_nothing_to_find) <= 0.05


def test_enough_pairs_are_enough_and_one_less_is_not() -> None:
    found = discordance(0.95, 0.85)
    needed = pairs_needed(found)
    assert needed == 156
    assert paired_power(needed - 1, found) < 0.8
    assert min(paired_power(pairs, found) for pairs in range(needed, needed + 60)) >= 0.8
    assert pairs_needed(discordance(0.95, 0.85, correlation=0.4)) < needed
    with pytest.raises(StatisticsError, match="more than 5000 pairs"):
        pairs_needed(discordance(0.9, 0.901))


@pytest.mark.parametrize(
    ("first", "second", "correlation", "message"),
    [
        (1.0, 0.5, 0.0, "rate 1: allowed is more than 0 and less than 1"),
        (0.5, 0.5, 0.0, "allowed are two that differ"),
        (0.95, 0.5, 0.9, r"correlation 0.9: rates 0.95 and 0.5 allow -0.23 to 0.23"),
    ],
)
def test_rates_that_can_not_be_are_refused(first: float, second: float, correlation: float, message: str) -> None:
    with pytest.raises(StatisticsError, match=message):
        discordance(first, second, correlation)


def test_discordance_keeps_rates_and_correlation() -> None:
    found = discordance(0.9, 0.7, 0.3)
    both = 0.9 - found.only_first
    assert both == pytest.approx(0.7 - found.only_second)
    assert (both - 0.63) / math.sqrt(0.09 * 0.21) == pytest.approx(0.3)


ALPHA, BETA, CAMPAIGNS = 0.05, 0.2, 10_000


@pytest.mark.parametrize("rate", [0.5, 0.85, 0.95])
def test_the_sequential_test_keeps_its_first_error_over_ten_thousand_campaigns(rate: float) -> None:
    test = SequentialTest.planned(0.85, 0.95, ALPHA, BETA)
    same = Discordance(rate * (1 - rate), rate * (1 - rate))
    found = simulate_campaigns(test, same, 1500, CAMPAIGNS, seed=3)
    wrong = found.share(FIRST) + found.share(SECOND)
    assert wrong <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / CAMPAIGNS)
    assert wrong > 0.01, "it would be no test if it never erred"


@pytest.mark.parametrize("correlation", [0.0, 0.3])
def test_the_sequential_test_keeps_its_second_error_and_takes_fewer_pairs(correlation: float) -> None:
    test = SequentialTest.planned(0.85, 0.95, ALPHA, BETA, correlation)
    better = discordance(0.85, 0.95, correlation)
    found = simulate_campaigns(test, better, 1500, CAMPAIGNS, seed=4)
    missed = found.share(ALIKE) + found.share(FIRST)
    assert missed <= BETA + 3 * math.sqrt(BETA * (1 - BETA) / CAMPAIGNS)
    assert found.share(CONTINUE) == 0.0
    assert found.pairs.mean() < pairs_needed(better, 1 - BETA, ALPHA)


def test_simulated_campaigns_decide_as_the_test_does_pair_by_pair() -> None:
    test, generator = SequentialTest.planned(0.6, 0.9, 0.1, 0.1), np.random.default_rng(5)
    found = discordance(0.9, 0.6)
    simulated = simulate_campaigns(test, found, 60, 200, seed=6)
    drawn = np.random.default_rng(6).random((200, 60))
    for number, row in enumerate(drawn):
        pairs = [(bool(x < found.only_first), bool(found.only_first <= x < found.discordant)) for x in row]
        decision, count = test.follow(pairs)
        assert (CONTINUE, FIRST, SECOND, ALIKE).index(decision) == simulated.decisions[number]
        assert count == simulated.pairs[number]
    agreeing = [(bool(x), bool(x)) for x in generator.integers(0, 2, 50)]
    assert test.follow(agreeing) == (CONTINUE, 50), "pairs that agree say nothing"


def test_mcnemar_is_the_sign_test_of_the_pairs_that_differ() -> None:
    first, second = np.array([True] * 9 + [False] * 2 + [True] * 5), np.array([False] * 9 + [True] * 2 + [True] * 5)
    assert mcnemar_exact(first, second).p_value == exact_sign_test(9, 2)
