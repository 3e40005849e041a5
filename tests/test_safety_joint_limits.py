"""Joint velocity limits by position, and the share of a twist that keeps them."""

from __future__ import annotations

import numpy as np
import pytest

from maxent_robot.control.robot import load_robot
from maxent_robot.safety.joint_limits import JointLimiter, Posture
from maxent_robot.safety.limits import JointLimits, load_limits

ROBOT = load_robot("fr3")
CHAIN = ROBOT.chain()
LOW, HIGH = ROBOT.joint_values("position_min"), ROBOT.joint_values("position_max")
NO_MARGIN = JointLimits(position_margin_rad=0.0)


def test_the_limits_of_the_fr3_are_those_that_its_maker_states() -> None:
    """q'_max(q) = -offset + sqrt(2 q''_dec (q_max - q)), for a place where that is below the rectangular limit."""
    limiter = JointLimiter(ROBOT, NO_MARGIN)
    q = HIGH - 0.1
    low, high = limiter.velocity_limits(q)
    stated = [
        -0.6599 + np.sqrt(2 * 6.0 * 0.1), -0.2517 + np.sqrt(2 * 2.585 * 0.1), -0.2 + np.sqrt(2 * 3.5 * 0.1),
        -0.3533 + np.sqrt(2 * 4.0 * 0.1), -0.5757 + np.sqrt(2 * 17.0 * 0.1), -0.4878 + np.sqrt(2 * 5.5 * 0.1),
        -0.4628 + np.sqrt(2 * 17.0 * 0.1),
    ]  # fmt: skip
    np.testing.assert_allclose(high, stated, rtol=1e-12)
    np.testing.assert_allclose(low, -ROBOT.joint_values("velocity_max"))


def test_at_and_beyond_a_limit_there_is_only_the_way_back() -> None:
    limiter = JointLimiter(ROBOT, JointLimits(position_margin_rad=0.1))
    for q in (LOW + 0.1, LOW, LOW - 0.2):
        low, high = limiter.velocity_limits(q)
        assert not low.any()
        np.testing.assert_allclose(high, ROBOT.joint_values("velocity_max"))


def test_a_joint_that_keeps_the_limits_comes_to_rest_before_its_own() -> None:
    limiter = JointLimiter(ROBOT, NO_MARGIN)
    q, step_s = np.array(ROBOT.home), 1e-3
    for _ in range(20_000):
        q = q + step_s * limiter.velocity_limits(q)[1]
    assert (q < HIGH).all()
    braking = ROBOT.joint_values("braking_offset") ** 2 / (2.0 * ROBOT.joint_values("braking_deceleration"))
    np.testing.assert_allclose(HIGH - q, braking, atol=5e-3)


def test_the_share_of_a_twist_is_the_largest_that_keeps_every_joint() -> None:
    limiter = JointLimiter(ROBOT, load_limits("fr3").joints)
    generator = np.random.default_rng(0)
    cut = 0
    for _ in range(300):
        q = generator.uniform(LOW, HIGH)
        twist = generator.uniform(-1.0, 1.0, 6) * [0.6, 0.6, 0.6, 2.0, 2.0, 2.0]
        share = limiter.share(Posture(q, CHAIN.jacobian(q)), twist)
        assert 0.0 <= share <= 1.0
        jacobian = CHAIN.jacobian(q)
        velocity = jacobian.T @ np.linalg.solve(jacobian @ jacobian.T + 1e-4 * np.eye(6), share * twist)
        low, high = limiter.velocity_limits(q)
        assert (velocity >= low - 1e-9).all()
        assert (velocity <= high + 1e-9).all()
        if 0.0 < share < 1.0:
            cut += 1
            assert (np.isclose(velocity, low) | np.isclose(velocity, high)).any()
    assert cut > 50


def test_a_slow_twist_at_home_is_not_cut() -> None:
    limiter = JointLimiter(ROBOT, load_limits("fr3").joints)
    home = np.array(ROBOT.home)
    assert limiter.share(Posture(home, CHAIN.jacobian(home)), [0.1, 0.1, 0.04, 0.5, 0.5, 0.5]) == 1.0


@pytest.mark.parametrize("name", ["sim", "fr3", "ur5e"])
def test_every_shipped_robot_has_limits_at_home(name: str) -> None:
    robot = load_robot(name)
    low, high = JointLimiter(robot, load_limits(name).joints).velocity_limits(robot.home)
    assert (low < -0.3).all()
    assert (high > 0.3).all()
