"""The soft optimum: its fixed point, its certificate, its closed forms and its hard limit."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maxent_robot.exact import (
    ExactError,
    corridor,
    detour_grid,
    entropy,
    greedy_entropy_policy,
    policy_value,
    random_mdp,
    soft_bellman_backup,
    soft_policy_iteration,
    soft_value_iteration,
)

QUICK = settings(deadline=None, derandomize=True, max_examples=20)
seeds = st.integers(0, 10_000)
temperatures = st.sampled_from([0.0, 0.05, 0.5, 1.0, 4.0])


@QUICK
@given(seeds, temperatures, st.sampled_from([0.0, 0.5, 0.9, 0.97]), st.integers(0, 2))
def test_value_iteration_and_policy_iteration_meet(seed: int, alpha: float, discount: float, terminals: int) -> None:
    mdp = random_mdp(seed, states=5, discount=discount, terminals=terminals)
    by_value, by_policy = soft_value_iteration(mdp, alpha), soft_policy_iteration(mdp, alpha)
    np.testing.assert_allclose(by_value.v, by_policy.v, rtol=0.0, atol=1e-9)
    np.testing.assert_allclose(by_value.q, by_policy.q, rtol=0.0, atol=1e-9)
    np.testing.assert_allclose(soft_bellman_backup(mdp, by_policy.v, alpha), by_policy.v, rtol=0.0, atol=1e-10)
    np.testing.assert_allclose(policy_value(mdp, by_value.policy, alpha), by_value.v, rtol=0.0, atol=1e-9)
    assert (by_value.v[mdp.terminal] == 0.0).all()
    assert (by_value.q[mdp.terminal] == 0.0).all()


@QUICK
@given(seeds, st.sampled_from([0.05, 0.5, 2.0]))
def test_no_policy_has_a_higher_soft_value(seed: int, alpha: float) -> None:
    mdp = random_mdp(seed, states=5, terminals=1)
    optimum = soft_policy_iteration(mdp, alpha)
    others = np.random.default_rng(seed).dirichlet(np.full(3, 0.3), size=(20, 5))
    for policy in [*others, 0.999 * optimum.policy + 0.001 * others[0]]:
        assert (policy_value(mdp, policy, alpha) <= optimum.v + 1e-10).all()


@QUICK
@given(seeds, temperatures)
def test_the_backup_contracts_by_the_discount(seed: int, alpha: float) -> None:
    mdp = random_mdp(seed)
    a, b = np.random.default_rng(seed).normal(size=(2, 6))
    moved = np.abs(soft_bellman_backup(mdp, a, alpha) - soft_bellman_backup(mdp, b, alpha)).max()
    assert moved <= 0.9 * np.abs(a - b).max() + 1e-12


@pytest.mark.parametrize("alpha", [0.1, 1.0])
def test_one_state_has_a_closed_form(alpha: float) -> None:
    mdp = random_mdp(2, states=1, actions=4)
    expected = alpha * np.log(np.exp(mdp.reward[0] / alpha).sum()) / (1.0 - 0.9)
    np.testing.assert_allclose(soft_policy_iteration(mdp, alpha).v, [expected], rtol=0.0, atol=1e-11)


def test_temperature_zero_is_the_best_of_all_deterministic_policies() -> None:
    mdp = random_mdp(8, states=4, actions=3, terminals=1)
    values = [policy_value(mdp, np.eye(3)[[*choice, 0]], 0.0) for choice in itertools.product(range(3), repeat=3)]
    hard = soft_value_iteration(mdp, 0.0)
    np.testing.assert_allclose(hard.v, np.max(values, axis=0), rtol=0.0, atol=1e-9)
    assert np.isin(hard.policy[:3], (0.0, 1.0)).all()


def test_a_vanishing_temperature_tends_to_the_hard_optimum_from_above() -> None:
    mdp = detour_grid()
    hard = soft_policy_iteration(mdp, 0.0).v
    for alpha in (1e-2, 1e-4, 1e-6):
        gap = soft_policy_iteration(mdp, alpha).v - hard
        assert (gap >= -1e-10).all()
        assert gap.max() <= alpha * np.log(4.0) / (1.0 - mdp.discount) + 1e-10


@pytest.mark.parametrize("tolerance", [1e-2, 1e-6, 1e-10])
def test_the_error_is_within_the_certified_bound(tolerance: float) -> None:
    mdp = corridor(9, 0.1, discount=0.97)
    truth = soft_policy_iteration(mdp, 0.3, 1e-11).v
    found = soft_value_iteration(mdp, 0.3, tolerance)
    assert np.abs(found.v - truth).max() <= found.error_bound + 1e-11
    assert found.error_bound <= tolerance
    assert found.iterations > 1


def test_scaling_reward_and_temperature_together_scales_the_values_alone() -> None:
    mdp = random_mdp(1)
    plain = soft_policy_iteration(mdp, 0.5)
    scaled = soft_policy_iteration(replace(mdp, reward=4.0 * mdp.reward), 2.0)
    np.testing.assert_allclose(scaled.q, 4.0 * plain.q, rtol=0.0, atol=1e-10)
    np.testing.assert_allclose(scaled.policy, plain.policy, rtol=0.0, atol=1e-11)


@QUICK
@given(seeds)
def test_greedy_entropy_is_best_for_one_step_and_future_entropy_for_all(seed: int) -> None:
    mdp, alpha = random_mdp(seed), 0.8
    greedy, soft = greedy_entropy_policy(mdp, alpha), soft_policy_iteration(mdp, alpha)
    hard_q = soft_policy_iteration(mdp, 0.0).q

    def one_step(policy: np.ndarray) -> np.ndarray:
        return (policy * hard_q).sum(1) + alpha * entropy(policy)

    assert (one_step(greedy) >= one_step(soft.policy) - 1e-12).all()
    regret = soft.v - policy_value(mdp, greedy, alpha)
    assert (regret >= -1e-10).all()
    assert regret.max() > 1e-6


def test_a_tolerance_that_rounding_does_not_allow_is_refused() -> None:
    with pytest.raises(ExactError, match="below rounding"):
        soft_policy_iteration(random_mdp(0, discount=0.99), 1.0, 1e-20)
