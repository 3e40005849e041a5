"""Values of a given policy, by sums over time that no linear solve enters; occupancy; regret."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maxent_robot.exact import (
    ExactError,
    corridor,
    discounted_occupancy,
    discounted_sum,
    entropy,
    policy_value,
    random_mdp,
    soft_advantage,
    soft_policy_iteration,
    soft_regret,
    softmax_policy,
    state_transition,
)
from maxent_robot.exact.mdp import TabularMdp

QUICK = settings(deadline=None, derandomize=True, max_examples=25)
seeds = st.integers(0, 10_000)
STEPS = 400


def problem(seed: int) -> tuple[TabularMdp, np.ndarray]:
    """A random process and policy of which every third has terminal states and every fourth a single action."""
    generator = np.random.default_rng(seed)
    actions = 1 if seed % 4 == 0 else 3
    mdp = random_mdp(seed, states=5, actions=actions, discount=0.9, terminals=2 * (seed % 3 == 0))
    return mdp, generator.dirichlet(np.ones(actions), size=5)


@QUICK
@given(seeds, st.sampled_from([0.0, 0.5, 2.0]))
def test_the_soft_value_is_the_discounted_sum_of_reward_and_entropy(seed: int, alpha: float) -> None:
    mdp, policy = problem(seed)
    present, total = np.eye(5) * mdp.active, np.zeros(5)
    gain = (policy * (mdp.reward - alpha * np.log(policy))).sum(1)
    for t in range(STEPS):
        total += 0.9**t * present @ gain
        present = np.einsum("is,sa,sap->ip", present, policy, mdp.transition) * mdp.active
    np.testing.assert_allclose(policy_value(mdp, policy, alpha), total, rtol=0.0, atol=1e-11)


@QUICK
@given(seeds)
def test_occupancy_turns_values_into_a_sum_over_states_and_actions(seed: int) -> None:
    mdp, policy = problem(seed)
    rho = discounted_occupancy(mdp, policy)
    bonus = 0.7 * entropy(policy)
    objective = (rho * (mdp.reward + bonus[:, None])).sum()
    assert objective == pytest.approx(mdp.initial @ policy_value(mdp, policy, 0.7), abs=1e-11)
    assert (rho >= 0.0).all()
    assert (rho[mdp.terminal] == 0.0).all()
    flow = mdp.initial + 0.9 * np.einsum("sap,sa->p", mdp.transition, rho)
    np.testing.assert_allclose(rho.sum(1)[mdp.active], flow[mdp.active], rtol=0.0, atol=1e-12)
    if not mdp.terminal.any():
        assert rho.sum() == pytest.approx(10.0, abs=1e-11)


@QUICK
@given(seeds, st.sampled_from([0.2, 1.0, 3.0]))
def test_regret_is_the_discounted_divergence_from_the_optimum(seed: int, alpha: float) -> None:
    mdp, policy = problem(seed)
    optimum = soft_policy_iteration(mdp, alpha, 1e-12)
    regret = optimum.v - policy_value(mdp, policy, alpha)
    np.testing.assert_allclose(soft_regret(mdp, policy, optimum.policy, alpha), regret, rtol=0.0, atol=1e-10)
    assert (regret >= -1e-12).all()


@QUICK
@given(seeds, st.sampled_from([0.2, 1.0]))
def test_a_softmax_improvement_makes_no_state_worse(seed: int, alpha: float) -> None:
    mdp, policy = problem(seed)
    before = policy_value(mdp, policy, alpha)
    after = policy_value(mdp, softmax_policy(mdp.action_values(before), alpha), alpha)
    assert (after - before >= -1e-12).all()


def test_the_soft_advantage_of_the_optimum_is_its_log_policy() -> None:
    mdp = random_mdp(5)
    optimum = soft_policy_iteration(mdp, 0.5)
    advantage = soft_advantage(optimum.q, optimum.v)
    np.testing.assert_allclose(advantage, 0.5 * np.log(optimum.policy), rtol=0.0, atol=1e-10)
    assert (advantage < 0.0).all()


def test_nothing_follows_a_terminal_state() -> None:
    mdp = corridor(4)
    policy = np.full((4, 2), 0.5)
    assert (state_transition(mdp, policy)[3] == 0.0).all()
    assert state_transition(mdp, policy)[:3].sum(1).tolist() == [1.0] * 3
    assert discounted_sum(mdp, policy, [0.0, 0.0, 0.0, 9.0]).tolist() == [0.0] * 4
    assert policy_value(mdp, policy, 10.0)[3] == 0.0


def test_a_policy_that_does_what_the_optimum_never_would_has_no_finite_regret() -> None:
    mdp = random_mdp(0)
    hard, uniform = soft_policy_iteration(mdp, 0.0).policy, np.full((6, 3), 1.0 / 3.0)
    with pytest.raises(ExactError, match=r"optimal_policy\[0\] is .*; allowed is mass where policy has"):
        soft_regret(mdp, uniform, hard, 1.0)
    with pytest.raises(ExactError, match="temperature is 0"):
        soft_regret(mdp, uniform, uniform, 0.0)
