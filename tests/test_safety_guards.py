"""Each guard of the supervisor by itself: with it disabled, a test fails (benchmarks/mutation_check.py)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safety_bench import ANY_POLICY, CHAIN, HOME, POLICY_PERIOD_S, ROBOT, STEP_S, SafetyBench, limits

from maxent_robot.config import config_from_mapping, to_mapping
from maxent_robot.control import rotations
from maxent_robot.control.pose import Pose
from maxent_robot.errors import ConfigError
from maxent_robot.safety import guards
from maxent_robot.safety.arrival import Arrival
from maxent_robot.safety.faults import Fault, Violation
from maxent_robot.safety.force_balance import ForceBalance
from maxent_robot.safety.gate import CommandGate, limit_change, limit_speed
from maxent_robot.safety.joint_limits import JointLimiter, Posture
from maxent_robot.safety.limits import AccelerationLimits, JumpLimits, SpeedLimits, SupervisorLimits, load_limits
from maxent_robot.safety.motion import ControlledStop, JerkLimitedMove, MotionLimits
from maxent_robot.safety.move import MoveTask
from maxent_robot.safety.policy_input import PolicyInput
from maxent_robot.safety.policy_pace import PolicyPace
from maxent_robot.safety.policy_report import PolicyReport
from maxent_robot.safety.reactions import CHOICES, reactions
from maxent_robot.safety.state_machine import TRANSITIONS, State
from maxent_robot.safety.workspace import Workspace
from maxent_robot.skill.action import Leash

FORWARD = (0.1, 0.0, 0.0, 0.0, 0.0, 0.0)
SIM = limits()
MOTION = MotionLimits(SIM.move_speed, SIM.acceleration, SIM.jerk)
LEASH = Leash.of(ROBOT.impedance)


def names(violations: list[Violation]) -> list[str]:
    return [violation.fault.value for violation in violations]


def shifted(pose: Pose, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Pose:
    return Pose(pose.position + np.array([x, y, z]), pose.quaternion)


def turned(pose: Pose, *rotvec: float) -> Pose:
    return Pose(pose.position, rotations.multiply(rotations.from_rotvec(np.array(rotvec)), pose.quaternion))


def push(bench: SafetyBench, x: float = 0.0, y: float = 0.0) -> None:
    """Something else moves the arm by so much."""
    bench.q = CHAIN.inverse(shifted(bench.measured, x, y), bench.q)


def target_of(bench: SafetyBench) -> np.ndarray:
    """(3,) position of the last target."""
    assert bench.last.target is not None
    return bench.last.target.position


def held(bench: SafetyBench) -> None:
    """Bring it to HOLD by a stop."""
    bench.start()
    bench.supervisor.request_stop(bench.now_s)
    assert bench.step(2).state is State.HOLD


# What a limits file may say

POST = {"minimum": [0.4, 0.1, 0.0], "maximum": [0.5, 0.2, 0.3]}
PLAIN = to_mapping(limits(workspace={"keep_out": {"post": POST}}))


def numbers(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where numbers stand in plain data."""
    if isinstance(data, (Mapping, list)):
        for key, value in data.items() if isinstance(data, Mapping) else enumerate(data):
            yield from numbers(value, (*path, key))
    else:
        yield path


def with_number(data: Any, path: tuple[Any, ...], number: float) -> Any:
    """The data with another number at a path."""
    if not path:
        return number
    changed = dict(data) if isinstance(data, Mapping) else list(data)
    changed[path[0]] = with_number(data[path[0]], path[1:], number)
    return changed


@pytest.mark.parametrize("path", list(numbers(PLAIN)), ids=lambda path: ".".join(map(str, path)))
def test_every_number_in_a_limits_file_has_a_least_and_a_greatest_value(path: tuple[Any, ...]) -> None:
    with pytest.raises(ConfigError, match="is too small"):
        config_from_mapping(with_number(PLAIN, path, -1e6), SupervisorLimits)
    with pytest.raises(ConfigError, match="is too large"):
        config_from_mapping(with_number(PLAIN, path, 1e6), SupervisorLimits)


REACTIONS = {
    "STALE_JOINT_STATE": "freeze",
    "STALE_WRENCH": "controlled_stop",
    "STALE_ACTION": "hold, controlled_stop",
    "CLOCK_JUMP": "controlled_stop, hold",
    "SEQUENCE_GAP": "degrade, reject, hold, controlled_stop",
    "NONFINITE": "controlled_stop, hold",
    "NAME_OR_SIZE_MISMATCH": "controlled_stop, hold",
    "JOINT_POSITION": "release",
    "JOINT_VELOCITY": "release",
    "JOINT_ACCELERATION": "release",
    "WORKSPACE": "release",
    "TCP_SPEED": "release",
    "FORCE": "release",
    "TORQUE": "release",
    "WRENCH_BIAS": "controlled_stop, hold",
    "TRACKING_ERROR": "release",
    "COMMAND_JUMP": "freeze",
    "ENTROPY_RANGE": "degrade, reject, hold, controlled_stop",
    "OUT_OF_DISTRIBUTION": "degrade, reject, hold, controlled_stop",
    "INFERENCE_OVERRUN": "degrade, reject, hold, controlled_stop",
    "BUNDLE_HASH": "controlled_stop",
    "CONTRACT_MISMATCH": "controlled_stop",
    "CONTROLLER_INACTIVE": "release",
    "SECOND_PUBLISHER": "controlled_stop",
    "HARDWARE": "release, controlled_stop",
    "ROBOT_SAFETY_STOP": "release",
    "HEARTBEAT_LOST": "hold, controlled_stop",
    "OPERATOR_STOP": "hold, controlled_stop",
    "QOS_INCOMPATIBLE": "controlled_stop, hold, reject",
}


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.value)
def test_a_fault_has_the_reaction_that_ships_and_no_other_may_be_chosen_than_these(fault: Fault) -> None:
    allowed = REACTIONS[fault.value].split(", ")
    assert reactions({})[fault].value == allowed[0]
    for name in ("reject", "degrade", "hold", "controlled_stop", "release", "freeze"):
        if name in allowed:
            assert reactions({fault.value: name})[fault].value == name
        else:
            with pytest.raises(ConfigError, match=f"{fault.value}: '{name}' is not allowed"):
                reactions({fault.value: name})
    assert len(CHOICES[fault]) == len(allowed)


