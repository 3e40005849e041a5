"""Values over T steps: against every trajectory written out, and the discounted values they tend to."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maxent_robot.exact import (
    ExactError,
    horizon_return,
    horizon_value,
    policy_value,
    random_mdp,
    soft_backward_induction,
    soft_policy_iteration,
)

QUICK = settings(deadline=None, derandomize=True, max_examples=15)
seeds = st.integers(0, 10_000)


@QUICK
@given(seeds, st.sampled_from([0.0, 0.6]), st.sampled_from([1.0, 0.8]))
def test_the_return_is_the_expectation_over_all_trajectories(seed: int, alpha: float, discount: float) -> None:
    mdp = replace(random_mdp(seed, states=3, actions=2, terminals=seed % 2), discount=discount)
    policy = np.random.default_rng(seed).dirichlet(np.ones(2), size=(3, 3))
    total = 0.0
    for path in itertools.product(range(3), range(2), range(3), range(2), range(3), range(2)):
        states, actions = path[0::2], path[1::2]
        chance, gained, going = mdp.initial[states[0]], 0.0, True
        for t in range(3):
            chance *= policy[t, states[t], actions[t]]
            going = going and not mdp.terminal[states[t]]
            if going:
                bonus = -alpha * np.log(policy[t, states[t], actions[t]])
                gained += discount**t * (mdp.reward[states[t], actions[t]] + bonus)
            if t < 2:
                chance *= mdp.transition[states[t], actions[t], states[t + 1]]
        total += chance * gained
    assert horizon_return(mdp, policy, 3, alpha) == pytest.approx(total, abs=1e-12)


@QUICK
@given(seeds, st.sampled_from([0.0, 0.3, 2.0]))
def test_backward_induction_is_the_value_of_its_own_policy_and_of_none_better(seed: int, alpha: float) -> None:
    mdp = replace(random_mdp(seed, states=4, terminals=1), discount=1.0)
    best = soft_backward_induction(mdp, 6, alpha)
    np.testing.assert_allclose(horizon_value(mdp, best.policy, 6, alpha), best.v, rtol=0.0, atol=1e-12)
    for policy in np.random.default_rng(seed).dirichlet(np.full(3, 0.4), size=(10, 6, 4)):
        assert (horizon_value(mdp, policy, 6, alpha) <= best.v + 1e-12).all()
    assert (best.v[-1] == 0.0).all()
    assert (best.v[:, mdp.terminal] == 0.0).all()


def test_a_long_horizon_is_the_discounted_problem() -> None:
    mdp = random_mdp(3, discount=0.8)
    policy = np.full((6, 3), 1.0 / 3.0)
    assert soft_backward_induction(mdp, 200, 0.5).v[0] == pytest.approx(soft_policy_iteration(mdp, 0.5).v, abs=1e-10)
    assert horizon_value(mdp, policy, 200, 0.5)[0] == pytest.approx(policy_value(mdp, policy, 0.5), abs=1e-11)


def test_a_policy_of_another_length_is_refused() -> None:
    with pytest.raises(ExactError, match=r"policy has shape \(4, 6, 3\); allowed is \(5, 6, 3\)"):
        horizon_value(random_mdp(0), np.full((4, 6, 3), 1.0 / 3.0), 5, 1.0)
