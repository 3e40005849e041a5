"""Zero-sum games whose answers are known, and the identities that hold in all of them."""

from __future__ import annotations

import numpy as np
import pytest

from maxent_robot.exact import (
    ExactError,
    duality_gap,
    fictitious_play,
    guaranteed_payoff,
    matrix_game_equilibrium,
    maxent_equilibrium,
    softmax_policy,
)

PENNIES = np.array([[1.0, -1.0], [-1.0, 1.0]])
ROCK_PAPER_SCISSORS = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
# Penalty kicks: the corner that the kicker is better at is guarded more and chosen less.
UNEVEN = np.array([[0.58, 0.95], [0.93, 0.70]])


def test_equilibria_are_those_that_theory_gives() -> None:
    for payoff in (PENNIES, ROCK_PAPER_SCISSORS):
        solution = matrix_game_equilibrium(payoff)
        np.testing.assert_allclose(solution.row, 1.0 / len(payoff), atol=1e-9)
        np.testing.assert_allclose(solution.column, 1.0 / len(payoff), atol=1e-9)
        assert solution.value == pytest.approx(0.0, abs=1e-9)
    (a, b), (c, d) = UNEVEN
    solution = matrix_game_equilibrium(UNEVEN)
    total = a - b - c + d
    np.testing.assert_allclose(solution.row[0], (d - c) / total, atol=1e-9)
    np.testing.assert_allclose(solution.column[0], (d - b) / total, atol=1e-9)
    np.testing.assert_allclose(solution.value, (a * d - b * c) / total, atol=1e-9)
    # With a dominant row there is nothing to mix.
    np.testing.assert_allclose(matrix_game_equilibrium([[2.0, 3.0], [1.0, 0.0]]).row, [1.0, 0.0], atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_no_strategy_guarantees_more_than_the_value_and_the_equilibrium_does(seed: int) -> None:
    generator = np.random.default_rng(seed)
    payoff = generator.normal(size=(7, 11))
    solution = matrix_game_equilibrium(payoff)
    assert solution.gap == pytest.approx(0.0, abs=1e-9)
    assert guaranteed_payoff(payoff, solution.row) == pytest.approx(solution.value, abs=1e-9)
    for row in generator.dirichlet(np.ones(7), 200):
        assert guaranteed_payoff(payoff, row) <= solution.value + 1e-9
        assert duality_gap(payoff, row, solution.column) >= -1e-9


@pytest.mark.parametrize("temperature", [1.0, 0.1, 0.02])
def test_at_the_maximum_entropy_equilibrium_each_is_the_soft_response_to_the_other(temperature: float) -> None:
    payoff = np.random.default_rng(3).uniform(size=(6, 9))
    solution = maxent_equilibrium(payoff, temperature, tolerance=1e-12)
    np.testing.assert_allclose(solution.row, softmax_policy(payoff @ solution.column, temperature), atol=1e-5)
    np.testing.assert_allclose(solution.column, softmax_policy(-(solution.row @ payoff), temperature), atol=1e-5)


def test_as_the_temperature_falls_it_comes_to_the_equilibrium_and_no_slower_than_promised() -> None:
    payoff = np.random.default_rng(4).uniform(size=(6, 9))
    gaps = []
    for temperature in (1.0, 0.3, 0.1, 0.03, 0.01):
        solution = maxent_equilibrium(payoff, temperature)
        gaps.append(duality_gap(payoff, solution.row, solution.column))
        assert gaps[-1] <= temperature * (np.log(6) + np.log(9)) + 1e-9
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 0.05 * gaps[0]


def test_fictitious_play_comes_to_the_value_though_every_round_is_pure() -> None:
    for payoff in (PENNIES, ROCK_PAPER_SCISSORS, UNEVEN):
        assert fictitious_play(payoff, 20_000).gap < 0.02
        assert fictitious_play(payoff, 20_000).gap < fictitious_play(payoff, 200).gap


def test_what_is_no_game_is_refused() -> None:
    with pytest.raises(ExactError, match="payoff has shape"):
        matrix_game_equilibrium([1.0, 2.0])
    with pytest.raises(ExactError, match="row sums to"):
        guaranteed_payoff(PENNIES, [0.5, 0.4])
    with pytest.raises(ExactError, match="temperature is 0"):
        maxent_equilibrium(PENNIES, 0.0)
    with pytest.raises(ExactError, match="horizon is 0"):
        fictitious_play(PENNIES, 0)
