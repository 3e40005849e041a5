"""Search without memory: simulated, minimised by another method, and compared with what remembers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maxent_robot.exact import (
    ExactError,
    TabularMdp,
    expected_tries,
    matching_tries,
    optimal_proposal,
    optimal_tries,
    soft_policy_iteration,
    systematic_tries,
    tempered_proposal,
)

QUICK = settings(deadline=None, derandomize=True, max_examples=25)
seeds = st.integers(0, 10_000)


def belief(seed: int, cells: int = 6) -> np.ndarray:
    """A random distribution; every second one has a cell where the goal can't be."""
    p = np.random.default_rng(seed).dirichlet(np.ones(cells))
    p[0] *= seed % 2
    return np.asarray(p / p.sum())


@QUICK
@given(seeds)
def test_the_square_root_is_the_minimum(seed: int) -> None:
    p = belief(seed)
    best = optimal_proposal(p)
    assert expected_tries(p, best) == pytest.approx(optimal_tries(p), rel=1e-13)
    for other in np.random.default_rng(seed).dirichlet(np.ones(6), size=20):
        for share in (1e-3, 0.1, 1.0):
            assert expected_tries(p, (1.0 - share) * best + share * other) > optimal_tries(p)


@QUICK
@given(seeds)
def test_a_minimiser_that_knows_no_formula_finds_it(seed: int) -> None:
    p = belief(2 * seed + 1)
    log_q = np.zeros(6)
    for _ in range(60):
        # Newton's method on sum p exp(-l) subject to sum exp(l) = 1, by its Lagrangian.
        q = np.exp(log_q)
        system = np.block([[np.diag(p / q + (p / q).sum() * q), q[:, None]], [q[None, :], np.zeros((1, 1))]])
        step = np.linalg.solve(system, np.concatenate([p / q, [1.0 - q.sum()]]))[:6]
        log_q += step / max(1.0, np.abs(step).max())
    np.testing.assert_allclose(np.exp(log_q), optimal_proposal(p), rtol=0.0, atol=1e-10)


@QUICK
@given(seeds)
def test_the_expected_number_of_tries_is_the_series_over_tries(seed: int) -> None:
    generator = np.random.default_rng(seed)
    p, q = generator.dirichlet(np.ones(4)), 0.05 + 0.8 * generator.dirichlet(np.ones(4))
    k = np.arange(1, 2001)[:, None]
    series = (p * (k * q * (1.0 - q) ** (k - 1)).sum(axis=0)).sum()
    assert expected_tries(p, q) == pytest.approx(series, rel=1e-12)


@QUICK
@given(seeds)
def test_matching_the_belief_costs_the_number_of_cells_whatever_the_belief(seed: int) -> None:
    p = belief(seed)
    assert matching_tries(p) == 5 + seed % 2
    assert expected_tries(p, p) == pytest.approx(matching_tries(p), rel=1e-13)
    support = (p > 0.0) / np.count_nonzero(p)
    assert expected_tries(p, support) == pytest.approx(matching_tries(p), rel=1e-13)


@QUICK
@given(seeds)
def test_memory_needs_at_most_about_half_the_tries(seed: int) -> None:
    p = belief(seed, 5)
    orders = [sum(p[cell] * (k + 1) for k, cell in enumerate(order)) for order in itertools.permutations(range(5))]
    assert systematic_tries(p) == pytest.approx(min(orders), rel=1e-13)
    assert systematic_tries(p) <= (optimal_tries(p) + 1.0) / 2.0 + 1e-12


@QUICK
@given(seeds)
def test_the_optimum_is_the_maximum_entropy_policy_at_temperature_two(seed: int) -> None:
    p = belief(2 * seed + 1)
    mdp = TabularMdp(np.ones((1, 6, 1)), np.log(p)[None], 0.0, np.array([False]), np.array([1.0]))
    np.testing.assert_allclose(soft_policy_iteration(mdp, 2.0).policy[0], optimal_proposal(p), rtol=0.0, atol=1e-14)
    np.testing.assert_allclose(tempered_proposal(p, 2.0), optimal_proposal(p), rtol=0.0, atol=1e-14)
    np.testing.assert_allclose(tempered_proposal(p, 1.0), p, rtol=0.0, atol=1e-14)
    np.testing.assert_allclose(tempered_proposal(p, 1e12), np.full(6, 1.0 / 6.0), rtol=0.0, atol=1e-11)
    tries = [expected_tries(p, tempered_proposal(p, alpha)) for alpha in (1.0, 1.5, 2.0, 3.0, 9.0)]
    assert tries[0] > tries[1] > tries[2] < tries[3] < tries[4]


def test_a_gaussian_belief_over_a_fine_grid_has_the_integrals_for_its_sums() -> None:
    # Standard deviation 1, square cells of side h: (integral of sqrt p)^2 = 8 pi / h^2, mean rank 2 pi / h^2 + 1/2.
    side = 0.4
    centre = side * (np.arange(40) - 19.5)
    p = np.exp(-0.5 * (centre[:, None] ** 2 + centre**2)).ravel()
    p /= p.sum()
    assert optimal_tries(p) == pytest.approx(8.0 * np.pi / side**2, rel=1e-6)
    assert systematic_tries(p) == pytest.approx(2.0 * np.pi / side**2 + 0.5, rel=5e-3)
    assert (round(optimal_tries(p)), round(systematic_tries(p))) == (157, 40)


def test_a_cell_that_is_never_tried_and_may_hold_the_goal_is_searched_for_ever() -> None:
    assert expected_tries([0.5, 0.5], [1.0, 0.0]) == np.inf
    assert expected_tries([1.0, 0.0], [1.0, 0.0]) == 1.0


def test_what_is_no_distribution_is_refused() -> None:
    with pytest.raises(ExactError, match=r"belief sums to .*0\.9"):
        optimal_proposal([0.5, 0.4])
    with pytest.raises(ExactError, match=r"proposal has shape \(3,\); allowed is \(2\)"):
        expected_tries([0.5, 0.5], [0.2, 0.3, 0.5])
    with pytest.raises(ExactError, match="temperature is 0"):
        tempered_proposal([0.5, 0.5], 0.0)
