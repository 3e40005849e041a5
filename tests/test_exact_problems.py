"""The named decision processes are what their descriptions say, by closed forms where there are any."""

from __future__ import annotations

import numpy as np
import pytest

from maxent_robot.exact import (
    ExactError,
    TabularMdp,
    corridor,
    detour_grid,
    fork,
    greedy_entropy_policy,
    random_mdp,
    soft_policy_iteration,
)

PROBLEMS = [corridor(), corridor(slip=0.1), detour_grid(), fork(), random_mdp(0), random_mdp(1, terminals=2)]


@pytest.mark.parametrize("mdp", PROBLEMS)
def test_every_problem_can_be_solved_and_its_episodes_start_where_something_can_be_done(mdp: TabularMdp) -> None:
    solution = soft_policy_iteration(mdp, 0.2)
    assert np.isfinite(solution.q).all()
    assert solution.error_bound <= 1e-10
    assert mdp.initial[mdp.terminal].sum() == 0.0


def test_the_corridor_without_slip_is_walked_straight_to_the_goal() -> None:
    discount, step = 0.95, -0.1
    hard = soft_policy_iteration(corridor(7, 0.0, step, discount), 0.0)
    steps = np.arange(6, 0, -1)
    expected = step * (1.0 - discount**steps) / (1.0 - discount) + discount ** (steps - 1)
    np.testing.assert_allclose(hard.v[:-1], expected, rtol=0.0, atol=1e-12)
    assert hard.policy[:-1, 1].tolist() == [1.0] * 6


def test_a_slip_in_the_corridor_makes_the_opposite_move() -> None:
    mdp = corridor(4, slip=0.25)
    np.testing.assert_allclose(mdp.transition[1, 1], [0.25, 0.0, 0.75, 0.0], atol=1e-15)
    np.testing.assert_allclose(mdp.transition[0, 0], [0.75, 0.25, 0.0, 0.0], atol=1e-15)
    assert mdp.reward[2].tolist() == pytest.approx([-0.1 + 0.25, -0.1 + 0.75], abs=1e-15)


def test_the_grid_is_crossed_beside_the_pits_only_when_the_ground_is_firm() -> None:
    start, beside_pits = 8, 5
    firm, slippery = (soft_policy_iteration(detour_grid(slip), 0.0) for slip in (0.0, 0.6))
    up, right = 0, 1
    assert firm.policy[start, up] == 1.0
    assert firm.policy[beside_pits, right] == 1.0
    assert slippery.policy[beside_pits, up] == 1.0
    # Four free steps of -0.04, then the fifth that arrives: up, right, right, right, down.
    expected = sum(-0.04 * 0.95**k for k in range(5)) + 0.95**4
    assert firm.v[start] == pytest.approx(expected, abs=1e-12)


def test_the_grid_slips_to_the_sides_and_its_border_holds() -> None:
    mdp = detour_grid(0.2)
    corner, up = 0, 0
    expected = np.zeros(12)
    expected[[0, 1]] = 0.8 + 0.1, 0.1
    np.testing.assert_allclose(mdp.transition[corner, up], expected, atol=1e-15)
    np.testing.assert_allclose(mdp.reward[8, 1], -0.04 - 0.8, atol=1e-15)
    np.testing.assert_allclose(mdp.reward[7, 2], -0.04 + 0.8, atol=1e-15)


@pytest.mark.parametrize("alpha", [0.1, 1.0, 5.0])
def test_future_entropy_prefers_the_wide_room_and_one_step_entropy_is_indifferent(alpha: float) -> None:
    discount, penalty = 0.9, 10.0
    mdp = fork(penalty, discount)
    wide, narrow = alpha * np.log(2.0), alpha * np.log1p(np.exp(-penalty / alpha))
    solution = soft_policy_iteration(mdp, alpha)
    np.testing.assert_allclose(solution.q[0], [discount * wide, discount * narrow], rtol=0.0, atol=1e-12)
    expected = 1.0 / (1.0 + np.exp(discount * (narrow - wide) / alpha))
    assert solution.policy[0, 0] == pytest.approx(expected, abs=1e-12)
    assert solution.policy[0, 0] > 0.5
    assert greedy_entropy_policy(mdp, alpha)[0].tolist() == pytest.approx([0.5, 0.5], abs=1e-12)


def test_a_seed_fixes_the_random_process_and_another_gives_another() -> None:
    first, again, other = random_mdp(3), random_mdp(3), random_mdp(4)
    np.testing.assert_array_equal(first.transition, again.transition)
    np.testing.assert_array_equal(first.reward, again.reward)
    assert (first.reward != other.reward).all()


def test_deterministic_dynamics_have_one_successor_each() -> None:
    transition = random_mdp(0, states=8, terminals=1, deterministic=True).transition
    assert np.isin(transition, (0.0, 1.0)).all()
    assert len({tuple(row) for row in transition[:-1].reshape(-1, 8)}) > 2


def test_problems_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ExactError, match="length is 1"):
        corridor(1)
    with pytest.raises(ExactError, match=r"slip is 1\.5"):
        detour_grid(1.5)
    with pytest.raises(ExactError, match="terminals is 3 of 3 states"):
        random_mdp(0, states=3, terminals=3)
