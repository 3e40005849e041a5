"""Worst cases: no member of a set does worse than is claimed, the member said to be worst does just that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maxent_robot.exact import (
    ExactError,
    TabularMdp,
    dynamics_divergence,
    dynamics_lower_bound,
    dynamics_reward,
    entropy,
    horizon_return,
    horizon_sum,
    optimal_tries,
    random_mdp,
    reward_divergence,
    worst_return,
    worst_reward,
)

QUICK = settings(deadline=None, derandomize=True, max_examples=20)
seeds = st.integers(0, 10_000)
temperatures = st.sampled_from([0.2, 1.0, 3.0])
T = 5


def problem(seed: int, terminals: int = 0) -> tuple[TabularMdp, np.ndarray, np.random.Generator]:
    """An undiscounted process with positive rewards, a policy with mass on every action, and a generator."""
    mdp = random_mdp(seed, states=4, terminals=terminals)
    generator = np.random.default_rng([seed, 1])
    reward = generator.uniform(0.1, 3.0, size=mdp.reward.shape) * mdp.active[:, None]
    return replace(mdp, reward=reward, discount=1.0), generator.dirichlet(np.ones(3), size=4), generator


@QUICK
@given(seeds, temperatures, st.integers(0, 1))
def test_no_reward_of_the_set_returns_less_than_the_maximum_entropy_objective(
    seed: int, alpha: float, terminals: int
) -> None:
    mdp, policy, generator = problem(seed, terminals)
    for scale in (0.01, 0.3, 1.0, 10.0):
        noise = scale * generator.normal(size=mdp.reward.shape)
        for shift in (noise, noise - alpha * np.log(policy)):
            perturbed = replace(mdp, reward=(mdp.reward + shift) * mdp.active[:, None])
            budget = reward_divergence(mdp, policy, perturbed.reward, T, alpha)
            worst = worst_return(mdp, policy, T, alpha, budget)
            assert horizon_return(perturbed, policy, T, 0.0) >= worst - 1e-11


@QUICK
@given(seeds, temperatures, st.sampled_from([0.0, 2.5, -1.0]), st.integers(0, 1))
def test_the_worst_reward_is_in_the_set_and_attains_the_claim(
    seed: int, alpha: float, budget: float, terminals: int
) -> None:
    mdp, policy, _ = problem(seed, terminals)
    worst = worst_reward(mdp, policy, T, alpha, budget)
    assert reward_divergence(mdp, policy, worst, T, alpha) == pytest.approx(budget, abs=1e-11)
    attained = horizon_return(replace(mdp, reward=worst), policy, T, 0.0)
    assert attained == pytest.approx(worst_return(mdp, policy, T, alpha, budget), abs=1e-11)
    assert attained == pytest.approx(horizon_return(mdp, policy, T, alpha) - budget, abs=1e-11)


@QUICK
@given(seeds)
def test_the_worst_reward_is_worse_than_its_neighbours_in_the_set(seed: int) -> None:
    mdp, policy, generator = problem(seed)
    worst = worst_reward(mdp, policy, T, 1.0)
    for _ in range(10):
        step = worst + 0.05 * generator.normal(size=worst.shape)
        # Back to the edge of the set, by a shift of every reward alike.
        excess = reward_divergence(mdp, policy, step, T, 1.0) / T
        neighbour = step + excess
        assert reward_divergence(mdp, policy, neighbour, T, 1.0) == pytest.approx(0.0, abs=1e-11)
        assert horizon_return(replace(mdp, reward=neighbour), policy, T, 0.0) > worst_return(mdp, policy, T, 1.0)


@QUICK
@given(seeds, temperatures)
def test_the_true_reward_has_the_divergence_of_a_uniform_choice_at_each_step(seed: int, alpha: float) -> None:
    mdp, policy, _ = problem(seed)
    assert reward_divergence(mdp, policy, mdp.reward, T, alpha) == pytest.approx(T * alpha * np.log(3.0), abs=1e-11)


@QUICK
@given(seeds)
def test_no_dynamics_of_the_set_return_less_than_the_bound(seed: int) -> None:
    mdp, policy, generator = problem(seed)
    for mix in (0.0, 0.05, 0.3, 1.0):
        other = generator.dirichlet(np.full(4, 2.0), size=(4, 3))
        perturbed = replace(mdp, transition=(1.0 - mix) * mdp.transition + mix * other)
        budget = dynamics_divergence(mdp, policy, perturbed.transition, T)
        assert horizon_return(perturbed, policy, T, 0.0) >= dynamics_lower_bound(mdp, policy, T, budget)


@pytest.mark.parametrize("successors", [1, 2, 4])
def test_the_bound_on_dynamics_is_attained_so_its_constants_are_right(successors: int) -> None:
    generator = np.random.default_rng(successors)
    transition = np.zeros((4, 3, 4))
    for state in range(4):
        for action in range(3):
            transition[state, action, generator.permutation(4)[:successors]] = 1.0 / successors
    reward, policy = np.full((4, 3), 0.6), np.full((4, 3), 1.0 / 3.0)
    mdp = TabularMdp(transition, reward, 1.0, np.zeros(4, dtype=bool), np.full(4, 0.25))
    budget = dynamics_divergence(mdp, policy, transition, T)
    assert budget == pytest.approx(T * np.log(3.0 * successors), abs=1e-11)
    assert dynamics_lower_bound(mdp, policy, T, budget) == pytest.approx(T * 0.6, abs=1e-11)
    assert horizon_return(mdp, policy, T, 0.0) == pytest.approx(T * 0.6, abs=1e-12)


@QUICK
@given(seeds)
def test_the_bound_is_the_formula_written_out(seed: int) -> None:
    mdp, policy, _ = problem(seed)
    bar = dynamics_reward(mdp, T)
    np.testing.assert_allclose(bar, np.log(mdp.reward) / T + entropy(mdp.transition), rtol=0.0, atol=1e-15)
    objective = horizon_sum(mdp, policy, (policy * bar).sum(1) + entropy(policy), T)
    assert dynamics_lower_bound(mdp, policy, T, 0.7) == pytest.approx(np.exp(objective + np.log(T) - 0.7), rel=1e-12)


@QUICK
@given(seeds)
def test_no_dynamics_have_a_divergence_below_that_of_memoryless_search(seed: int) -> None:
    # The inner sum over s' of p / p~ is the expected number of tries for a goal hidden by p, tried by p~.
    mdp, policy, generator = problem(seed)
    root = np.sqrt(mdp.transition)
    least = dynamics_divergence(mdp, policy, root / root.sum(-1, keepdims=True), T)
    per_state = np.log([sum(optimal_tries(row) for row in rows) for rows in mdp.transition])
    assert least == pytest.approx(horizon_sum(mdp, policy, per_state, T), abs=1e-11)
    assert least >= T * np.log(3.0)
    for perturbed in generator.dirichlet(np.ones(4), size=(10, 4, 3)):
        assert dynamics_divergence(mdp, policy, perturbed, T) >= least


def test_dynamics_that_forbid_what_may_happen_are_in_no_set() -> None:
    mdp, policy, _ = problem(0)
    forbidding = np.zeros_like(mdp.transition)
    forbidding[..., 0] = 1.0
    assert dynamics_divergence(mdp, policy, forbidding, T) == np.inf
    assert dynamics_lower_bound(mdp, policy, T, np.inf) == 0.0
    # What can't happen does not count.
    assert dynamics_divergence(replace(mdp, transition=forbidding), policy, forbidding, T) == pytest.approx(
        T * np.log(3.0), abs=1e-12
    )


def test_a_sum_over_the_horizon_stops_at_termination() -> None:
    transition = np.array([[[0.5, 0.5]], [[0.0, 1.0]]])
    mdp = TabularMdp(transition, np.zeros((2, 1)), 1.0, np.array([False, True]), np.array([1.0, 0.0]))
    assert horizon_sum(mdp, np.ones((2, 1)), [1.0, 100.0], 4) == pytest.approx(1.875, abs=1e-15)
    started_at_the_end = replace(mdp, initial=np.array([0.0, 1.0]))
    assert worst_reward(started_at_the_end, np.ones((2, 1)), 4, 1.0, 3.0).tolist() == [[0.0], [0.0]]


def test_what_the_theorems_do_not_cover_is_refused() -> None:
    mdp, policy, _ = problem(0)
    with pytest.raises(ExactError, match=r"discount is 0\.9; allowed is 1"):
        worst_return(replace(mdp, discount=0.9), policy, T, 1.0)
    with pytest.raises(ExactError, match=r"policy\[0, 1\] is 0\.0; allowed is mass on every action"):
        worst_reward(mdp, np.eye(3)[[0, 0, 0, 0]], T, 1.0)
    with pytest.raises(ExactError, match=r"reward has the least entry -.*; allowed are rewards > 0"):
        dynamics_reward(replace(mdp, reward=mdp.reward - 5.0), T)
    with pytest.raises(ExactError, match=r"terminal\[3\] is True"):
        dynamics_reward(problem(0, terminals=1)[0], T)