FOLLOWERS = {
    "UNCONFIGURED": {"INACTIVE"},
    "INACTIVE": {"UNCONFIGURED", "ARMED"},
    "ARMED": {"INACTIVE", "RAMPING", "STOPPING"},
    "RAMPING": {"INACTIVE", "RUNNING", "STOPPING"},
    "RUNNING": {"INACTIVE", "ARMED", "DEGRADED", "STOPPING"},
    "DEGRADED": {"INACTIVE", "RUNNING", "STOPPING"},
    "STOPPING": {"INACTIVE", "HOLD", "FAULT"},
    "HOLD": {"INACTIVE", "ARMED", "FAULT"},
    "FAULT": {"INACTIVE"},
}


@pytest.mark.parametrize("state", list(State), ids=lambda state: state.value)
def test_only_these_states_may_follow(state: State) -> None:
    assert {follower.value for follower in TRANSITIONS[state]} == FOLLOWERS[state.value]


def test_a_limits_file_is_found_by_a_plain_name_or_a_path(tmp_path: Path) -> None:
    copy = tmp_path / "cell.yaml"
    copy.write_text("workspace: {minimum: [0, 0, 0], maximum: [1, 1, 1]}\n", encoding="utf-8")
    assert load_limits(copy).workspace.maximum == (1.0, 1.0, 1.0)
    assert load_limits("sim").workspace == SIM.workspace
    for nothing in ("", "../limits/sim", str(tmp_path), str(tmp_path / "other.yaml")):
        with pytest.raises(ConfigError, match="no limits"):
            load_limits(nothing)


def test_the_load_at_which_it_recovers_must_be_below_that_at_which_it_is_slowed() -> None:
    with pytest.raises(ConfigError, match=r"recovered_load 0\.8 must be below degraded_load 0\.8"):
        limits(contact={"recovered_load": 0.8})


# Messages

BAD_JOINT_STATES: dict[str, tuple[str, Callable[[SafetyBench], object]]] = {
    "names": ("NAME_OR_SIZE_MISMATCH", lambda b: b.send_joint_state(names=["a", *ROBOT.joint_names[1:]])),
    "positions": ("NAME_OR_SIZE_MISMATCH", lambda b: b.send_joint_state(b.q[:6])),
    "velocities": ("NAME_OR_SIZE_MISMATCH", lambda b: b.send_joint_state(velocities=[0.0] * 8)),
    "nan position": ("NONFINITE", lambda b: b.send_joint_state([*b.q[:6], math.nan])),
    "nan velocity": ("NONFINITE", lambda b: b.send_joint_state(velocities=[0.0] * 6 + [math.nan])),
    "stamp": ("CLOCK_JUMP", lambda b: b.send_joint_state(arrival=b.arrival(-0.5))),
    "old": ("STALE_JOINT_STATE", lambda b: b.send_joint_state(arrival=b.arrival(age_s=0.8))),
    "future": ("CLOCK_JUMP", lambda b: b.send_joint_state(arrival=b.arrival(age_s=-0.8))),
}
BAD_WRENCHES: dict[str, tuple[str, Callable[[SafetyBench], object]]] = {
    "size": ("NAME_OR_SIZE_MISMATCH", lambda b: b.send_wrench(np.zeros(5))),
    "frame": ("NAME_OR_SIZE_MISMATCH", lambda b: b.supervisor.on_wrench(np.zeros(6), "map", b.arrival())),
    "nan": ("NONFINITE", lambda b: b.send_wrench(np.array([0.0, 0.0, math.nan, 0.0, 0.0, 0.0]))),
    "stamp": ("CLOCK_JUMP", lambda b: b.send_wrench(stamp_offset_s=-0.5)),
    "old": ("STALE_WRENCH", lambda b: b.supervisor.on_wrench(np.zeros(6), ROBOT.ft_frame, b.arrival(age_s=0.8))),
    "future": ("CLOCK_JUMP", lambda b: b.supervisor.on_wrench(np.zeros(6), ROBOT.ft_frame, b.arrival(age_s=-0.8))),
}
BAD_TWISTS: dict[str, tuple[str, Callable[[SafetyBench], object]]] = {
    "size": ("NAME_OR_SIZE_MISMATCH", lambda b: b.send_twist([0.0] * 5)),
    "frame": ("NAME_OR_SIZE_MISMATCH", lambda b: b.send_twist([0.0] * 6, frame_id="map")),
    "nan": ("NONFINITE", lambda b: b.send_twist([0.0, math.nan, 0.0, 0.0, 0.0, 0.0])),
    "stamp": ("CLOCK_JUMP", lambda b: b.send_twist([0.0] * 6, stamp_offset_s=-0.5)),
    "old": ("STALE_ACTION", lambda b: b.send_twist([0.0] * 6, age_s=0.8)),
    "future": ("CLOCK_JUMP", lambda b: b.send_twist([0.0] * 6, age_s=-0.8)),
}
BAD_INPUTS = {
    f"{topic} {kind}": case
    for topic, cases in (("joints", BAD_JOINT_STATES), ("wrench", BAD_WRENCHES), ("twist", BAD_TWISTS))
    for kind, case in cases.items()
}


