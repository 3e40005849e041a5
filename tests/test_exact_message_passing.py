"""Messages against every trajectory written out, and against the soft Bellman backup, which they equal or exceed."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maxent_robot.exact import (
    ExactError,
    TabularMdp,
    backward_messages,
    forward_messages,
    horizon_return,
    posterior_policy,
    posterior_transition,
    random_mdp,
    smoothed_marginals,
    soft_backward_induction,
)

QUICK = settings(deadline=None, derandomize=True, max_examples=15)
seeds = st.integers(0, 10_000)
temperatures = st.sampled_from([0.3, 1.0, 4.0])
T = 3


def problem(seed: int, **settings: int | bool) -> TabularMdp:
    """A random undiscounted process; every second one has a terminal state."""
    return replace(random_mdp(seed, terminals=seed % 2, **settings), discount=1.0)  # type: ignore[arg-type]


@QUICK
@given(seeds, temperatures)
def test_messages_and_marginals_are_those_of_all_trajectories(seed: int, alpha: float) -> None:
    mdp = problem(seed, states=3, actions=2)
    acting, present = np.zeros((T, 3, 2)), np.zeros((T + 1, 3))
    for path in itertools.product(range(3), range(2), range(3), range(2), range(3), range(2), range(3)):
        states, actions = path[0::2], path[1::2]
        weight = mdp.initial[states[0]]
        for t in range(T):
            if mdp.terminal[states[t]]:
                # One trajectory, not one for each action that is never taken.
                weight *= actions[t] == 0 and states[t + 1] == states[t]
            else:
                weight *= mdp.transition[states[t], actions[t], states[t + 1]]
                weight *= np.exp(mdp.reward[states[t], actions[t]] / alpha)
        for t in range(T):
            present[t, states[t]] += weight
            acting[t, states[t], actions[t]] += weight * mdp.active[states[t]]
        present[T, states[T]] += weight
    evidence = present[0].sum()
    joint, alone = smoothed_marginals(mdp, T, alpha)
    np.testing.assert_allclose(joint, acting / evidence, rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(alone, present / evidence, rtol=0.0, atol=1e-12)
    _, per_state = backward_messages(mdp, T, alpha)
    forward = forward_messages(mdp, T, alpha)
    for t in range(T + 1):
        assert np.log(np.exp(forward[t] + per_state[t]).sum()) == pytest.approx(np.log(evidence), abs=1e-11)


@QUICK
@given(seeds, temperatures)
def test_deterministic_dynamics_make_the_message_the_soft_value(seed: int, alpha: float) -> None:
    mdp = problem(seed, states=5, deterministic=True)
    soft = soft_backward_induction(mdp, 7, alpha)
    per_action, per_state = backward_messages(mdp, 7, alpha)
    np.testing.assert_allclose(alpha * per_state, soft.v, rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(alpha * per_action[:, mdp.active], soft.q[:, mdp.active], rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(posterior_policy(mdp, 7, alpha), soft.policy, rtol=0.0, atol=1e-12)
    dynamics = np.broadcast_to(mdp.transition, (7, *mdp.transition.shape))
    np.testing.assert_allclose(posterior_transition(mdp, 7, alpha), dynamics, rtol=0.0, atol=1e-15)


@QUICK
@given(seeds, temperatures)
def test_stochastic_dynamics_make_the_message_optimistic(seed: int, alpha: float) -> None:
    mdp = problem(seed, states=5)
    soft = soft_backward_induction(mdp, 7, alpha)
    _, per_state = backward_messages(mdp, 7, alpha)
    excess = (alpha * per_state - soft.v)[:, mdp.active]
    np.testing.assert_allclose(excess[-2:], 0.0, rtol=0.0, atol=1e-12)
    # With more than the last step to go the successors' values differ, and Jensen's inequality is strict.
    assert (excess[:-2] > 1e-6).all()
    assert np.abs(posterior_transition(mdp, 7, alpha)[0, mdp.active] - mdp.transition[mdp.active]).max() > 1e-4


@QUICK
@given(seeds, temperatures)
def test_the_optimistic_policy_is_worse_in_the_world_as_it_is(seed: int, alpha: float) -> None:
    mdp = problem(seed, states=5)
    best = soft_backward_induction(mdp, 7, alpha)
    hopeful = horizon_return(mdp, posterior_policy(mdp, 7, alpha), 7, alpha)
    assert hopeful < mdp.initial @ best.v[0] - 1e-9


def test_a_lottery_shows_the_optimism_in_closed_form() -> None:
    # Action 0 is safe and pays 0 next; action 1 wins 2 or loses 2 with equal chances. Then one forced step.
    transition = np.zeros((5, 2, 5))
    transition[0, 0, 1] = 1.0
    transition[0, 1, [2, 3]] = 0.5
    transition[1:, :, 4] = 1.0
    reward = np.zeros((5, 2))
    reward[2], reward[3] = 2.0, -2.0
    mdp = TabularMdp(transition, reward, 1.0, np.arange(5) == 4, np.eye(5)[0])
    per_action, _ = backward_messages(mdp, 2, 1.0)
    assert per_action[0, 0].tolist() == pytest.approx([np.log(2.0), np.log(2.0) + np.log(np.cosh(2.0))], abs=1e-14)
    soft = soft_backward_induction(mdp, 2, 1.0)
    assert soft.q[0, 0].tolist() == pytest.approx([np.log(2.0), np.log(2.0)], abs=1e-14)
    win = np.exp(2.0) / (np.exp(2.0) + np.exp(-2.0))
    assert posterior_transition(mdp, 2, 1.0)[0, 0, 1, 2] == pytest.approx(win, abs=1e-14)


@QUICK
@given(seeds)
def test_the_marginals_follow_the_posterior_policy_and_the_posterior_dynamics(seed: int) -> None:
    mdp = problem(seed, states=4)
    acting, present = smoothed_marginals(mdp, 5, 0.7)
    policy, dynamics = posterior_policy(mdp, 5, 0.7), posterior_transition(mdp, 5, 0.7)
    for t in range(5):
        expected = present[t, mdp.active, None] * policy[t, mdp.active]
        np.testing.assert_allclose(acting[t, mdp.active], expected, rtol=0.0, atol=1e-12)
        moved = np.einsum("sa,sap->p", acting[t], dynamics[t]) + present[t] * mdp.terminal
        np.testing.assert_allclose(present[t + 1], moved, rtol=0.0, atol=1e-12)


def test_large_rewards_do_not_overflow() -> None:
    mdp = random_mdp(1)
    scaled = replace(mdp, reward=1e4 * mdp.reward, discount=1.0)
    assert np.isfinite(backward_messages(scaled, 5, 1.0)[0]).all()
    np.testing.assert_allclose(smoothed_marginals(scaled, 5, 1.0)[1].sum(axis=1), np.ones(6), rtol=0.0, atol=1e-9)


def test_discounts_and_a_temperature_of_zero_are_refused() -> None:
    with pytest.raises(ExactError, match=r"discount is 0\.9; allowed is 1"):
        backward_messages(random_mdp(0), 3, 1.0)
    with pytest.raises(ExactError, match="temperature is 0"):
        forward_messages(problem(0), 3, 0.0)
