"""Command backends: the pose as it is, and short trajectories that end at rest within the joint limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maxent_robot.control.backends import (
    CrispBackend,
    JointLimitReached,
    JtcBackend,
    PoseCommand,
    TrajectoryCommand,
    UnreachableTarget,
    make_backend,
)
from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import load_robot

ROBOT = load_robot("ur5e")
CHAIN = ROBOT.chain()
HOME_Q = np.array(ROBOT.home)
HOME = CHAIN.forward(HOME_Q)
PERIOD_S = 1.0 / ROBOT.control_rate_hz
ACCELERATION = ROBOT.joint_values("acceleration_max")
VELOCITY = ROBOT.joint_values("velocity_max")


def moved(*offset: float) -> Pose:
    return Pose(HOME.position + np.array(offset), HOME.quaternion)


def check_points(command: TrajectoryCommand, q: np.ndarray, qd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Follow the cubic through the points: limits hold in every segment, and the last point is at rest."""
    times = [0.0, *(point.time_s for point in command.points)]
    positions = [q, *(point.positions for point in command.points)]
    velocities = [qd, *(point.velocities for point in command.points)]
    for k in range(len(command.points)):
        t = times[k + 1] - times[k]
        p0, p1, v0, v1 = positions[k], positions[k + 1], velocities[k], velocities[k + 1]
        assert t > 0.0
        for acceleration in ((6 * (p1 - p0) / t - 4 * v0 - 2 * v1) / t, (-6 * (p1 - p0) / t + 2 * v0 + 4 * v1) / t):
            assert (np.abs(acceleration) <= ACCELERATION * (1 + 1e-6)).all()
        assert (np.abs(v1) <= VELOCITY + 1e-12).all()
    assert not command.points[-1].velocities.any()
    return command.points[0].positions, command.points[0].velocities


def test_the_backend_is_the_one_that_the_robot_names() -> None:
    assert isinstance(make_backend(ROBOT), JtcBackend)
    assert isinstance(make_backend(load_robot("fr3")), CrispBackend)


def test_crisp_takes_the_target_as_it_is_in_the_base_frame() -> None:
    robot = load_robot("fr3")
    command = CrispBackend(robot).command(HOME, np.zeros(7), 0.005)
    assert command == PoseCommand(robot.base_frame, HOME)


def test_a_target_at_the_measured_pose_is_a_trajectory_that_stays() -> None:
    command = JtcBackend(ROBOT).command(HOME, HOME_Q, PERIOD_S)
    for point in command.points:
        np.testing.assert_allclose(point.positions, HOME_Q, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(*[st.floats(-0.08, 0.08)] * 3), min_size=1, max_size=6))
def test_every_command_ends_at_rest_within_the_limits_whatever_the_targets(offsets: list[tuple[float, ...]]) -> None:
    backend = JtcBackend(ROBOT)
    q, qd = HOME_Q, np.zeros(6)
    for offset in offsets:
        for _ in range(10):
            q, qd = check_points(backend.command(moved(*offset), HOME_Q, PERIOD_S), q, qd)


def test_it_reaches_a_distant_target_without_overshoot() -> None:
    backend = JtcBackend(ROBOT)
    target = moved(0.05, 0.05, 0.0)
    wanted = CHAIN.inverse(target, HOME_Q)
    direction = np.sign(wanted - HOME_Q)
    for _ in range(150):
        q = backend.command(target, HOME_Q, PERIOD_S).points[0].positions
        assert ((wanted - q) * direction >= -1e-5).all()
    np.testing.assert_allclose(CHAIN.forward(q).position, target.position, atol=1e-4)


def test_after_a_reset_it_starts_from_the_measured_joints_at_rest() -> None:
    backend = JtcBackend(ROBOT)
    for _ in range(20):
        backend.command(moved(0.05, 0.0, 0.0), HOME_Q, PERIOD_S)
    backend.reset()
    point = backend.command(HOME, HOME_Q, PERIOD_S).points[0]
    np.testing.assert_allclose(point.positions, HOME_Q, atol=1e-5)


def test_an_unreachable_target_is_refused() -> None:
    with pytest.raises(UnreachableTarget, match="no joint configuration within the limits"):
        JtcBackend(ROBOT).command(moved(-2.0, 0.0, 0.0), HOME_Q, PERIOD_S)


def test_a_stop_beyond_a_joint_limit_is_refused() -> None:
    backend = JtcBackend(ROBOT)
    low = ROBOT.joint_values("position_min")
    q = HOME_Q.copy()
    q[0] = low[0] - 0.01
    with pytest.raises(JointLimitReached, match="shoulder_pan_joint would come to rest"):
        backend.command(CHAIN.forward(HOME_Q), q, PERIOD_S)