@pytest.mark.parametrize(("fault", "send"), BAD_INPUTS.values(), ids=BAD_INPUTS)
def test_a_bad_message_that_a_good_one_follows_is_a_fault_all_the_same(
    fault: str, send: Callable[[SafetyBench], object]
) -> None:
    bench = SafetyBench(follows=False)
    bench.start()
    bench.now_s += 1e-3
    send(bench)
    bench.now_s += 1e-3
    bench.send_joint_state()
    bench.send_wrench()
    bench.send_twist(np.zeros(6))
    bench.commands.append(bench.supervisor.tick(bench.now_s))
    assert bench.fault_names == {fault}
    assert bench.last.state is not State.RUNNING


@pytest.mark.parametrize(
    ("fault", "send"), [*BAD_JOINT_STATES.values(), *BAD_WRENCHES.values()], ids=[*BAD_JOINT_STATES, *BAD_WRENCHES]
)
def test_a_bad_measurement_keeps_it_from_arming_until_a_good_one_comes(
    fault: str, send: Callable[[SafetyBench], object]
) -> None:
    bench = SafetyBench()
    bench.run(0.1)
    q = bench.supervisor.arm.q
    send(bench)
    success, message = bench.supervisor.request_arm(bench.now_s)
    assert not success
    assert message.startswith(f"arm refused: {fault}: ")
    assert bench.supervisor.arm.q is q
    bench.step()
    assert bench.last.state is State.INACTIVE
    assert bench.supervisor.request_arm(bench.now_s)[0]


@pytest.mark.parametrize(("fault", "send"), BAD_TWISTS.values(), ids=BAD_TWISTS)
def test_a_bad_twist_keeps_it_from_starting_while_it_is_news(fault: str, send: Callable[[SafetyBench], object]) -> None:
    bench = SafetyBench()
    bench.arm()
    bench.send_twist(FORWARD)
    bench.now_s += 1e-3
    send(bench)
    success, message = bench.supervisor.request_start(bench.now_s)
    assert not success
    assert message.startswith(f"start refused: {fault}: ")
    bench.run(2 * POLICY_PERIOD_S + STEP_S)
    assert bench.last.state is State.ARMED
    assert bench.supervisor.request_start(bench.now_s)[0]


def test_a_good_twist_after_a_bad_one_lets_it_start() -> None:
    bench = SafetyBench()
    bench.arm()
    bench.send_twist([math.nan] * 6)
    bench.now_s += 1e-3
    bench.send_twist(np.zeros(6))
    assert bench.supervisor.request_start(bench.now_s)[0]


def test_after_a_gap_a_bad_twist_is_what_it_is() -> None:
    bench = SafetyBench()
    bench.start()
    bench.silence(alive=True)
    bench.run(0.2)
    bench.send_twist([math.nan] * 6)
    assert bench.step().noted == {}
    assert bench.fault_names == {"NONFINITE"}


def test_a_bad_twist_does_not_end_a_move() -> None:
    bench = SafetyBench()
    bench.arm()
    bench.supervisor.on_move_target(shifted(HOME, x=0.01), ROBOT.base_frame, bench.now_s)
    bench.step(2)
    bench.send_twist([math.nan] * 6)
    bench.run(1.0)
    assert (bench.last.state, bench.last.move) == (State.ARMED, "reached")


def test_joints_are_found_by_name_in_any_order() -> None:
    bench = SafetyBench()
    bench.run(0.1)
    bench.now_s += STEP_S
    q = bench.q + np.linspace(0.0, 1e-3, 7)
    bench.send_joint_state(q[::-1], names=ROBOT.joint_names[::-1], velocities=[])
    np.testing.assert_allclose(bench.supervisor.arm.q, q)
    np.testing.assert_allclose(bench.supervisor.arm.qd, np.linspace(0.0, 0.2, 7), rtol=1e-3)
    bench.now_s += STEP_S
    bench.send_joint_state(q[::-1], names=ROBOT.joint_names[::-1], velocities=np.arange(7.0))
    np.testing.assert_allclose(bench.supervisor.arm.qd, np.arange(7.0)[::-1])


def test_what_is_wrong_with_the_only_messages_is_why_it_does_not_arm() -> None:
    bench = SafetyBench()
    bench.joint_states = False
    bench.run(0.1)
    bench.send_joint_state(bench.q[:6])
    success, message = bench.supervisor.request_arm(bench.now_s)
    assert not success
    assert "number of positions in joint_states is 6, allowed is 7" in message


