"""The parts of the supervisor by themselves: guards, state machine, watchdog, motions, limits files."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maxent_robot.config import config_from_mapping, to_mapping
from maxent_robot.control import rotations
from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import load_robot
from maxent_robot.errors import ConfigError
from maxent_robot.safety import guards
from maxent_robot.safety.faults import Fault, Violation
from maxent_robot.safety.gate import limit_speed
from maxent_robot.safety.limits import AccelerationLimits, JerkLimits, SpeedLimits, SupervisorLimits, load_limits
from maxent_robot.safety.motion import ControlledStop, JerkLimitedMove, MotionError, MotionLimits
from maxent_robot.safety.state_machine import TRANSITIONS, IllegalTransition, State, StateMachine
from maxent_robot.safety.watchdog import Watchdog
from maxent_robot.safety.workspace import Workspace

SPEED = SpeedLimits(0.25, 1.0)
MOTION = MotionLimits(SPEED, AccelerationLimits(1.0, 4.0), JerkLimits(20.0, 80.0))

finite = st.floats(-2.0, 2.0)
vectors = st.tuples(finite, finite, finite)


def fault(violation: Violation | None) -> Fault | None:
    return None if violation is None else violation.fault


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_no_guard_lets_a_number_pass_that_is_not_finite(bad: float) -> None:
    twist, q = np.full(6, bad), np.array([0.0, bad])
    limit = np.ones(2)
    assert fault(guards.check_finite(twist, "x")) is Fault.NONFINITE
    for part in (slice(0, 3), slice(3, 6)):
        fast = np.zeros(6)
        fast[part] = bad
        assert fault(guards.check_tcp_speed(fast, SPEED)) is Fault.TCP_SPEED
    assert fault(guards.check_force(twist, 30.0)) is Fault.FORCE
    assert fault(guards.check_torque(twist, 5.0)) is Fault.TORQUE
    assert fault(guards.check_joint_positions(q, -limit, limit, 0.0, ("a", "b"))) is Fault.JOINT_POSITION
    assert fault(guards.check_joint_velocities(q, limit, ("a", "b"))) is Fault.JOINT_VELOCITY
    assert fault(guards.check_joint_accelerations(q, limit, ("a", "b"))) is Fault.JOINT_ACCELERATION
    stale = guards.check_age(bad, 0.1, Fault.STALE_WRENCH, "x")
    assert stale is not None
    assert stale.fault is (Fault.CLOCK_JUMP if bad == -math.inf else Fault.STALE_WRENCH)


def test_a_tcp_may_neither_move_nor_turn_too_fast() -> None:
    for part, limit in ((slice(0, 3), SPEED.linear_m_s), (slice(3, 6), SPEED.angular_rad_s)):
        twist = np.zeros(6)
        twist[part] = 0.99 * limit / math.sqrt(3.0)
        assert guards.check_tcp_speed(twist, SPEED) is None
        twist[part] = 1.01 * limit / math.sqrt(3.0)
        violation = guards.check_tcp_speed(twist, SPEED)
        assert violation is not None
        assert (violation.fault, violation.limit) == (Fault.TCP_SPEED, limit)


def test_guards_let_pass_what_is_on_the_limit() -> None:
    assert guards.check_force(np.array([0.0, 0.0, 30.0, 0.0, 0.0, 0.0]), 30.0) is None
    assert guards.check_joint_velocities(np.array([-1.0]), np.array([1.0]), ("a",)) is None
    assert guards.check_age(0.1, 0.1, Fault.STALE_WRENCH, "wrench") is None
    assert guards.check_stamp(1.0, 1.0, "wrench") is None


def test_a_violation_names_what_it_is_about_the_value_and_the_limit() -> None:
    q, limit = np.array([0.0, 1.2]), np.ones(2)
    violation = guards.check_joint_positions(q, -limit, limit, 0.1, ("shoulder", "elbow"))
    assert str(violation) == "JOINT_POSITION: position of elbow is 1.2 rad, allowed is -0.9 to 0.9 rad"
    names = guards.check_names(["a", "b"], ["a", "c"], "joint in joint_states")
    assert str(names) == "NAME_OR_SIZE_MISMATCH: joint in joint_states: c is not there, allowed is among a, b"
    assert fault(guards.check_names(["a", "a"], ["a"], "joint")) is Fault.NAME_OR_SIZE_MISMATCH


@pytest.mark.parametrize("source", list(State))
@pytest.mark.parametrize("destination", list(State))
def test_the_state_machine_allows_the_table_and_nothing_else(source: State, destination: State) -> None:
    machine = StateMachine()
    machine._state = source
    if destination in TRANSITIONS[source]:
        machine.to(destination)
        assert machine.state is destination
        return
    with pytest.raises(IllegalTransition, match=f"{destination.value} does not follow {source.value}"):
        machine.to(destination)
    assert machine.state is source


def test_a_fault_is_left_for_inactive_only() -> None:
    assert TRANSITIONS[State.FAULT] == {State.INACTIVE}


def test_a_watchdog_is_expired_before_its_first_feed_and_after_its_limit() -> None:
    watchdog = Watchdog(0.1)
    assert watchdog.expired(0.0)
    watchdog.feed(5.0)
    assert not watchdog.expired(5.1 - 1e-9)
    assert watchdog.expired(5.11)


@settings(deadline=None, max_examples=50)
@given(vectors, vectors)
def test_speed_is_limited_and_directions_are_kept(linear: tuple[float, ...], angular: tuple[float, ...]) -> None:
    twist = np.array([*linear, *angular])
    limited = limit_speed(twist, SPEED)
    assert np.linalg.norm(limited[:3]) <= 0.25 * (1 + 1e-8)
    assert np.linalg.norm(limited[3:]) <= 1.0 * (1 + 1e-8)
    np.testing.assert_allclose(np.cross(limited[:3], twist[:3]), 0.0, atol=1e-12)
    np.testing.assert_allclose(limit_speed(limited, SPEED), limited, rtol=1e-8)


@settings(deadline=None, max_examples=50)
@given(vectors, st.tuples(*[st.floats(-1.0, 1.0)] * 3))
def test_a_move_starts_and_ends_at_rest_and_keeps_its_limits(shift: tuple[float, ...], turn: tuple[float, ...]) -> None:
    start = Pose.from_rotvec([0.4, 0.1, 0.3], [0.0, 3.0, 0.1])
    goal = Pose(
        start.position + np.array(shift), rotations.multiply(rotations.from_rotvec(np.array(turn)), start.quaternion)
    )
    move = JerkLimitedMove(start, goal, MOTION)
    step_s = max(1e-3, move.duration_s / 300)
    path = [move.pose(k * step_s) for k in range(-5, round(move.duration_s / step_s) + 6)]
    np.testing.assert_allclose(path[0].position, start.position, atol=1e-12)
    np.testing.assert_allclose(path[-1].position, goal.position, atol=1e-12)
    assert np.linalg.norm(rotations.difference(path[-1].quaternion, goal.quaternion)) < 1e-9
    ways = np.array([[*pose.position, *rotations.difference(pose.quaternion, start.quaternion)] for pose in path])
    for part, bounds in ((slice(0, 3), (0.25, 1.0, 20.0)), (slice(3, 6), (1.0, 4.0, 80.0))):
        rates = ways[:, part]
        for bound in bounds:
            rates = np.diff(rates, axis=0) / step_s
            assert np.linalg.norm(rates, axis=1).max() <= bound * 1.01 + 1e-6


def test_a_long_move_reaches_its_full_speed() -> None:
    start = Pose.of([0.3, 0.0, 0.3])
    move = JerkLimitedMove(start, Pose.of([0.8, 0.0, 0.3]), MOTION)
    speed = np.diff([move.pose(time_s).position[0] for time_s in np.arange(0.0, move.duration_s, 0.01)]) / 0.01
    assert speed.max() == pytest.approx(0.25, rel=1e-6)
    assert move.duration_s == pytest.approx(0.5 / 0.25 + 0.25 / 1.0 + 1.0 / 20.0, rel=1e-6)


def test_a_controlled_stop_keeps_direction_and_limits_and_is_the_fastest_that_does() -> None:
    twist = np.array([0.3, 0.0, 0.0, 0.0, 0.0, 0.8])
    stop = ControlledStop(twist, MOTION)
    assert stop.duration_s == pytest.approx(0.3 / 1.0 + 1.0 / 20.0)
    times = np.arange(-0.002, stop.duration_s + 0.002, 1e-3)
    twists = np.array([stop.remaining(time_s) for time_s in times])
    np.testing.assert_allclose(twists[0], twist)
    assert not twists[-1].any()
    assert (np.diff(twists, axis=0)[:, [0, 5]] <= 1e-12).all()
    for column, acceleration, jerk in ((0, 1.0, 20.0), (5, 4.0, 80.0)):
        rates = np.diff(twists[:, column]) / 1e-3
        assert np.abs(rates).max() <= acceleration * (1 + 1e-6)
        assert np.abs(np.diff(rates)).max() / 1e-3 <= jerk * (1 + 1e-6)


def test_a_stop_at_rest_is_over_at_once() -> None:
    stop = ControlledStop(np.zeros(6), MOTION)
    assert stop.duration_s == 0.0
    assert not stop.remaining(0.0).any()


def test_a_motion_that_can_not_be_made_is_an_error_of_ours() -> None:
    with pytest.raises(MotionError, match=r"no jerk-limited trajectory: \[ruckig\] current velocity nan"):
        ControlledStop(np.full(6, math.nan), MOTION)


@pytest.mark.parametrize("name", ["sim", "fr3", "ur5e"])
def test_shipped_limits_load_and_hold_the_home_pose_of_their_robot(name: str) -> None:
    limits, robot = load_limits(name), load_robot(name)
    home = np.array(robot.home)
    assert Workspace(limits.workspace).violation(robot.chain().forward(home), "home") is None
    low, high = robot.joint_values("position_min"), robot.joint_values("position_max")
    assert guards.check_joint_positions(home, low, high, limits.joints.position_margin_rad, robot.joint_names) is None
    assert limits.policy_speed.linear_m_s <= limits.measured_speed.linear_m_s
    impedance = robot.impedance
    assert np.linalg.norm(impedance.force_max) < limits.contact.force_n
    assert max(impedance.force_max) / impedance.stiffness_translation < limits.jump.translation_m


def test_limits_that_contradict_each_other_are_refused() -> None:
    mapping = to_mapping(load_limits("sim"))
    mapping["workspace"]["minimum"] = [0.9, -0.3, 0.0]
    with pytest.raises(ConfigError, match=r"x of minimum is 0\.9 m, must be below maximum"):
        config_from_mapping(mapping, SupervisorLimits)


def test_an_unknown_limits_name_lists_the_shipped_ones() -> None:
    with pytest.raises(ConfigError, match=r"no limits 'fr4'.*fr3, sim, sim_hockey, ur5e"):
        load_limits("fr4")
