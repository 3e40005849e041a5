"""Linearly solvable processes: against soft value iteration, the closed form of a chain, and every other control."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maxent_robot.exact import (
    ExactError,
    LinearlySolvableMdp,
    as_tabular_mdp,
    average_cost,
    control_cost,
    controlled_transition,
    corridor,
    divergence,
    finite_horizon_desirability,
    first_exit_desirability,
    soft_backward_induction,
)

QUICK = settings(deadline=None, derandomize=True, max_examples=20)
seeds = st.integers(0, 10_000)


def random_problem(seed: int, states: int = 6, terminals: int = 2) -> LinearlySolvableMdp:
    """Passive dynamics with between two and all states as successors, costs in [0, 1]; the last states are terminal."""
    generator = np.random.default_rng(seed)
    passive = generator.dirichlet(np.ones(states), size=states)
    for state in range(states):
        # The next state and the last one stay possible: every state can end, or is reached from every other.
        dropped = generator.permutation(states)[: generator.integers(states - 1)]
        passive[state, dropped[~np.isin(dropped, [(state + 1) % states, states - 1])]] = 0.0
    passive /= passive.sum(axis=1, keepdims=True)
    terminal = np.arange(states) >= states - terminals
    passive[terminal] = np.eye(states)[terminal]
    return LinearlySolvableMdp(passive, generator.uniform(size=states), terminal)


def chain(length: int, cost: float, left: float = 0.0, right: float = 0.0) -> LinearlySolvableMdp:
    """An unbiased walk on 0 .. length at a constant cost, with both ends terminal at costs of their own."""
    passive = 0.5 * (np.eye(length + 1, k=1) + np.eye(length + 1, k=-1))
    ends = np.isin(np.arange(length + 1), (0, length))
    passive[ends] = np.eye(length + 1)[ends]
    costs = np.full(length + 1, cost)
    costs[[0, length]] = left, right
    return LinearlySolvableMdp(passive, costs, ends)


@QUICK
@given(seeds)
def test_first_exit_is_soft_value_iteration(seed: int) -> None:
    problem = random_problem(seed)
    z, inside = first_exit_desirability(problem), ~problem.terminal
    soft = soft_backward_induction(as_tabular_mdp(problem), 1500, 1.0).v[0]
    np.testing.assert_allclose(soft[inside], np.log(z)[inside], rtol=0.0, atol=1e-10)
    np.testing.assert_allclose(z[~inside], np.exp(-problem.state_cost[~inside]), rtol=1e-15)


@QUICK
@given(seeds)
def test_the_desirability_is_linear_and_its_control_is_bellman_optimal(seed: int) -> None:
    problem = random_problem(seed)
    z, inside = first_exit_desirability(problem), ~problem.terminal
    cost_to_go = -np.log(z)
    np.testing.assert_allclose((np.exp(-problem.state_cost) * (problem.passive @ z))[inside], z[inside], rtol=1e-12)
    best = controlled_transition(problem, z)
    attained = control_cost(problem, best) + best @ cost_to_go
    np.testing.assert_allclose(attained[inside], cost_to_go[inside], rtol=0.0, atol=1e-11)
    generator = np.random.default_rng(seed)
    for _ in range(5):
        other = problem.passive * generator.uniform(0.1, 1.0, size=best.shape)
        other /= other.sum(axis=1, keepdims=True)
        # What any other control loses in a step is its divergence from the best one.
        lost = (control_cost(problem, other) + other @ cost_to_go - cost_to_go)[inside]
        np.testing.assert_allclose(lost, divergence(other, best)[inside], rtol=0.0, atol=1e-11)


@QUICK
@given(seeds, st.integers(1, 8))
def test_a_finite_horizon_is_soft_value_iteration_step_by_step(seed: int, horizon: int) -> None:
    problem = random_problem(seed)
    z, inside = finite_horizon_desirability(problem, horizon), ~problem.terminal
    soft = soft_backward_induction(as_tabular_mdp(problem), horizon, 1.0)
    np.testing.assert_allclose(np.log(z)[:, inside], soft.v[:, inside], rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("cost", [1e-6, 0.05, 1.0, 5.0])
def test_a_chain_of_constant_cost_has_a_sinh_profile(cost: float) -> None:
    # z_n = e^-c (z_{n-1} + z_{n+1}) / 2 has the solutions lambda^n with lambda + 1 / lambda = 2 e^c.
    length, left, right = 12, 0.3, 1.7
    growth = np.exp(cost) + np.sqrt(np.expm1(2.0 * cost))
    assert growth * (np.exp(cost) - np.sqrt(np.expm1(2.0 * cost))) == pytest.approx(1.0, rel=1e-9)
    rate, n = np.log(growth), np.arange(length + 1)
    assert rate == pytest.approx(np.arccosh(np.exp(cost)), rel=1e-9)
    ends = np.exp(-left) * np.sinh(rate * (length - n)) + np.exp(-right) * np.sinh(rate * n)
    z = first_exit_desirability(chain(length, cost, left, right))
    np.testing.assert_allclose(z, ends / np.sinh(rate * length), rtol=1e-9)


def test_far_from_the_other_end_each_step_multiplies_the_desirability_by_the_same_factor() -> None:
    cost = 0.4
    z = first_exit_desirability(chain(80, cost, 0.0, 30.0))
    np.testing.assert_allclose(z[1:20] / z[:19], np.exp(cost) - np.sqrt(np.exp(2.0 * cost) - 1.0), rtol=1e-12)


def test_without_cost_and_reward_the_desirability_is_one() -> None:
    np.testing.assert_allclose(first_exit_desirability(chain(9, 0.0)), np.ones(10), rtol=1e-13)


def test_the_corridor_is_a_chain_that_reflects_at_its_wall() -> None:
    # Both moves at reward -c are an unbiased walk of cost c - log 2, as alpha log 2 of entropy is a reward of its own.
    cost, length = 1.5, 6
    mdp = corridor(length + 1, step_reward=-cost, discount=1.0)
    passive = chain(length, 0.0).passive.copy()
    passive[0] = 0.5 * (np.eye(length + 1)[0] + np.eye(length + 1)[1])
    costs = np.full(length + 1, cost - np.log(2.0))
    costs[length] = -1.0
    z = first_exit_desirability(LinearlySolvableMdp(passive, costs, np.arange(length + 1) == length))
    soft = soft_backward_induction(mdp, 400, 1.0).v[0]
    np.testing.assert_allclose(soft[:-1], np.log(z)[:-1], rtol=0.0, atol=1e-12)


@QUICK
@given(seeds)
def test_the_best_average_reward_is_the_log_of_the_perron_eigenvalue(seed: int) -> None:
    problem = random_problem(seed, terminals=0)
    cost, z = average_cost(problem)
    weighted = np.exp(-problem.state_cost)[:, None] * problem.passive
    power = weighted
    for _ in range(20):
        power = power @ power / power.max() ** 2
    assert -cost == pytest.approx(np.log((weighted @ power).sum() / power.sum()), abs=1e-11)

    def average(transition: np.ndarray) -> float:
        flow = np.vstack([transition.T - np.eye(6), np.ones(6)])
        stationary = np.linalg.lstsq(flow, np.eye(7)[6], rcond=None)[0]
        return float(stationary @ control_cost(problem, transition))

    best = controlled_transition(problem, z)
    assert average(best) == pytest.approx(cost, abs=1e-11)
    generator = np.random.default_rng(seed)
    for _ in range(5):
        other = best * generator.uniform(0.2, 1.0, size=best.shape)
        assert average(other / other.sum(axis=1, keepdims=True)) >= cost - 1e-12


def test_on_a_ring_of_even_length_the_average_is_found_although_the_walk_is_periodic() -> None:
    ring = 0.5 * (np.roll(np.eye(6), 1, axis=1) + np.roll(np.eye(6), -1, axis=1))
    cost, z = average_cost(LinearlySolvableMdp(ring, np.full(6, 900.0), np.zeros(6, dtype=bool)))
    assert cost == pytest.approx(900.0, abs=1e-9)
    np.testing.assert_allclose(z, np.ones(6), rtol=1e-12)


def test_a_state_with_few_successors_shares_the_probability_of_its_copies() -> None:
    passive = np.array([[0.2, 0.3, 0.5], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]])
    mdp = as_tabular_mdp(LinearlySolvableMdp(passive, np.array([0.1, 0.2, 0.7]), np.array([False, False, True])))
    assert mdp.actions == 3
    expected = [np.log(0.5) - 0.2, np.log(0.25) - 0.2 - 0.7, np.log(0.25) - 0.2 - 0.7]
    np.testing.assert_allclose(mdp.reward[1], expected, rtol=0.0, atol=1e-15)


def test_control_that_the_passive_dynamics_do_not_allow_costs_infinitely_much() -> None:
    cost = control_cost(chain(3, 0.1), np.eye(4))
    assert cost[1] == np.inf
    assert cost[0] == 0.0


def test_problems_without_an_answer_are_refused() -> None:
    ends = np.array([False, False, True])
    lost = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    with pytest.raises(ExactError, match="from state 0 to no terminal state"):
        first_exit_desirability(LinearlySolvableMdp(lost, np.ones(3), ends))
    with pytest.raises(ExactError, match="not irreducible"):
        average_cost(LinearlySolvableMdp(lost, np.ones(3), ends))
    with pytest.raises(ExactError, match=r"spectral radius 1\.\d+; allowed is < 1"):
        first_exit_desirability(chain(4, -1.0))
    with pytest.raises(ExactError, match="underflows"):
        first_exit_desirability(chain(4, 500.0))
    with pytest.raises(ExactError, match=r"passive\[2\] leaves terminal state 2"):
        LinearlySolvableMdp(np.full((3, 3), 1.0 / 3.0), np.ones(3), ends)
    with pytest.raises(ExactError, match=r"passive has shape \(2, 3\)"):
        LinearlySolvableMdp(lost[:2], np.ones(3), ends)
    with pytest.raises(ExactError, match=r"terminal is bool \(2,\); allowed is bool \(3,\)"):
        LinearlySolvableMdp(lost, np.ones(3), ends[:2])