def test_a_wrench_whose_stamp_repeats_is_as_good_as_none() -> None:
    bench = SafetyBench()
    bench.arm()
    stamp_s = bench.arrival().stamp_s
    bench.wrenches = False
    for _ in range(60):
        bench.step()
        bench.supervisor.on_wrench(np.zeros(6), ROBOT.ft_frame, Arrival(stamp_s, 0.0, bench.now_s))
    assert bench.fault_names == {"STALE_WRENCH"}


def test_before_any_message_the_arm_is_stale_and_nothing_touches_it() -> None:
    arm = SafetyBench().supervisor.arm
    assert not arm.contact().any()
    assert names(arm.violations(100.0)) == ["STALE_JOINT_STATE", "STALE_WRENCH"]
    assert "too few samples" in arm.tare()


# The contact wrench


def test_the_contact_is_the_mean_of_ten_milliseconds_also_after_the_stamps_have_jumped_back() -> None:
    bench = SafetyBench()
    bench.arm()
    bench.wrenches = False
    for offset_s, mean in ((0.0, 8.0), (-0.3, 5.0)):
        for k in range(10):
            bench.contact = np.array([mean + 4.0 * (-1.0) ** k, 0.0, 0.0, 0.0, 0.0, 0.0])
            bench.step()
            bench.send_wrench(stamp_offset_s=offset_s)
        assert np.linalg.norm(bench.supervisor.arm.contact()[:3]) == pytest.approx(mean)
        bench.contact = np.zeros(6)


def test_velocities_are_estimated_from_two_positions_that_follow_each_other() -> None:
    bench = SafetyBench()
    bench.joint_states = False

    def say(offset_rad: float, **changes: object) -> float:
        bench.now_s += 0.01
        bench.send_joint_state(np.array(ROBOT.home) + offset_rad, velocities=[], arrival=bench.arrival(), **changes)
        return float(np.abs(bench.supervisor.arm.qd).max())

    assert say(0.0, names=["elbow"] * 7) == 0.0
    assert say(0.0) == 0.0
    assert say(0.005) == pytest.approx(0.5)
    say(0.01, names=["elbow"] * 7)
    assert say(0.012) == pytest.approx(0.5), "not the 0.007 rad in 10 ms that it looks like"
    assert say(0.013) == pytest.approx(0.1)


def test_the_contact_follows_the_wrench_between_two_joint_states() -> None:
    bench = SafetyBench()
    bench.arm()
    bench.contact = np.array([8.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    for _ in range(2):
        before = np.linalg.norm(bench.supervisor.arm.contact()[:3])
        bench.now_s += STEP_S
        bench.send_wrench()
        assert np.linalg.norm(bench.supervisor.arm.contact()[:3]) > before + 1.0


def test_the_contact_follows_the_arm_between_two_wrenches() -> None:
    bench = SafetyBench()
    bench.arm()
    assert np.linalg.norm(bench.supervisor.arm.contact()) < 1e-9
    bench.q = bench.q + np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0])
    bench.now_s += STEP_S
    bench.send_joint_state()
    assert np.linalg.norm(bench.supervisor.arm.contact()[:3]) > 1.0, "the weight is not where it was"


def test_a_tare_takes_the_last_quarter_of_a_second_and_counts_at_once() -> None:
    bench = SafetyBench()
    bench.contact = np.array([0.0, 0.0, 8.0, 0.0, 0.0, 0.0])
    bench.run(0.3)
    bench.contact = np.array([0.0, 0.0, 3.0, 0.0, 0.0, 0.0])
    bench.run(SIM.contact.tare_window_s + 2 * STEP_S)
    assert bench.supervisor.request_arm(bench.now_s)[0]
    assert np.linalg.norm(bench.supervisor.arm.contact()) < 1e-9


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    bench = SafetyBench()
    bench.arm()
    assert bench.supervisor.arm.violations(bench.now_s) == []


def test_without_a_pose_there_is_no_tare() -> None:
    bench = SafetyBench()
    bench.joint_states = False
    bench.run(0.1)
    assert "too few samples for a tare" in bench.supervisor.arm.tare()


def test_one_wrench_is_not_enough_for_a_tare() -> None:
    bench = SafetyBench()
    bench.step()
    assert bench.supervisor.request_arm(bench.now_s) == (False, "arm refused: wrench: too few samples for a tare")


def test_a_torque_is_not_tared_away_when_it_is_large() -> None:
    bench = SafetyBench()
    bench.contact = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 3.0])
    bench.run(0.3)
    success, message = bench.supervisor.request_arm(bench.now_s)
    assert not success
    assert "3 Nm beyond the tool's weight" in message


def test_a_contact_over_the_ceiling_is_no_reason_not_to_arm_when_it_can_be_tared_away() -> None:
    bench = SafetyBench(limits(contact={"force_n": 6.0, "torque_nm": 1.0}))
    bench.contact = np.array([0.0, 0.0, 8.0, 0.0, 0.0, 1.5])
    bench.run(0.3)
    assert bench.supervisor.request_arm(bench.now_s)[0]


def test_a_push_of_the_last_instant_is_seen_beside_the_tare() -> None:
    bench = SafetyBench()
    bench.run(0.3)
    bench.contact = np.array([0.0, 0.0, 38.0, 0.0, 0.0, 0.0])
    bench.step(2)
    success, message = bench.supervisor.request_arm(bench.now_s)
    assert not success
    assert message.startswith("arm refused: FORCE: ")


