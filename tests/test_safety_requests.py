"""What the supervisor does on requests and faults, state by state: the edges that test_supervisor.py leaves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from safety_bench import ANY_POLICY, CHAIN, HOME, POLICY_PERIOD_S, ROBOT, STEP_S, SafetyBench, limits

from maxent_robot.control.pose import Pose
from maxent_robot.safety.fault_log import FaultLog
from maxent_robot.safety.faults import Fault, Violation
from maxent_robot.safety.limits import SupervisorLimits
from maxent_robot.safety.policy_report import PolicyReport
from maxent_robot.safety.state_machine import State
from maxent_robot.safety.supervisor import Supervisor

FORWARD = (0.1, 0.0, 0.0, 0.0, 0.0, 0.0)
SIM = limits()
HELD = limits(reactions={"NONFINITE": "hold"})
"""Something that is not a number ends in HOLD."""


def push(bench: SafetyBench, x: float = 0.0, y: float = 0.0) -> None:
    """Something else moves the arm by so much."""
    pose = bench.measured
    bench.q = CHAIN.inverse(Pose(pose.position + np.array([x, y, 0.0]), pose.quaternion), bench.q)


def target(bench: SafetyBench) -> np.ndarray:
    """(3,) position of the last target."""
    assert bench.last.target is not None
    return bench.last.target.position


def told(bench: SafetyBench, fault: Fault) -> None:
    """It is seen from outside."""
    bench.supervisor.report(fault, Violation(fault, "test", 2.0, 1.0))


def held(supervisor_limits: SupervisorLimits = SIM) -> SafetyBench:
    """A bench in HOLD after a stop, with an arm that goes only where it is pushed."""
    bench = SafetyBench(supervisor_limits, follows=False)
    bench.start()
    bench.supervisor.request_stop(bench.now_s)
    assert bench.step(2).state is State.HOLD
    return bench


# Requests


def test_what_a_reset_leaves_to_send_is_not_sent_after_an_arming() -> None:
    bench = SafetyBench(follows=False)
    bench.start()
    told(bench, Fault.HARDWARE)
    bench.step()
    bench.supervisor.report(Fault.HARDWARE, None)
    assert bench.supervisor.request_reset(bench.now_s)[0]
    assert bench.supervisor.request_arm(bench.now_s)[0]
    bench.step()
    bench.supervisor.deactivate(bench.now_s)
    assert bench.step().target is None


def test_what_only_slows_a_policy_is_no_reason_not_to_start_it() -> None:
    bench = in_state(State.ARMED)
    bench.report = PolicyReport(inference_s=1.0)
    bench.step()
    assert bench.supervisor.request_start(bench.now_s) == (True, "started")
    bench.run(bench.limits.ramp_s + 0.1)
    assert (bench.last.state, bench.last.noted) == (State.DEGRADED, {"INFERENCE_OVERRUN": 1})


@pytest.mark.parametrize("state", [State.ARMED, State.HOLD])
def test_a_target_that_holds_goes_with_an_arm_that_is_pushed_away(state: State) -> None:
    bench = held() if state is State.HOLD else in_state(state)
    for _ in range(10):
        push(bench, y=0.005)
        assert bench.step().state is state
    assert bench.measured.position[1] - target(bench)[1] == pytest.approx(0.015)


def test_an_arm_that_is_seen_elsewhere_at_once_is_no_reason_for_a_jump() -> None:
    bench = SafetyBench(follows=False)
    bench.start()
    at = target(bench)
    push(bench, y=0.05)
    assert bench.step().state is State.FAULT
    assert bench.fault_names == {"COMMAND_JUMP"}
    assert np.linalg.norm(target(bench) - at) < 1e-9


def pushing(supervisor_limits: SupervisorLimits = SIM) -> SafetyBench:
    """A bench whose policy pushes a blocked arm as hard as it can."""
    bench = SafetyBench(supervisor_limits, follows=False)
    bench.start(FORWARD)
    assert bench.last.distance_m == pytest.approx(0.015)
    return bench


def test_a_policy_that_stands_still_goes_on_pushing() -> None:
    bench = pushing()
    bench.twist = np.zeros(6)
    bench.run(0.3)
    assert bench.last.distance_m == pytest.approx(0.015)


def test_what_is_let_go_once_of_a_silent_policy_then_holds() -> None:
    bench = pushing()
    bench.silence(alive=True)
    bench.run(2 * POLICY_PERIOD_S)
    assert bench.last.distance_m == 0.0
    push(bench, y=0.005)
    bench.run(0.1)
    assert bench.last.distance_m == pytest.approx(0.005)
    bench.twist = np.array(FORWARD)
    bench.run(0.3)
    assert bench.last.distance_m > 0.014
    bench.silence(alive=True)
    bench.run(2 * POLICY_PERIOD_S)
    assert bench.last.distance_m == 0.0, "and is let go again"


def test_a_silent_policy_is_let_go_of_only_at_rest() -> None:
    bench = pushing(limits(target_acceleration={"linear_m_s2": 1.0}))
    bench.silence(alive=True)
    bench.run(1.2 * POLICY_PERIOD_S + 0.09)
    assert bench.last.distance_m == pytest.approx(0.015), "0.1 m/s take 0.1 s"
    bench.run(0.03)
    assert bench.last.distance_m == 0.0


@pytest.mark.parametrize(("apart", "refused"), [(0.028, False), (0.04, True)])
def test_a_release_farther_than_a_jump_freezes_the_target_though_the_leash_would_not(
    apart: float, refused: bool
) -> None:
    bench = SafetyBench(follows=False)
    bench.start()
    at = target(bench)
    push(bench, y=apart)
    told(bench, Fault.HARDWARE)
    bench.run(0.1)
    assert ("COMMAND_JUMP" in bench.fault_names) is refused
    assert np.linalg.norm(target(bench) - (at if refused else bench.measured.position)) < 1e-9


def in_state(state: State) -> SafetyBench:
    """A bench whose supervisor has come to a state."""
    slow = limits(acceleration={"linear_m_s2": 0.05})
    bench = SafetyBench(slow if state is State.STOPPING else SIM, follows=False)
    if state is State.UNCONFIGURED:
        bench.supervisor = Supervisor(ROBOT, bench.limits, ANY_POLICY)
    elif state is State.INACTIVE:
        bench.run(0.1)
    elif state is State.ARMED:
        bench.arm()
    else:
        bench.start(FORWARD)
        if state is State.DEGRADED:
            bench.contact = np.array([0.0, 0.0, 26.0, 0.0, 0.0, 0.0])
            bench.step(3)
        elif state in (State.STOPPING, State.HOLD):
            bench.supervisor.request_stop(bench.now_s)
            bench.run(0.02 if state is State.STOPPING else 0.3)
        elif state is State.FAULT:
            told(bench, Fault.FORCE)
            bench.step()
            bench.supervisor.report(Fault.FORCE, None)
    assert bench.supervisor.state is state
    return bench


STATES = [state for state in State if state is not State.RAMPING]
TAKEN = {
    "arm": (State.INACTIVE, State.ARMED),
    "start": (State.ARMED,),
    "reset": (State.HOLD, State.FAULT),
    "stop": STATES,
    "move": (State.ARMED,),
}


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.value)
@pytest.mark.parametrize("request_name", TAKEN)
def test_a_request_is_taken_in_its_states_and_changes_nothing_in_any_other(state: State, request_name: str) -> None:
    bench = in_state(state)
    before = bench.supervisor.command()
    if request_name == "move":
        success, message = bench.supervisor.on_move_target(HOME, ROBOT.base_frame, bench.now_s)
    else:
        success, message = getattr(bench.supervisor, f"request_{request_name}")(bench.now_s)
    assert success is (state in TAKEN[request_name]), message
    if not success:
        assert f"state is {state.value}" in message
    if not success or message.endswith("nothing to stop"):
        after = bench.supervisor.command()
        assert (after.state, after.target, after.faults) == (before.state, before.target, before.faults)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.value)
def test_deactivation_leaves_every_commanding_state_for_inactive_and_sends_no_more(state: State) -> None:
    bench = in_state(state)
    command = bench.supervisor.deactivate(bench.now_s)
    if state in (State.UNCONFIGURED, State.INACTIVE):
        assert (command.state, command.target, command.source) == (state, None, "none")
        return
    assert (command.state, command.source, command.faults) == (State.INACTIVE, "none", ())
    assert command.target is not None
    bench.twist, bench.contact = None, np.zeros(6)
    assert bench.run(0.3).target is None
    bench.arm()
    bench.supervisor.request_stop(bench.now_s)
    assert bench.step(2).state is State.HOLD, "nothing of before is left"
    np.testing.assert_allclose(target(bench), bench.measured.position, atol=1e-9)


def test_deactivation_does_not_trust_a_pose_that_is_stale() -> None:
    bench = SafetyBench(follows=False)
    bench.start(FORWARD)
    at = target(bench)
    assert np.linalg.norm(at - bench.measured.position) > 0.01
    command = bench.supervisor.deactivate(bench.now_s + 0.5)
    assert command.target is not None
    np.testing.assert_allclose(command.target.position, at)


def test_deactivation_leaves_a_frozen_target_where_it_is() -> None:
    bench = SafetyBench(follows=False)
    bench.start(FORWARD)
    bench.joint_states = False
    bench.run(0.5)
    at = target(bench)
    bench.joint_states = True
    bench.step(2)
    command = bench.supervisor.deactivate(bench.now_s)
    assert command.target is not None
    np.testing.assert_allclose(command.target.position, at)


def test_deactivation_ends_a_move() -> None:
    bench = SafetyBench()
    bench.arm()
    bench.supervisor.on_move_target(Pose(HOME.position + 0.02, HOME.quaternion), ROBOT.base_frame, bench.now_s)
    assert bench.step(3).move == "moving"
    assert bench.last.move_count == 1
    assert bench.supervisor.deactivate(bench.now_s).move == "failed: deactivated"
    bench.arm()
    bench.supervisor.request_start(bench.now_s)
    assert bench.step(2).source == "policy"


def test_a_fault_that_stops_nothing_is_no_reason_not_to_arm() -> None:
    bench = SafetyBench(limits(reactions={"QOS_INCOMPATIBLE": "reject"}))
    told(bench, Fault.QOS_INCOMPATIBLE)
    bench.run(0.1)
    assert bench.supervisor.request_arm(bench.now_s)[0]
    assert bench.step().noted == {"QOS_INCOMPATIBLE": 1}
    bench = SafetyBench()
    told(bench, Fault.QOS_INCOMPATIBLE)
    bench.run(0.1)
    assert bench.supervisor.request_arm(bench.now_s) == (
        False,
        "arm refused: QOS_INCOMPATIBLE: test is 2, allowed is 1",
    )


def test_it_does_not_start_or_move_while_something_is_wrong() -> None:
    bench = SafetyBench(follows=False)
    bench.arm()
    told(bench, Fault.SECOND_PUBLISHER)
    assert "SECOND_PUBLISHER" in bench.supervisor.request_start(bench.now_s)[1]
    assert "SECOND_PUBLISHER" in bench.supervisor.on_move_target(HOME, ROBOT.base_frame, bench.now_s)[1]
    assert bench.supervisor.state is State.ARMED


def test_a_policy_that_fails_says_nothing_of_moves() -> None:
    bench = held()
    assert bench.last.move == ""


# Cycles


def cycle_after(bench: SafetyBench, seconds: float) -> float:
    """How far the target moves in a cycle that comes so long after the last."""
    bench.now_s += seconds
    bench.send_joint_state()
    bench.send_wrench()
    bench.send_twist(FORWARD)
    before = bench.supervisor.command().target
    bench.commands.append(bench.supervisor.tick(bench.now_s))
    assert before is not None
    return float(target(bench)[0] - before.position[0])


def test_a_cycle_moves_the_target_by_its_time_and_at_most_by_a_policy_period() -> None:
    bench = SafetyBench(limits(ramp_s=0.0), follows=False)
    bench.arm()
    bench.now_s += 0.004
    assert bench.supervisor.request_start(bench.now_s)[0]
    for _ in range(5):
        cycle_after(bench, STEP_S)  # up to its speed
    for late_s in (0.001, 0.005, 0.09):
        assert cycle_after(bench, late_s) == pytest.approx(FORWARD[0] * min(late_s, POLICY_PERIOD_S))
    before = target(bench)
    bench.commands.append(bench.supervisor.tick(bench.now_s - 0.02))
    np.testing.assert_allclose(target(bench), before, atol=1e-12)


def test_a_move_stands_still_in_a_cycle_that_takes_no_time() -> None:
    bench = SafetyBench()
    bench.arm()
    bench.supervisor.on_move_target(Pose(HOME.position + 0.02, HOME.quaternion), ROBOT.base_frame, bench.now_s)
    bench.step(20)
    before = target(bench)
    bench.commands.append(bench.supervisor.tick(bench.now_s))
    np.testing.assert_allclose(target(bench), before, atol=1e-12)
    assert bench.last.state is State.RUNNING


def test_it_is_ramping_until_the_twist_is_whole_and_is_not_slowed_before() -> None:
    bench = SafetyBench(follows=False)
    bench.arm()
    bench.supervisor.request_start(bench.now_s)
    bench.twist = np.array(FORWARD)
    bench.contact = np.array([0.0, 0.0, 26.0, 0.0, 0.0, 0.0])
    assert bench.run(SIM.ramp_s - 2 * STEP_S).state is State.RAMPING
    assert bench.step(4).state is State.DEGRADED


def test_a_slow_policy_is_not_intervened_with() -> None:
    bench = SafetyBench()
    bench.start((0.02, 0.0, 0.0, 0.0, 0.0, 0.1))
    bench.run(0.2)
    assert not any(bench.last.interventions.values())


def test_a_jump_in_a_move_fails_it_and_freezes_the_target() -> None:
    bench = SafetyBench(follows=False)
    bench.arm()
    bench.supervisor.on_move_target(Pose(HOME.position + 0.05, HOME.quaternion), ROBOT.base_frame, bench.now_s)
    bench.run(0.1)
    at = target(bench)
    push(bench, x=0.06)
    bench.step()
    assert (bench.last.state, bench.fault_names) == (State.FAULT, {"COMMAND_JUMP"})
    assert bench.last.move.startswith("failed: COMMAND_JUMP")
    np.testing.assert_allclose(target(bench), at)


def test_a_jump_while_it_stops_freezes_the_target() -> None:
    bench = in_state(State.STOPPING)
    at = target(bench)
    push(bench, x=-0.06)
    bench.step()
    assert (bench.last.state, bench.fault_names) == (State.FAULT, {"OPERATOR_STOP", "COMMAND_JUMP"})
    np.testing.assert_allclose(target(bench), at)


def blocked_move() -> SafetyBench:
    """An arm that is blocked on its way, and a move that gives up soon."""
    bench = SafetyBench(limits(move={"timeout_s": 0.5, "timeout_factor": 1.0}), follows=False)
    bench.arm()
    bench.supervisor.on_move_target(
        Pose(HOME.position + np.array([0.1, 0.0, 0.0]), HOME.quaternion), ROBOT.base_frame, bench.now_s
    )
    bench.contact = np.array([12.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    return bench


def test_a_jump_in_the_last_cycle_of_a_move_is_what_it_fails_for() -> None:
    bench = blocked_move()
    cycles = next(count for count in range(1, 400) if bench.step().state is State.ARMED)
    assert bench.last.move.startswith("failed: 100.0 mm")
    bench = blocked_move()
    bench.step(cycles - 1)
    push(bench, y=0.06)
    bench.step()
    assert bench.last.move.startswith("failed: COMMAND_JUMP")


def test_after_a_move_that_gave_up_a_stop_has_nothing_left_to_stop() -> None:
    bench = blocked_move()
    bench.run(1.5)
    assert bench.last.state is State.ARMED
    bench.supervisor.request_stop(bench.now_s)
    for _ in range(4):
        bench.step()
        np.testing.assert_allclose(target(bench), bench.measured.position, atol=1e-9)
    assert bench.last.state is State.HOLD


def test_a_move_that_is_reached_leaves_the_target_where_it_pushes() -> None:
    bench = SafetyBench()
    bench.stiction_m = 0.006
    bench.arm()
    bench.supervisor.on_move_target(
        Pose(HOME.position + np.array([0.03, 0.0, 0.0]), HOME.quaternion), ROBOT.base_frame, bench.now_s
    )
    bench.run(3.0)
    assert (bench.last.state, bench.last.move) == (State.ARMED, "reached")
    assert bench.last.distance_m == pytest.approx(0.006, abs=1e-6)


def test_a_stop_in_armed_holds_and_after_a_reset_it_can_be_stopped_again() -> None:
    bench = SafetyBench(follows=False)
    bench.start(FORWARD)
    for _ in range(2):
        assert bench.supervisor.request_stop(bench.now_s) == (True, "stopping")
        bench.run(0.3)
        assert (bench.last.state, bench.fault_names) == (State.HOLD, {"OPERATOR_STOP"})
        assert bench.supervisor.request_reset(bench.now_s) == (True, "reset to ARMED")
        assert bench.step().faults == ()
        np.testing.assert_allclose(target(bench), bench.measured.position, atol=1e-9)
        bench.twist = None
    bench.supervisor.request_stop(bench.now_s)
    for _ in range(4):
        bench.step()
        np.testing.assert_allclose(target(bench), bench.measured.position, atol=1e-9)


# Reactions


def not_a_number(bench: SafetyBench) -> None:
    bench.send_joint_state([math.nan] * 7, arrival=bench.arrival(1e-4))


def test_a_second_mild_fault_leaves_it_in_hold_and_is_latched_too() -> None:
    bench = held(HELD)
    not_a_number(bench)
    bench.step()
    assert (bench.last.state, bench.fault_names) == (State.HOLD, {"OPERATOR_STOP", "NONFINITE"})


def test_a_mild_fault_does_not_make_a_stop_under_way_a_graver_one() -> None:
    bench = SafetyBench(limits(reactions={"NONFINITE": "hold"}, acceleration={"linear_m_s2": 0.05}), follows=False)
    bench.start(FORWARD)
    bench.supervisor.request_stop(bench.now_s)
    bench.run(0.02)
    not_a_number(bench)
    assert bench.run(3.0).state is State.HOLD
    assert bench.fault_names == {"OPERATOR_STOP", "NONFINITE"}


def test_a_graver_stop_decelerates_too_and_ends_in_fault() -> None:
    bench = SafetyBench(limits(acceleration={"linear_m_s2": 0.05}), follows=False)
    bench.start((0.02, 0.0, 0.0, 0.0, 0.0, 0.0))
    bench.supervisor.request_stop(bench.now_s)
    bench.run(0.02)
    told(bench, Fault.SECOND_PUBLISHER)
    assert bench.step(2).state is State.STOPPING
    assert bench.run(1.0).state is State.FAULT


@pytest.mark.parametrize("fault", [Fault.FORCE, Fault.SECOND_PUBLISHER], ids=lambda fault: fault.value)
def test_a_graver_fault_in_hold_is_latched_and_lets_go_if_it_is_a_release(fault: Fault) -> None:
    bench = held()
    before = target(bench)
    push(bench, x=0.005)
    told(bench, fault)
    bench.step()
    assert (bench.last.state, bench.fault_names) == (State.FAULT, {"OPERATOR_STOP", fault.value})
    expected = bench.measured.position if fault is Fault.FORCE else before
    np.testing.assert_allclose(target(bench), expected, atol=1e-9)


def test_a_released_target_does_not_follow_the_arm_while_the_fault_lasts() -> None:
    bench = SafetyBench(follows=False)
    bench.start(FORWARD)
    told(bench, Fault.FORCE)
    bench.step()
    before = target(bench)
    push(bench, x=0.005)
    bench.step()
    np.testing.assert_allclose(target(bench), before, atol=1e-9)
    told(bench, Fault.TORQUE)
    bench.step()
    assert bench.fault_names == {"FORCE", "TORQUE"}
    np.testing.assert_allclose(target(bench), bench.measured.position, atol=1e-9)


def test_a_frozen_target_is_not_released() -> None:
    bench = SafetyBench(follows=False)
    bench.start(FORWARD)
    bench.joint_states = False
    bench.run(0.5)
    before = target(bench)
    bench.joint_states = True
    told(bench, Fault.FORCE)
    bench.step(2)
    assert bench.fault_names == {"STALE_JOINT_STATE", "FORCE"}
    np.testing.assert_allclose(target(bench), before, atol=1e-9)


def test_after_a_reset_from_a_freeze_the_target_moves_again() -> None:
    bench = SafetyBench(follows=False)
    bench.start()
    bench.joint_states = False
    bench.run(0.5)
    bench.joint_states = True
    bench.step(2)
    assert bench.supervisor.request_reset(bench.now_s)[0]
    bench.start(FORWARD)
    assert bench.last.distance_m > 0.01


# The log


def test_a_notice_counts_once_while_it_is_shown() -> None:
    log, gap = FaultLog(), Violation(Fault.SEQUENCE_GAP, "gap", 0.2, 0.1, "s")
    for seen_s in (0.0, 0.5, 1.4):
        log.note(gap, seen_s)
    assert log.noted == {Fault.SEQUENCE_GAP: 1}
    assert log.notices(2.4) == (gap,)
    assert log.notices(2.41) == ()
    log.note(gap, 3.0)
    assert log.noted == {Fault.SEQUENCE_GAP: 2}


def test_what_is_seen_from_outside_stands_until_it_is_gone() -> None:
    log, force = FaultLog(), Violation(Fault.FORCE, "force", 2.0, 1.0)
    log.report(Fault.FORCE, force)
    log.report(Fault.HARDWARE, None)
    assert log.outside == {Fault.FORCE: force}
    log.report(Fault.FORCE, None)
    assert log.outside == {}
