"""Behaviour of the supervisor's core: requests, motion within limits, every fault by its name."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from safety_bench import CHAIN, HOME, POLICY_PERIOD_S, ROBOT, STEP_S, SafetyBench, limits

from maxent_robot.control import rotations
from maxent_robot.control.pose import Pose
from maxent_robot.errors import ConfigError
from maxent_robot.safety.command import Command
from maxent_robot.safety.faults import Fault, Violation
from maxent_robot.safety.policy_report import ExpectedPolicy, PolicyReport
from maxent_robot.safety.reactions import CHOICES, Reaction, reactions
from maxent_robot.safety.state_machine import State

FORWARD = (0.02, 0.0, 0.0, 0.0, 0.0, 0.0)


def distance(a: Pose, b: Pose) -> float:
    return float(np.linalg.norm(a.position - b.position))


def targets(bench: SafetyBench) -> np.ndarray:
    """(k, 3) positions of all targets so far."""
    return np.array([command.target.position for command in bench.commands if command.target is not None])


def test_nothing_is_sent_before_arming_and_arming_holds_the_measured_pose() -> None:
    bench = SafetyBench()
    assert bench.run(0.1).target is None
    bench.arm()
    command = bench.run(0.5)
    assert command.state is State.ARMED
    assert command.source == "hold"
    assert command.target is not None
    assert distance(command.target, HOME) < 1e-9


@pytest.mark.parametrize("missing", ["joint_states", "wrench"])
def test_arming_is_refused_with_the_name_of_the_missing_or_stale_topic(missing: str) -> None:
    bench = SafetyBench()
    bench.joint_states, bench.wrenches = missing != "joint_states", missing != "wrench"
    bench.run(0.1)
    assert bench.supervisor.request_arm(bench.now_s) == (
        False,
        f"arm refused: {missing}: no message yet, allowed is 0.25 s",
    )
    bench.joint_states = bench.wrenches = True
    bench.run(0.1)
    bench.joint_states, bench.wrenches = missing != "joint_states", missing != "wrench"
    bench.run(0.3)
    success, message = bench.supervisor.request_arm(bench.now_s)
    assert not success
    assert message.startswith(f"arm refused: {missing}: the last message came 0.3")


def test_arming_is_refused_while_the_arm_moves() -> None:
    bench = SafetyBench()
    bench.run(0.1)
    bench.qd = np.full(7, 0.2)
    bench.send_joint_state(arrival=bench.arrival(1e-3))
    assert bench.supervisor.request_arm(bench.now_s) == (False, "arm refused: the arm is moving")


def test_arming_tares_a_small_bias_and_refuses_a_large_one() -> None:
    bench = SafetyBench()
    bench.contact = np.array([0.0, 0.0, 8.0, 0.0, 0.0, 0.0])
    bench.arm()
    bench.run(0.05)
    assert np.linalg.norm(bench.supervisor.arm.contact()) < 1e-9
    bench.contact = np.array([0.0, 0.0, 14.0, 0.0, 0.0, 0.0])
    bench.run(0.5)
    assert np.linalg.norm(bench.supervisor.arm.contact()[:3]) == pytest.approx(6.0)
    success, message = bench.supervisor.request_arm(bench.now_s)
    assert not success
    assert "a bias of 14 N" in message


@pytest.mark.parametrize("request_name", ["request_start", "request_reset"])
def test_requests_out_of_turn_are_refused_with_the_state(request_name: str) -> None:
    bench = SafetyBench()
    bench.run(0.1)
    success, message = getattr(bench.supervisor, request_name)(bench.now_s)
    assert not success
    assert "state is INACTIVE" in message


def test_the_policy_is_ramped_in_and_then_followed() -> None:
    bench = SafetyBench()
    bench.arm()
    bench.step()
    assert bench.supervisor.request_start(bench.now_s)[0]
    bench.twist = np.array(FORWARD)
    bench.run(bench.limits.ramp_s)
    steps = np.diff(targets(bench)[:, 0])
    ramp = steps[-round(bench.limits.ramp_s / STEP_S) :]
    assert np.all(np.diff(ramp) >= -1e-9)
    assert ramp[0] < 0.1 * FORWARD[0] * STEP_S
    bench.run(0.5)
    assert bench.last.state is State.RUNNING
    assert bench.last.source == "policy"
    assert np.diff(targets(bench)[-50:, 0]) == pytest.approx(FORWARD[0] * STEP_S)


def test_a_twist_expires_after_two_periods_and_silence_ends_in_hold() -> None:
    bench = SafetyBench()
    bench.start(FORWARD)
    assert bench.last.interventions["expired"] == 0, "before the first twist there was none to expire"
    bench.silence(alive=True)
    bench.run(2 * POLICY_PERIOD_S + STEP_S)
    stopped_at = targets(bench)[-1]
    assert bench.run(0.5).state is State.RUNNING
    np.testing.assert_allclose(targets(bench)[-1], stopped_at, atol=1e-9)
    assert bench.last.interventions["expired"] == 1
    assert bench.run(0.6).state is State.HOLD
    assert bench.fault_names == {"STALE_ACTION"}
    assert bench.supervisor.request_reset(bench.now_s) == (True, "reset to ARMED")


def test_a_fast_twist_is_slowed_keeping_its_direction() -> None:
    bench = SafetyBench()
    bench.start((3.0, 4.0, 0.0, 0.0, 0.0, 0.0))
    step = np.diff(targets(bench)[-2:], axis=0)[0]
    length = bench.limits.policy_speed.linear_m_s * STEP_S
    np.testing.assert_allclose(step, [0.6 * length, 0.8 * length, 0.0], atol=1e-9)
    assert bench.last.interventions["speed"] == 1


def test_the_target_stops_where_a_joint_can_go_no_farther() -> None:
    bench = SafetyBench()
    bench.start((0.0, 0.0, 0.0, 0.0, 0.0, -0.6))
    bench.run(6.0)
    assert bench.last.state is State.RUNNING
    assert (bench.last.faults, bench.last.interventions["joints"]) == ((), 1)
    margin = np.minimum(bench.q - CHAIN.position_min, CHAIN.position_max - bench.q)
    assert bench.limits.joints.position_margin_rad < margin.min() < 0.2
    assert np.abs(bench.qd).max() < 0.01


def test_the_target_stops_at_the_workspace() -> None:
    bench = SafetyBench()
    bench.start((0.0, 0.1, 0.0, 0.0, 0.0, 0.0))
    bench.run(4.0)
    assert bench.last.state is State.RUNNING
    assert targets(bench)[:, 1].max() == pytest.approx(0.3, abs=1e-9)
    assert bench.last.interventions["workspace"] == 1


def test_the_leash_bounds_the_distance_to_an_arm_that_does_not_follow() -> None:
    bench = SafetyBench(follows=False)
    bench.start((0.1, 0.0, 0.0, 0.0, 0.0, 0.5))
    bench.contact = np.array([12.0, 0.0, 0.0, 0.0, 0.0, 2.0])
    bench.run(1.0)
    leash_m = ROBOT.impedance.force_max[0] / ROBOT.impedance.stiffness_translation
    assert bench.last.target is not None
    assert bench.last.target.position[0] - HOME.position[0] == pytest.approx(leash_m)
    turn = rotations.difference(bench.last.target.quaternion, HOME.quaternion)
    assert turn[2] == pytest.approx(ROBOT.impedance.torque_max[2] / ROBOT.impedance.stiffness_rotation)
    assert bench.last.interventions["leash"] == 1


def test_where_leash_and_workspace_exclude_each_other_the_leash_holds() -> None:
    bench = SafetyBench(limits(workspace={"maximum": [0.70, 0.02, 0.70], "tolerance_m": 0.2}), follows=False)
    bench.start()
    for k in range(100):
        bench.q = CHAIN.inverse(Pose(HOME.position + np.array([0.0, 0.001 * k, 0.0]), HOME.quaternion), bench.q)
        bench.step()
    assert bench.last.state is State.RUNNING
    assert targets(bench)[-1, 1] == pytest.approx(0.099 - 0.015)


def test_near_the_force_ceiling_it_is_degraded_and_slower() -> None:
    bench = SafetyBench()
    full = bench.limits.policy_speed.linear_m_s
    bench.start((full, 0.0, 0.0, 0.0, 0.0, 0.0))
    bench.contact = np.array([0.0, 0.0, 26.0, 0.0, 0.0, 0.0])
    bench.step(5)
    assert bench.last.state is State.DEGRADED
    slowed = full * bench.limits.contact.degraded_speed
    assert np.diff(targets(bench)[-2:, 0])[0] == pytest.approx(slowed * STEP_S)
    bench.contact = np.zeros(6)
    bench.step(5)
    assert bench.last.state is State.RUNNING


def test_a_stop_decelerates_within_the_limit_and_leaves_nothing_pulling() -> None:
    bench = SafetyBench()
    bench.start((0.1, 0.0, 0.0, 0.0, 0.0, 0.0))
    before = len(targets(bench))
    assert bench.supervisor.request_stop(bench.now_s) == (True, "stopping")
    bench.run(0.3)
    assert bench.last.state is State.HOLD
    speed = np.linalg.norm(np.diff(targets(bench)[before - 1 :], axis=0), axis=1) / STEP_S
    assert speed.max() <= 0.1 + 1e-9
    assert np.abs(np.diff(speed)).max() <= bench.limits.acceleration.linear_m_s2 * STEP_S + 1e-6
    assert bench.last.target is not None
    assert distance(bench.last.target, bench.measured) < 1e-6
    assert bench.supervisor.request_stop(bench.now_s)[0]


@pytest.mark.parametrize("move_speed", [0.05, 0.25])
def test_a_stop_begins_at_the_speed_that_it_stops_however_slow_a_move_has_to_be(move_speed: float) -> None:
    bench = SafetyBench(limits(move_speed={"linear_m_s": move_speed}))
    bench.start((0.0, 0.0, 50.0, 0.0, 0.0, 0.0))
    before = len(targets(bench))
    bench.supervisor.request_stop(bench.now_s)
    bench.run(0.3)
    assert bench.last.state is State.HOLD
    speed = np.linalg.norm(np.diff(targets(bench)[before - 2 :], axis=0), axis=1) / STEP_S
    assert speed[0] == pytest.approx(bench.limits.policy_speed.linear_m_s)
    assert np.diff(speed).max() <= 1e-6
    assert np.abs(np.diff(speed)).max() <= bench.limits.acceleration.linear_m_s2 * STEP_S + 1e-6
    jerk = np.diff(speed, 2) / STEP_S**2
    assert np.abs(jerk[:-1]).max() <= bench.limits.jerk.linear_m_s3 * 1.01


def test_the_leash_holds_in_a_cycle_that_takes_no_time() -> None:
    bench = SafetyBench(follows=False)
    bench.arm()
    for offset in (0.014, 0.028):
        bench.q = CHAIN.inverse(Pose(HOME.position - np.array([offset, 0.0, 0.0]), HOME.quaternion), bench.q)
        bench.send_joint_state(arrival=bench.arrival(offset))
    assert bench.supervisor.on_move_target(HOME, ROBOT.base_frame, bench.now_s)[0]
    command = bench.supervisor.tick(bench.now_s)
    assert command.source == "move"
    assert command.target is not None
    assert command.target.position[0] - bench.measured.position[0] == pytest.approx(0.015)


def test_a_move_is_straight_within_its_limits_and_ends_armed() -> None:
    bench = SafetyBench()
    bench.arm()
    goal = Pose(
        HOME.position + np.array([0.1, -0.05, -0.1]),
        rotations.multiply(rotations.from_rotvec([0, 0, 0.4]), HOME.quaternion),
    )
    assert bench.supervisor.on_move_target(goal, ROBOT.base_frame, bench.now_s) == (True, "moving")
    began = len(bench.commands)
    bench.step(2)
    assert (bench.last.state, bench.last.source) == (State.RUNNING, "move")
    bench.run(4.0)
    assert (bench.last.state, bench.last.move) == (State.ARMED, "reached")
    assert bench.last.target is not None
    assert distance(bench.last.target, goal) < 1e-6
    path = targets(bench)[began - len(bench.commands) :]
    speed = np.linalg.norm(np.diff(path, axis=0), axis=1) / STEP_S
    assert 0.2 < speed.max() <= bench.limits.move_speed.linear_m_s + 1e-9
    line = (goal.position - HOME.position) / distance(goal, HOME)
    off = (path - HOME.position) - np.outer((path - HOME.position) @ line, line)
    assert np.abs(off).max() < 1e-6


def test_a_move_waits_for_an_arm_that_is_blocked_and_then_fails_with_a_reason() -> None:
    bench = SafetyBench(limits(move={"timeout_s": 1.0}), follows=False)
    bench.arm()
    goal = Pose(HOME.position + np.array([0.1, 0.0, 0.0]), HOME.quaternion)
    assert bench.supervisor.on_move_target(goal, ROBOT.base_frame, bench.now_s)[0]
    bench.contact = np.array([12.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    bench.run(1.0)
    assert bench.last.distance_m <= 0.015 + 1e-9
    bench.run(1.8)
    bench.contact = np.zeros(6)
    bench.run(1.7)
    assert bench.last.state is State.ARMED
    assert bench.last.move.startswith("failed: 100.0 mm and 0.000 rad from the goal")
    assert bench.last.distance_m < 1e-9


def test_a_move_overcomes_the_friction_that_leaves_the_arm_short() -> None:
    bench = SafetyBench()
    bench.stiction_m = 0.006
    bench.arm()
    goal = Pose(HOME.position + np.array([0.05, 0.02, 0.0]), HOME.quaternion)
    bench.supervisor.on_move_target(goal, ROBOT.base_frame, bench.now_s)
    bench.run(4.0)
    assert bench.last.move == "reached"
    assert distance(bench.measured, goal) <= bench.limits.move.tolerance_m + 1e-9


def test_a_stop_during_a_move_is_controlled() -> None:
    bench = SafetyBench()
    bench.arm()
    goal = Pose(HOME.position + np.array([0.15, 0.0, 0.0]), HOME.quaternion)
    bench.supervisor.on_move_target(goal, ROBOT.base_frame, bench.now_s)
    bench.run(0.5)
    speed = np.diff(targets(bench)[-2:, 0])[0] / STEP_S
    assert speed > 0.1
    before = len(targets(bench))
    bench.supervisor.request_stop(bench.now_s)
    bench.run(0.5)
    assert bench.last.state is State.HOLD
    assert bench.last.move.startswith("failed: OPERATOR_STOP")
    speeds = np.linalg.norm(np.diff(targets(bench)[before - 2 :], axis=0), axis=1) / STEP_S
    # A measured pose that runs one cycle behind: the stop may begin one cycle's acceleration late.
    assert np.abs(np.diff(speeds)).max() <= 2.1 * bench.limits.acceleration.linear_m_s2 * STEP_S


@pytest.mark.parametrize(
    ("goal", "frame", "reason"),
    [
        (Pose(HOME.position + np.array([0.0, 0.5, 0.0]), HOME.quaternion), ROBOT.base_frame, "WORKSPACE"),
        (Pose(HOME.position * np.nan, HOME.quaternion), ROBOT.base_frame, "NONFINITE"),
        (Pose(HOME.position, np.zeros(4)), ROBOT.base_frame, "norm of the quaternion"),
        (HOME, "map", "frame_id"),
    ],
)
def test_a_move_that_can_not_be_made_is_refused(goal: Pose, frame: str, reason: str) -> None:
    bench = SafetyBench()
    bench.arm()
    success, message = bench.supervisor.on_move_target(goal, frame, bench.now_s)
    assert not success
    assert reason in message
    bench.run(0.1)
    assert bench.last.state is State.ARMED
    assert bench.last.move.startswith("refused: ")


def test_a_move_is_taken_in_armed_only() -> None:
    bench = SafetyBench()
    assert "state is INACTIVE" in bench.supervisor.on_move_target(HOME, ROBOT.base_frame, bench.now_s)[1]
    bench.start(FORWARD)
    assert "state is RUNNING" in bench.supervisor.on_move_target(HOME, ROBOT.base_frame, bench.now_s)[1]


def test_deactivation_sends_the_measured_pose_once_and_then_nothing() -> None:
    bench = SafetyBench(follows=False)
    bench.start((0.1, 0.0, 0.0, 0.0, 0.0, 0.0))
    assert bench.last.distance_m > 0.01
    final = bench.supervisor.deactivate(bench.now_s)
    assert final.target is not None
    assert distance(final.target, bench.measured) < 1e-9
    assert final.state is State.INACTIVE
    assert bench.run(0.1).target is None


def spin(bench: SafetyBench, velocities: list[float]) -> None:
    """One joint state of a fast arm, seen by a cycle."""
    bench.send_joint_state(velocities=velocities, arrival=bench.arrival(1e-4))
    bench.commands.append(bench.supervisor.tick(bench.now_s))


def jump(bench: SafetyBench) -> None:
    bench.q = bench.q + np.array([0.0, 0.2, 0, 0, 0, 0, 0])


def outside(bench: SafetyBench) -> None:
    """Moved outside by something else, slowly."""
    start = bench.measured
    for k in range(240):
        bench.q = CHAIN.inverse(Pose(start.position + np.array([0.0, 0.0014 * k, 0.0]), start.quaternion), bench.q)
        bench.step()


def drift(bench: SafetyBench) -> None:
    """The sensor comes to tell of a force that nothing pushes back against."""
    bench.twist, bench.contact = np.zeros(6), np.array([0.0, 12.0, 0.0, 0.0, 0.0, 0.0])


def stuck(bench: SafetyBench) -> None:
    """The arm stays where it is, and no force is measured at the tool."""
    bench.follows, bench.twist = False, np.array([0.1, 0.0, 0.0, 0.0, 0.0, 0.0])


KNOWN = ExpectedPolicy(ROBOT.fingerprint(), POLICY_PERIOD_S, actor_sha256="a1" * 32, entropy=(-12.0, -2.0))
GOOD = PolicyReport(-5.0, 0.0, "force.x", 0.002, KNOWN.actor_sha256, KNOWN.robot, POLICY_PERIOD_S)


def says(**changes: Any) -> Callable[[SafetyBench], object]:
    """The policy says something else of itself from now on."""
    return lambda bench: setattr(bench, "report", replace(GOOD, **changes))


def accelerate(bench: SafetyBench) -> None:
    """A joint that is pushed faster and faster, and does not move far."""
    for k in range(15):
        bench.now_s += STEP_S
        bench.send_joint_state(velocities=[0, 0, 0, 0, 0, 0, 0.22 * k])
        bench.send_wrench()
        bench.commands.append(bench.supervisor.tick(bench.now_s))


def told(fault: Fault) -> Callable[[SafetyBench], object]:
    """What is seen from outside."""
    return lambda bench: bench.supervisor.report(fault, Violation(fault, "test", "2", "1"))


PROVOCATIONS: dict[Fault, Callable[[SafetyBench], object]] = {
    Fault.STALE_JOINT_STATE: lambda bench: setattr(bench, "joint_states", False),
    Fault.STALE_WRENCH: lambda bench: setattr(bench, "wrenches", False),
    Fault.STALE_ACTION: lambda bench: bench.silence(alive=True),
    Fault.CLOCK_JUMP: lambda bench: bench.send_joint_state(arrival=bench.arrival(-0.5)),
    Fault.NONFINITE: lambda bench: bench.send_twist([0.0, math.nan, 0.0, 0.0, 0.0, 0.0]),
    Fault.NAME_OR_SIZE_MISMATCH: lambda bench: bench.send_joint_state(names=["a", *ROBOT.joint_names[1:]]),
    Fault.JOINT_POSITION: lambda bench: setattr(bench, "q", np.array([0.0, -0.2, 0.0, -2.2, 0.0, 2.0, 3.04])),
    Fault.JOINT_VELOCITY: lambda bench: spin(bench, [0, 0, 0, 0, 0, 0, 4.0]),
    Fault.WORKSPACE: outside,
    Fault.TCP_SPEED: lambda bench: spin(bench, [1.5, 0, 0, 0, 0, 0, 0]),
    Fault.FORCE: lambda bench: setattr(bench, "contact", np.array([0.0, 31.0, 0.0, 0.0, 0.0, 0.0])),
    Fault.TORQUE: lambda bench: setattr(bench, "contact", np.array([0.0, 0.0, 0.0, 0.0, 0.0, 5.5])),
    Fault.COMMAND_JUMP: jump,
    Fault.SECOND_PUBLISHER: told(Fault.SECOND_PUBLISHER),
    Fault.SEQUENCE_GAP: lambda bench: bench.send_twist(FORWARD, stamp_offset_s=0.2),
    Fault.WRENCH_BIAS: drift,
    Fault.TRACKING_ERROR: stuck,
    Fault.CONTROLLER_INACTIVE: told(Fault.CONTROLLER_INACTIVE),
    Fault.HARDWARE: told(Fault.HARDWARE),
    Fault.ROBOT_SAFETY_STOP: told(Fault.ROBOT_SAFETY_STOP),
    Fault.HEARTBEAT_LOST: lambda bench: bench.silence(alive=False),
    Fault.JOINT_ACCELERATION: accelerate,
    Fault.ENTROPY_RANGE: says(entropy=3.5),
    Fault.OUT_OF_DISTRIBUTION: says(novelty=0.6),
    Fault.INFERENCE_OVERRUN: says(inference_s=0.045),
    Fault.BUNDLE_HASH: says(actor_sha256="b2" * 32),
    Fault.CONTRACT_MISMATCH: says(robot="other 0123456789ab"),
    Fault.QOS_INCOMPATIBLE: told(Fault.QOS_INCOMPATIBLE),
    Fault.OPERATOR_STOP: lambda bench: bench.supervisor.request_stop(bench.now_s),
}


SHIPPED = reactions({})
STOPPING = [fault for fault in Fault if SHIPPED[fault].final is not None]


def test_every_fault_has_a_reaction_and_a_provocation() -> None:
    assert set(CHOICES) == set(Fault) == set(PROVOCATIONS)


@pytest.mark.parametrize("fault", STOPPING, ids=lambda fault: fault.value)
def test_every_fault_stops_the_arm_and_is_latched(fault: Fault) -> None:
    bench = SafetyBench(expected=KNOWN)
    bench.report = GOOD
    bench.start(FORWARD)
    bench.follows = fault not in (Fault.WORKSPACE, Fault.JOINT_POSITION, Fault.COMMAND_JUMP)
    PROVOCATIONS[fault](bench)
    bench.run(1.5)
    assert fault.value in bench.fault_names
    assert bench.last.state is SHIPPED[fault].final
    assert bench.last.source == "hold"
    bench.run(0.1)
    rest = targets(bench)[-1]
    bench.joint_states = bench.wrenches = True
    bench.run(0.5)
    np.testing.assert_allclose(targets(bench)[-1], rest, atol=1e-9)
    assert fault.value in bench.fault_names
    assert bench.last.state is SHIPPED[fault].final
    assert not bench.supervisor.request_start(bench.now_s)[0]


def test_a_gap_in_the_twists_slows_the_policy_for_a_while_and_is_counted() -> None:
    bench = SafetyBench()
    full = bench.limits.policy_speed.linear_m_s
    bench.start((full, 0.0, 0.0, 0.0, 0.0, 0.0))
    bench.silence(alive=True)
    bench.run(0.2)
    bench.twist = np.array([full, 0.0, 0.0, 0.0, 0.0, 0.0])
    bench.step(3)
    assert bench.last.state is State.DEGRADED
    assert [notice.fault for notice in bench.last.notices] == [Fault.SEQUENCE_GAP]
    assert "step of the stamps of candidate_twist is 0.205 s, allowed is 0.125 s" in str(bench.last.notices[0])
    slowed = full * bench.limits.contact.degraded_speed
    assert np.diff(targets(bench)[-2:, 0])[0] == pytest.approx(slowed * STEP_S)
    assert bench.run(bench.limits.degraded_hold_s + STEP_S).state is State.RUNNING
    assert (bench.last.faults, bench.last.noted) == ((), {"SEQUENCE_GAP": 1})


def test_the_target_changes_its_twist_within_the_acceleration_whatever_the_policy_asks_for() -> None:
    allowed = {"linear_m_s2": 2.0, "angular_rad_s2": 8.0}
    bench = SafetyBench(limits(target_acceleration=allowed))
    bench.start()
    generator = np.random.default_rng(3)
    for _ in range(30):
        bench.twist = generator.uniform(-1.0, 1.0, 6) * [0.15, 0.15, 0.15, 0.9, 0.9, 0.9]
        bench.step(10)
    poses = [command.target for command in bench.commands[-300:] if command.target is not None]
    steps = np.array(
        [
            np.concatenate([b.position - a.position, rotations.difference(b.quaternion, a.quaternion)])
            for a, b in itertools.pairwise(poses)
        ]
    )
    change = np.diff(steps / STEP_S, axis=0) / STEP_S
    assert 1.9 < np.linalg.norm(change[:, :3], axis=1).max() <= 2.0 * 1.001
    assert 7.5 < np.linalg.norm(change[:, 3:], axis=1).max() <= 8.0 * 1.01, "rotation vectors of steps, nearly linear"
    assert bench.last.interventions["acceleration"] >= 1


@pytest.mark.parametrize("changes", [{"entropy": 3.5}, {"inference_s": 0.045}, {"novelty": 1.5}])
def test_a_report_that_is_out_of_range_slows_the_policy_while_it_is(changes: dict[str, Any]) -> None:
    bench = SafetyBench(expected=KNOWN)
    bench.report = GOOD
    bench.start(FORWARD)
    bench.report = replace(GOOD, **changes)
    assert bench.run(1.0).state is State.DEGRADED
    assert sum(bench.last.noted.values()) == 1
    bench.report = GOOD
    assert bench.run(bench.limits.degraded_hold_s + 2 * STEP_S).state is State.RUNNING


def test_where_the_skill_has_never_been_it_can_hold_and_be_moved_back_but_not_started() -> None:
    bench = SafetyBench(limits(reactions={"OUT_OF_DISTRIBUTION": "hold"}), expected=KNOWN)
    bench.report = GOOD
    bench.start(FORWARD)
    bench.report = replace(GOOD, novelty=1.5, strangest="tcp_position.x")
    assert bench.run(0.5).state is State.HOLD
    assert str(bench.last.faults[0]) == (
        "OUT_OF_DISTRIBUTION: novelty of tcp_position.x is 1.5 of its range, allowed is 0.5 of its range"
    )
    assert bench.supervisor.request_reset(bench.now_s) == (True, "reset to ARMED")
    success, message = bench.supervisor.request_start(bench.now_s)
    assert (success, message.split(":")[0]) == (False, "start refused")
    assert "OUT_OF_DISTRIBUTION" in message
    goal = Pose(HOME.position + np.array([0.03, 0.0, 0.0]), HOME.quaternion)
    assert bench.supervisor.on_move_target(goal, ROBOT.base_frame, bench.now_s)[0]
    assert bench.run(2.0).move == "reached"
    bench.report = GOOD
    bench.step()
    assert bench.supervisor.request_start(bench.now_s)[0]


def test_a_known_skill_has_to_say_what_it_is_before_and_while_it_is_followed() -> None:
    bench = SafetyBench(expected=KNOWN)
    bench.arm()
    assert bench.supervisor.request_start(bench.now_s) == (
        False,
        "start refused: no fresh policy/telemetry: the policy has not told which actor it runs",
    )
    bench.report = GOOD
    bench.run(0.1)
    assert bench.supervisor.request_start(bench.now_s)[0]
    bench.twist, bench.report = np.array(FORWARD), None
    bench.run(bench.limits.ages.heartbeat_s + 0.5)
    assert bench.last.state is State.FAULT
    assert "SHA-256 of the policy's actor is not told, allowed is a1a1a1a1a1a1" in str(bench.last.faults[0])


@pytest.mark.parametrize(("name", "state"), [("hold", State.HOLD), ("reject", State.RUNNING)])
def test_a_reaction_can_be_chosen_in_the_limits(name: str, state: State) -> None:
    bench = SafetyBench(limits(reactions={"SEQUENCE_GAP": name}))
    bench.start(FORWARD)
    bench.silence(alive=True)
    bench.run(0.2)
    bench.twist = np.array(FORWARD)
    assert bench.run(0.3).state is state


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"FORCE": "reject"}, r"reactions\.FORCE: 'reject' is not allowed: must be one of release"),
        ({"STALE_ACTION": "wait"}, r"reactions\.STALE_ACTION: 'wait' .* hold, controlled_stop"),
        ({"FORCES": "release"}, r"reactions: no fault 'FORCES'; there are STALE_JOINT_STATE"),
    ],
)
def test_a_reaction_that_would_not_do_is_refused(chosen: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        limits(reactions=chosen)


def test_an_old_tare_is_renewed_before_a_start() -> None:
    bench = SafetyBench(limits(contact={"tare_age_s": 1.0}))
    bench.arm()
    bench.run(1.2)
    success, message = bench.supervisor.request_start(bench.now_s)
    assert not success
    assert message == "start refused: the tare is 1 s old, allowed are 1 s: arm again"
    assert bench.supervisor.request_arm(bench.now_s)[0]
    assert bench.supervisor.request_start(bench.now_s)[0]


def test_a_push_that_the_sensor_explains_is_neither_drift_nor_a_stuck_arm() -> None:
    bench = SafetyBench(follows=False)
    bench.start((0.1, 0.0, 0.0, 0.0, 0.0, 0.0))
    bench.contact = np.array([0.0, 12.0, 0.0, 0.0, 0.0, 0.0])
    assert bench.run(2.0).state is State.RUNNING


def test_noise_of_the_sensor_hides_no_stuck_arm() -> None:
    bench, generator = SafetyBench(follows=False), np.random.default_rng(2)
    bench.start((0.1, 0.0, 0.0, 0.0, 0.0, 0.0))
    for _ in range(400):
        bench.contact = np.concatenate([generator.normal(0.0, 2.0, 3), np.zeros(3)])
        bench.step()
    assert bench.fault_names == {"TRACKING_ERROR"}


@pytest.mark.parametrize("fault", [fault for fault in Fault if SHIPPED[fault] is Reaction.RELEASE])
def test_a_release_puts_the_target_on_the_measured_pose_at_once(fault: Fault) -> None:
    bench = SafetyBench(follows=False)
    bench.start((0.1, 0.0, 0.0, 0.0, 0.0, 0.0))
    assert bench.last.distance_m > 0.01
    bench.supervisor.report(fault, Violation(fault, "test", 2.0, 1.0))
    bench.step()
    assert bench.last.state is State.FAULT
    assert bench.last.distance_m < 1e-9


@pytest.mark.parametrize(
    ("twist", "early"), [((0.15, 0.0, 0.0, 0.0, 0.0, 0.0), 4), ((0.0, 0.0, 0.0, 0.0, 0.0, 0.5), 2)]
)
def test_a_target_without_fresh_twists_rests_within_two_periods(twist: tuple[float, ...], early: int) -> None:
    """As many cycles early are left for the ways of the twist and of the command."""
    bench = SafetyBench()
    bench.start(twist)
    bench.silence(alive=True)
    began = len(bench.commands)
    bench.run(2 * POLICY_PERIOD_S + 0.05)
    steps = [_step(before, after) for before, after in itertools.pairwise(bench.commands[began - 1 :])]
    assert min(steps[: round(1.2 * POLICY_PERIOD_S / STEP_S)]) == pytest.approx(max(steps)), "a little late is nothing"
    assert max(steps[round(2 * POLICY_PERIOD_S / STEP_S) - early :]) < 1e-6
    assert max(steps[round(1.2 * POLICY_PERIOD_S / STEP_S) + 1 :]) > 0.0


def _step(before: Command, after: Command) -> float:
    """How far the target has gone and turned, m and rad."""
    assert before.target is not None
    assert after.target is not None
    turn = rotations.difference(after.target.quaternion, before.target.quaternion)
    return distance(before.target, after.target) + float(np.linalg.norm(turn))


def test_a_silent_policy_is_no_reason_to_go_on_pushing() -> None:
    bench = SafetyBench(follows=False)
    bench.start((0.1, 0.0, 0.0, 0.0, 0.0, 0.0))
    assert bench.last.distance_m > 0.01
    bench.silence(alive=True)
    bench.run(2 * POLICY_PERIOD_S + 0.03)
    assert (bench.last.state, bench.last.faults) == (State.RUNNING, ())
    assert bench.last.distance_m < 1e-9
    bench.twist = np.array([0.1, 0.0, 0.0, 0.0, 0.0, 0.0])
    bench.run(0.3)
    assert bench.last.distance_m > 0.01, "it goes on when the policy does"


def test_a_reset_lets_go_of_what_a_frozen_target_presses_on_with_its_last_command() -> None:
    bench = SafetyBench(follows=False)
    bench.start((0.1, 0.0, 0.0, 0.0, 0.0, 0.0))
    bench.joint_states = False
    bench.run(0.5)
    assert bench.last.state is State.FAULT
    assert bench.last.distance_m > 0.01
    bench.joint_states = True
    bench.step(3)
    assert bench.last.distance_m > 0.01, "nothing moves before the reset"
    assert bench.supervisor.request_reset(bench.now_s)[0]
    final = bench.step()
    assert (final.state, final.distance_m) == (State.INACTIVE, 0.0)
    assert final.target is not None
    assert bench.step().target is None


@pytest.mark.parametrize("axis", [1, 5])
def test_a_release_outside_the_workspace_does_not_pull_back_into_it(axis: int) -> None:
    cone = {"reference": HOME.quaternion.tolist(), "tilt_rad": 0.05, "turn_rad": 0.05}
    walls = {"minimum": [0.3, -0.05, 0.1], "maximum": [0.7, 0.05, 0.7], "orientation": cone}
    bench = SafetyBench(limits(workspace=walls), follows=False)
    bench.start()
    step = np.zeros(6)
    step[axis] = 0.001
    while bench.last.state is not State.FAULT:
        here = bench.measured
        turned = rotations.multiply(rotations.from_rotvec(step[3:]), here.quaternion)
        bench.q = CHAIN.inverse(Pose(here.position + step[:3], turned), bench.q)
        bench.step()
    assert bench.fault_names == {"WORKSPACE"}
    assert bench.last.target is not None
    for _ in range(2):
        assert distance(bench.last.target, bench.measured) < 1e-9
        assert np.abs(rotations.difference(bench.last.target.quaternion, bench.measured.quaternion)).max() < 1e-9
        bench.run(0.1)


def test_a_release_that_would_be_a_jump_is_not_sent_and_says_so() -> None:
    bench = SafetyBench(follows=False)
    bench.start()
    at = targets(bench)[-1]
    bench.q = bench.q + np.array([0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert bench.run(0.1).state is State.FAULT
    assert bench.fault_names == {"WORKSPACE", "COMMAND_JUMP"}
    np.testing.assert_allclose(targets(bench)[-1], at, atol=1e-9)


def test_stale_joint_states_freeze_the_target() -> None:
    bench = SafetyBench(follows=False)
    bench.start((0.1, 0.0, 0.0, 0.0, 0.0, 0.0))
    at = targets(bench)[-1]
    bench.joint_states = False
    bench.run(0.5)
    assert bench.last.state is State.FAULT
    np.testing.assert_allclose(targets(bench)[-1], at, atol=1e-9)


def test_a_frozen_target_stays_when_the_arm_is_seen_elsewhere_afterwards() -> None:
    bench = SafetyBench(follows=False)
    bench.start(FORWARD)
    bench.joint_states = False
    bench.run(0.5)
    at = targets(bench)[-1]
    bench.q = CHAIN.inverse(Pose(HOME.position - np.array([0.02, 0.0, 0.0]), HOME.quaternion), bench.q)
    bench.joint_states = True
    assert bench.run(0.1).state is State.FAULT
    np.testing.assert_allclose(targets(bench)[-1], at, atol=1e-9)


def test_a_graver_fault_overrides_a_stop_under_way() -> None:
    bench = SafetyBench(limits(acceleration={"linear_m_s2": 0.05}))
    bench.start((0.1, 0.0, 0.0, 0.0, 0.0, 0.0))
    bench.supervisor.request_stop(bench.now_s)
    assert bench.run(0.2).state is State.STOPPING
    bench.contact = np.array([40.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert bench.step(3).state is State.FAULT
    assert {"OPERATOR_STOP", "FORCE"} <= bench.fault_names


def test_a_fault_is_reset_only_when_its_cause_is_gone() -> None:
    bench = SafetyBench()
    bench.start(FORWARD)
    bench.contact = np.array([40.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    bench.run(0.1)
    success, message = bench.supervisor.request_reset(bench.now_s)
    assert not success
    assert "the cause is still there: FORCE: contact force is 40 N, allowed is 30 N" in message
    bench.contact = np.zeros(6)
    bench.run(0.1)
    assert bench.last.state is State.FAULT
    assert bench.supervisor.request_reset(bench.now_s) == (True, "reset to INACTIVE: arm again")
    bench.step()
    assert bench.step().target is None
    assert bench.last.faults == ()


def test_one_bad_message_between_two_cycles_is_not_hidden_by_a_good_one() -> None:
    bench = SafetyBench()
    bench.start(FORWARD)
    bench.send_joint_state([math.inf] * 7, arrival=bench.arrival(1e-4))
    bench.send_joint_state(arrival=bench.arrival(2e-4))
    bench.run(0.2)
    assert bench.fault_names == {"NONFINITE"}


def test_a_stamp_that_repeats_feeds_no_watchdog() -> None:
    bench = SafetyBench()
    bench.arm()
    frozen = bench.arrival()
    bench.joint_states = False
    for _ in range(100):
        bench.step()
        bench.send_joint_state(arrival=type(frozen)(frozen.stamp_s, 0.0, bench.now_s))
    assert bench.fault_names == {"STALE_JOINT_STATE"}


def test_an_old_message_is_as_good_as_none() -> None:
    bench = SafetyBench()
    bench.start(FORWARD)
    bench.send_joint_state(arrival=bench.arrival(1e-4, age_s=0.8))
    bench.step()
    assert bench.fault_names == {"STALE_JOINT_STATE"}


def test_one_fast_joint_state_between_two_cycles_is_not_hidden_by_a_slow_one() -> None:
    bench = SafetyBench()
    bench.start(FORWARD)
    bench.send_joint_state(velocities=[0.0] * 6 + [5.0], arrival=bench.arrival(1e-4))
    bench.step()
    assert "JOINT_VELOCITY" in bench.fault_names


def test_velocities_are_estimated_when_the_driver_sends_none() -> None:
    bench = SafetyBench()
    bench.run(0.1)
    bench.send_joint_state(bench.q + 0.001, velocities=[], arrival=bench.arrival(0.005))
    np.testing.assert_allclose(bench.supervisor.arm.qd, 0.2, rtol=1e-3)