def test_it_is_still_only_when_it_neither_moves_nor_turns() -> None:
    for twist in ([0.0, 0.0, 0.02, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.1]):
        bench = SafetyBench()
        bench.run(0.1)
        bench.now_s += STEP_S
        bench.send_joint_state(velocities=np.linalg.pinv(CHAIN.jacobian(bench.q)) @ np.array(twist))
        assert bench.supervisor.request_arm(bench.now_s) == (False, "arm refused: the arm is moving")
    bench.now_s += STEP_S
    bench.send_joint_state(velocities=[0.0] * 6 + [4.0])
    assert "JOINT_VELOCITY" in bench.supervisor.request_arm(bench.now_s)[1]


# Checks


def test_a_check_refuses_what_is_not_a_number() -> None:
    nan = np.full(3, math.nan)
    assert guards.check_stamp(math.nan, 1.0, "x") is not None
    assert guards.check_unit_quaternion(np.full(4, math.nan), "x") is not None
    jump = JumpLimits(0.03, 0.2)
    assert guards.check_jump(HOME, Pose(nan, HOME.quaternion), jump) is not None
    assert guards.check_jump(HOME, Pose(HOME.position, np.full(4, math.nan)), jump) is not None


def test_a_target_that_turns_too_far_in_one_step_is_a_jump() -> None:
    jump = JumpLimits(0.03, 0.2)
    assert guards.check_jump(HOME, turned(HOME, 0.0, 0.0, 0.19), jump) is None
    violation = guards.check_jump(HOME, turned(HOME, 0.0, 0.0, 0.21), jump)
    assert str(violation) == "COMMAND_JUMP: turn of the target is 0.21 rad, allowed is 0.2 rad"
    assert guards.check_jump(HOME, shifted(HOME, x=0.031), jump) is not None


def test_a_fault_without_a_limit_names_none() -> None:
    stop = Violation(Fault.OPERATOR_STOP, "a stop", "requested", "")
    assert str(stop) == "OPERATOR_STOP: a stop is requested"
    assert str(Violation(Fault.FORCE, "contact force", 31.0, 30.0, "N")).endswith("is 31 N, allowed is 30 N")
    assert str(Violation(Fault.CLOCK_JUMP, "step", 2.0, 1.0)) == "CLOCK_JUMP: step is 2, allowed is 1"


def test_of_two_speed_limits_the_higher_counts_in_each_part() -> None:
    mixed = SpeedLimits(0.1, 1.0), SpeedLimits(0.2, 0.5)
    assert mixed[0].or_faster(mixed[1]) == mixed[1].or_faster(mixed[0]) == SpeedLimits(0.2, 1.0)


def test_a_speed_is_limited_in_each_part_by_itself() -> None:
    speed = SpeedLimits(0.1, 1.0)
    np.testing.assert_allclose(limit_speed(np.array([0.0, 0.0, 0.0, 0.0, 0.0, 2.0]), speed)[5], 1.0)
    np.testing.assert_allclose(limit_speed(np.array([0.2, 0.0, 0.0, 0.0, 0.0, 0.5]), speed)[[0, 5]], [0.1, 0.5])
    np.testing.assert_allclose(limit_speed(np.array([0.05, 0.0, 0.0, 0.0, 0.0, 2.0]), speed)[[0, 5]], [0.05, 1.0])
    slow = np.array([0.05, 0.0, 0.0, 0.0, 0.0, 0.5])
    assert limit_speed(slow, speed) is slow


# Balance of impedance and sensor


def test_each_part_of_a_twist_changes_by_its_own_limit_from_what_it_was() -> None:
    acceleration = AccelerationLimits(1.0, 4.0)
    before = np.array([0.1, 0.0, 0.0, 0.0, 0.0, 0.5])

    def changed(linear: float, angular: float) -> list[float]:
        wanted = before + [linear, 0.0, 0.0, 0.0, 0.0, angular]
        return (limit_change(before, wanted, acceleration, 0.01) - before)[[0, 5]].tolist()

    assert changed(0.5, 0.01) == pytest.approx([0.01, 0.01])
    assert changed(-0.005, 0.5) == pytest.approx([-0.005, 0.04])
    assert changed(-0.5, -0.5) == pytest.approx([-0.01, -0.04])
    wanted = before + 0.005
    assert limit_change(before, wanted, acceleration, 0.01) is wanted


def balance() -> ForceBalance:
    return ForceBalance(ROBOT.impedance, SIM.balance)


def sensed(
    balance: ForceBalance, seconds: float, force: float, torque: float, began_s: float, still: bool = True
) -> list[Violation]:
    """What is found in the end of so long a contact, with nothing that pulls."""
    contact = np.array([0.0, force, 0.0, 0.0, torque, 0.0])
    for k in range(round(seconds / 0.05) + 1):
        found = balance.check(HOME, HOME, contact, still, began_s + 0.05 * k)
    return found


def test_force_and_torque_are_balanced_by_themselves() -> None:
    found = sensed(balance(), 1.1, 10.0, 0.0, 0.0)
    assert str(found[0]).startswith(
        "WRENCH_BIAS: force of the contact that the impedance does not explain is 10 N, allowed is 9"
    )
    found = sensed(balance(), 1.1, 0.0, 3.0, 0.0)
    assert str(found[0]).startswith("WRENCH_BIAS: torque of the contact that the impedance does not explain is 3 Nm")
    assert sensed(balance(), 2.0, 8.0, 2.0, 0.0) == []
    moved = balance()
    sensed(moved, 0.9, 2000.0, 0.0, 0.0)
    sensed(moved, 0.0, 2000.0, 0.0, 1.0, still=False)
    assert sensed(moved, 1.05, 8.0, 0.0, 1.05) == [], "what was before a motion does not count"
    late = balance()
    assert sensed(late, 0.1, 0.0, 0.0, 0.0) == []
    assert sensed(late, 1.05, 8.0, 0.0, 40.0) == [], "a long time without a check makes no more of what it sees"
    assert sensed(balance(), 0.9, 10.0, 3.0, 0.0) == []


def test_a_pull_that_the_sensor_does_not_see_is_found_in_force_and_in_torque() -> None:
    for target in (shifted(HOME, x=0.014), turned(HOME, 0.0, 0.0, 0.09)):
        checked = balance()
        found = [checked.check(target, HOME, np.zeros(6), True, 0.1 * k) for k in range(12)]
        assert [len(each) for each in found] == [0] * 10 + [1] * 2, target
        assert names(found[-1]) == ["TRACKING_ERROR"]


def test_what_is_in_balance_again_or_moves_is_timed_anew() -> None:
    for between, still in ((0.0, True), (10.0, False)):
        checked = balance()
        assert sensed(checked, 0.8, 10.0, 0.0, 0.0) == []
        assert sensed(checked, 0.2, between, 0.0, 0.85, still) == []
        assert sensed(checked, 0.8, 10.0, 0.0, 1.1) == []
        assert names(sensed(checked, 0.7, 10.0, 0.0, 1.95)) == ["WRENCH_BIAS"]
    assert sensed(balance(), 2.0, 10.0, 0.0, 0.0, still=False) == []


@pytest.mark.parametrize("fault", ["drift", "stop"])
def test_a_drift_counts_while_the_target_is_held_and_not_while_it_is_let_go(fault: str) -> None:
    bench = SafetyBench(follows=False)
    bench.arm()
    bench.contact = np.array([0.0, 12.0, 0.0, 0.0, 0.0, 0.0])
    assert bench.run(0.8).state is State.ARMED
    if fault == "drift":
        bench.run(0.4)
        assert bench.fault_names == {"WRENCH_BIAS"}
        return
    bench.supervisor.request_stop(bench.now_s)
    assert bench.run(1.5).state is State.HOLD
    assert bench.supervisor.request_reset(bench.now_s)[0]
    assert bench.run(0.8).state is State.ARMED, "its second begins anew"
    bench.run(0.4)
    assert bench.fault_names == {"WRENCH_BIAS"}


# The gate

OPEN = limits(workspace={"minimum": [-1.0, -1.0, -1.0], "maximum": [1.0, 1.0, 1.0]})
WALL = {"wall": {"minimum": [-1.0, HOME.position[1], -1.0], "maximum": [1.0, HOME.position[1] + 0.01, 1.0]}}
POSTURE = Posture(np.array(ROBOT.home), CHAIN.jacobian(np.array(ROBOT.home)))


def gate(space: SupervisorLimits = OPEN) -> CommandGate:
    joints = JointLimiter(ROBOT, SIM.joints)
    return CommandGate(Workspace(space.workspace), joints, SIM.target_acceleration, JumpLimits(0.03, 0.2), LEASH)


@pytest.mark.parametrize("axis", [0, 4])
def test_the_target_comes_to_rest_when_both_parts_of_its_twist_have(axis: int) -> None:
    moving = gate()
    assert moving.braking_s == 0.0
    moving.twist = np.zeros(6)
    moving.twist[axis] = -0.3
    most = SIM.target_acceleration.linear_m_s2 if axis < 3 else SIM.target_acceleration.angular_rad_s2
    assert moving.braking_s == pytest.approx(0.3 / most)


def advance(gate: CommandGate, twist: Any, measured: Pose = HOME, period_s: float = 0.01) -> Violation | None:
    return gate.advance(np.array(twist, dtype=np.float64), POSTURE, measured, period_s, SpeedLimits(0.1, 0.5))


def test_without_a_stop_there_is_none_to_go_on_with() -> None:
    with pytest.raises(ValueError, match="no stop is under way"):
        SafetyBench().supervisor._stopping.advance(HOME, STEP_S, 0.0)


def test_a_gate_that_is_cleared_or_latched_stands_still() -> None:
    moving = gate()
    moving.latch(HOME)
    for stand in (moving.clear, lambda: moving.latch(HOME)):
        moving.latch(HOME)
        advance(moving, FORWARD)
        assert moving.twist.any()
        assert moving.braking_s > 0.0
        stand()
        assert not moving.twist.any()


def test_a_gate_without_a_target_moves_nothing() -> None:
    empty = gate()
    with pytest.raises(ValueError, match="nothing latched"):
        advance(empty, FORWARD)
    assert empty.tension(HOME) == 0.0
    assert empty.release(HOME) is None
    assert empty.target is HOME


def test_the_tension_is_that_of_the_tightest_axis() -> None:
    latched = gate()
    latched.latch(shifted(HOME, x=0.5 * LEASH.translation_m[0]))
    assert latched.tension(HOME) == pytest.approx(0.5)
    latched.latch(turned(HOME, 0.25 * LEASH.rotation_rad[0], 0.0, 0.0))
    assert latched.tension(HOME) == pytest.approx(0.25)


def test_an_intervention_counts_when_it_begins() -> None:
    latched = gate()
    latched.latch(HOME)
    for twist in ([0.05, 0, 0, 0, 0, 0], [0.2, 0, 0, 0, 0, 0], [0.2, 0, 0, 0, 0, 0], [0.05, 0, 0, 0, 0, 0]):
        assert advance(latched, twist) is None
    others = dict.fromkeys(("acceleration", "joints", "workspace", "leash", "expired"), 0)
    assert latched.interventions == {"speed": 1, **others}
    advance(latched, [0.2, 0, 0, 0, 0, 0])
    latched.clear()
    assert latched.target is None
    latched.latch(HOME)
    advance(latched, [0.2, 0, 0, 0, 0, 0])
    assert latched.interventions["speed"] == 3, "what went on before a new beginning is over"


def test_where_the_leash_leads_into_a_keep_out_box_the_target_is_the_measured_pose() -> None:
    latched = gate(limits(workspace={**to_mapping(OPEN.workspace), "keep_out": WALL}))
    latched.latch(HOME)
    beyond = shifted(HOME, y=0.02)
    assert advance(latched, np.zeros(6), beyond) is None
    assert latched.target is beyond


def test_a_jump_is_not_sent() -> None:
    latched = gate()
    latched.latch(HOME)
    violation = advance(latched, np.zeros(6), shifted(HOME, x=0.06))
    assert violation is not None
    assert violation.fault is Fault.COMMAND_JUMP
    assert latched.release(shifted(HOME, x=0.06)) is not None
    assert latched.target is HOME


# Motions


def test_a_move_ends_on_its_goal_and_begins_at_its_start() -> None:
    start, goal = Pose.of([0.3, 0.1, 0.2]), turned(Pose.of([0.4, 0.0, 0.25]), 0.3, 0.0, 0.1)
    move = JerkLimitedMove(start, goal, MOTION)
    assert move.pose(move.duration_s) is goal
    assert move.pose(move.duration_s + 1.0) is goal
    for time_s in (-1.0, 0.0):
        np.testing.assert_allclose(move.pose(time_s).position, start.position, atol=1e-12)


def test_a_stop_begins_with_what_it_stops_and_ends_at_rest() -> None:
    twist = np.array([0.1, 0.0, 0.0, 0.0, 0.3, 0.0])
    stop = ControlledStop(twist, MOTION)
    np.testing.assert_allclose(stop.remaining(-0.1), twist)
    assert not stop.remaining(stop.duration_s).any()
    assert not stop.remaining(stop.duration_s + 1.0).any()


def task(goal: Pose) -> tuple[MoveTask, JerkLimitedMove]:
    """A move from home that begins at 0 s, and its plan."""
    return MoveTask(HOME, goal, SIM.move, MOTION, LEASH, 0.0), JerkLimitedMove(HOME, goal, MOTION)


@pytest.mark.parametrize(("tension", "pace"), [(0.0, 1.0), (0.5, 1.0), (0.75, 0.5), (1.0, 0.1), (1.2, 0.1)])
def test_a_move_goes_on_at_its_pace_by_the_tension_and_without_a_correction(tension: float, pace: float) -> None:
    move, plan = task(shifted(HOME, x=0.1))
    twist = move.twist(HOME, shifted(HOME, x=-0.01), 0.2, tension)
    np.testing.assert_allclose(0.2 * twist[:3], plan.pose(0.2 * pace).position - HOME.position, atol=1e-12)


@pytest.mark.parametrize("short", [0.01, -0.01])
def test_at_its_end_a_move_pushes_on_for_what_is_missing_up_to_the_leash(short: float) -> None:
    goal = shifted(HOME, x=0.1)
    move, plan = task(goal)
    measured = turned(shifted(goal, x=-short), 0.0, 0.0, -short)
    move.twist(HOME, measured, plan.duration_s - 0.05, 0.0)
    pushes = np.array([0.05 * move.twist(goal, measured, 0.05, 0.0) for _ in range(200)])
    np.testing.assert_allclose(pushes[0, [0, 5]], 2.0 * 0.05 * short)
    np.testing.assert_allclose(pushes[4, [0, 5]], 5 * 2.0 * 0.05 * short)
    np.testing.assert_allclose(pushes[-1, 0], math.copysign(LEASH.translation_m[0], short))
    np.testing.assert_allclose(pushes[-1, 5], math.copysign(LEASH.rotation_rad[2], short))


def test_a_move_is_reached_near_its_goal_at_rest_and_at_its_end() -> None:
    goal = shifted(HOME, x=0.02)
    move, plan = task(goal)
    assert move.outcome(goal, True, 0.1) == "", "it has not come to its end"
    move.twist(HOME, HOME, plan.duration_s + 0.01, 0.0)
    assert move.outcome(goal, False, 0.5) == ""
    assert move.outcome(shifted(goal, x=-0.004), True, 0.5) == ""
    assert move.outcome(turned(goal, 0.0, 0.0, 0.04), True, 0.5) == ""
    assert move.outcome(turned(shifted(goal, x=-0.002), 0.0, 0.0, 0.02), True, 0.5) == "reached"
    late_s = SIM.move.timeout_factor * plan.duration_s + SIM.move.timeout_s
    assert move.outcome(shifted(goal, x=-0.004), True, late_s - 0.01) == ""
    assert move.outcome(shifted(goal, x=-0.004), True, late_s + 0.01).startswith("failed: 4.0 mm and 0.000 rad")


# The policy


def test_only_what_comes_from_the_beginning_on_counts() -> None:
    policy = PolicyInput("base", SIM, ANY_POLICY)
    assert policy.expired(1.0)
    assert policy.on_twist(FORWARD, "base", Arrival(1.0, 0.0, 1.0)) is None
    assert not policy.expired(1.0)
    policy.begin(1.01)
    assert policy.awaits_first
    assert policy.expired(1.01)
    assert not policy.twist.any()


@pytest.mark.parametrize(("periods", "followed"), [(1.0, 1.0), (1.1, 1.1), (2.0, 1.2)])
def test_a_twist_is_late_when_the_target_can_not_come_to_rest_in_time(periods: float, followed: float) -> None:
    policy = PolicyInput("base", limits(ages={"action_periods": periods}), ANY_POLICY)
    assert not policy.late(1.0, 1.0), "before the first one"
    policy.on_twist(FORWARD, "base", Arrival(1.0, 0.0, 1.0))
    for braking_s in (0.0, 0.01, 0.02, 0.2):
        begins_s = max(followed * POLICY_PERIOD_S, periods * POLICY_PERIOD_S - braking_s)
        assert not policy.late(1.0 + begins_s - 1e-6, braking_s)
        assert policy.late(1.0 + begins_s + 1e-6, braking_s)


def test_what_a_policy_reports_and_its_silence_are_found_side_by_side() -> None:
    policy = PolicyInput("base", limits(ages={"heartbeat_s": 0.5, "action_hold_s": 0.8}), ANY_POLICY)
    policy.begin(0.0)
    slow = PolicyReport(inference_s=1.0)
    assert names(policy.on_report(slow, 1.0)) == ["INFERENCE_OVERRUN"]
    assert names(policy.violations(1.0)) == ["INFERENCE_OVERRUN", "STALE_ACTION"]
    assert names(policy.violations(1.6)) == ["HEARTBEAT_LOST"], "a report that is old is no news"
    assert policy.reported(1.6) == []
    assert policy.start_problem(1.0, lambda violation: True).startswith("INFERENCE_OVERRUN")
    assert policy.start_problem(1.0, lambda violation: False) == ""


def test_a_bad_report_between_two_cycles_is_not_hidden_by_a_good_one() -> None:
    bench = SafetyBench()
    bench.start()
    bench.supervisor.on_report(PolicyReport(inference_s=1.0), bench.now_s)
    bench.supervisor.on_report(PolicyReport(), bench.now_s)
    assert bench.step().noted == {"INFERENCE_OVERRUN": 1}


def test_a_report_that_can_not_be_read_is_a_fault() -> None:
    bench = SafetyBench()
    bench.start()
    bench.supervisor.on_report(PolicyReport.of({"entropy": "low"}), bench.now_s)
    assert names(list(bench.step().faults)) == ["NAME_OR_SIZE_MISMATCH"]


@pytest.mark.parametrize("alive", [True, False])
def test_from_a_start_the_policy_has_as_long_for_its_first_twist_as_for_any(alive: bool) -> None:
    bench = SafetyBench(limits(ages={"heartbeat_s": 0.5, "action_hold_s": 0.8}), follows=False)
    bench.arm()
    bench.policy_lives = alive
    bench.run(1.0)
    assert bench.supervisor.request_start(bench.now_s)[0]
    assert bench.run(0.45).state is State.RUNNING
    assert bench.last.interventions["expired"] == 0
    bench.run(0.5)
    assert bench.fault_names == {"STALE_ACTION"} if alive else {"HEARTBEAT_LOST"}


def test_a_twist_is_a_sign_of_life() -> None:
    bench = SafetyBench(limits(ages={"heartbeat_s": 0.1, "action_hold_s": 0.2}), follows=False)
    bench.start()
    bench.policy_lives = False
    assert bench.run(0.5).state is State.RUNNING


def test_a_twist_whose_stamp_repeats_is_as_good_as_none() -> None:
    bench = SafetyBench(limits(ages={"action_hold_s": 0.2}), follows=False)
    bench.start()
    bench.twist, stamp_s = None, bench.arrival().stamp_s
    for _ in range(50):
        bench.step()
        bench.supervisor.on_twist(FORWARD, ROBOT.base_frame, Arrival(stamp_s, 0.0, bench.now_s))
    assert bench.fault_names == {"STALE_ACTION"}


def test_it_is_slowed_above_one_load_and_until_below_another() -> None:
    pace = PolicyPace(SIM)
    for unit, ceiling in (
        (np.array([0.0, 0.0, 1.0, 0.0, 0.0, 0.0]), 30.0),
        (np.array([0.0, 0.0, 0.0, 0.0, 1.0, 0.0]), 5.0),
    ):
        for load, before, after in (
            (0.8, False, False), (0.81, False, True), (0.7, True, True), (0.6, True, True), (0.59, True, False),
            (0.7, False, False),
        ):  # fmt: skip
            assert pace.degraded(before, unit * load * ceiling, 100.0) is after, (load, before)
