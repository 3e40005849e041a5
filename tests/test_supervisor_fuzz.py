"""Whatever is sent to the supervisor, in whatever order: its targets keep every limit and faults stay latched."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safety_bench import HOME, ROBOT, STEP_S, SafetyBench, limits

from maxent_robot.control import rotations
from maxent_robot.control.pose import Pose
from maxent_robot.safety.command import Command
from maxent_robot.safety.faults import Fault, Violation
from maxent_robot.safety.state_machine import MOVING, State
from maxent_robot.safety.workspace import Workspace
from maxent_robot.skill.action import Leash

LEASH = Leash.of(ROBOT.impedance)
SLACK = 1e-9
NARROW = limits(
    workspace={
        "minimum": (HOME.position - 0.01).tolist(),
        "maximum": (HOME.position + 0.02).tolist(),
        "keep_out": {
            "post": {"minimum": (HOME.position + 0.004).tolist(), "maximum": (HOME.position + 0.012).tolist()},
        },
        "orientation": {"reference": HOME.quaternion.tolist(), "tilt_rad": 0.02, "turn_rad": 0.03},
    },
    measured_speed={"linear_m_s": 2.0, "angular_rad_s": 6.0},
)
"""A workspace whose walls, post and cone are soon reached."""

numbers = st.one_of(
    st.floats(-0.3, 0.3),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, 0.1, -0.1, 1e308, -1e308, math.nan, math.inf]),
)
modest = st.floats(-0.15, 0.15)
offsets = st.tuples(*[st.floats(-0.012, 0.022)] * 3)

events = st.one_of(
    st.tuples(st.just("run"), st.integers(1, 40)),
    st.tuples(st.just("twist"), st.lists(modest, min_size=6, max_size=6)),
    st.tuples(st.just("twist"), st.lists(modest, min_size=6, max_size=6)),
    st.tuples(st.just("send"), st.lists(numbers, min_size=4, max_size=7)),
    st.tuples(st.just("late"), st.floats(-1.0, 1.0)),
    st.tuples(st.just("silence"), st.none()),
    st.tuples(st.just("request"), st.sampled_from(["arm", "start", "start", "stop", "reset", "arm"])),
    st.tuples(st.just("move"), offsets),
    st.tuples(st.just("move_anywhere"), st.tuples(numbers, numbers, numbers)),
    st.tuples(st.just("contact"), st.floats(-40.0, 40.0)),
    st.tuples(st.just("block"), st.booleans()),
    st.tuples(st.just("joints"), st.booleans()),
    st.tuples(st.just("wrenches"), st.booleans()),
    st.tuples(st.just("bad_joints"), st.lists(numbers, min_size=6, max_size=8)),
    st.tuples(st.just("bad_wrench"), st.lists(numbers, min_size=6, max_size=6)),
    st.tuples(st.just("push"), st.sampled_from([-0.2, -0.02, 0.01, 0.03, 0.1])),
    st.tuples(st.just("intruder"), st.booleans()),
)


class Checked(SafetyBench):
    """Asserts the invariants on every command."""

    reset_allowed = False

    def step(self, count: int = 1) -> Command:
        for _ in range(count):
            before = self.measured
            previous = self.commands[-1] if self.commands else None
            super().step()
            self.check(previous, self.commands[-1], before)
        return self.commands[-1]

    def check(self, previous: Command | None, command: Command, measured: Pose) -> None:
        if previous is not None and previous.state is State.FAULT and not self.reset_allowed:
            assert command.state is State.FAULT
            assert {fault.fault for fault in previous.faults} <= {fault.fault for fault in command.faults}
        self.reset_allowed = False
        if command.target is None:
            assert command.state in (State.UNCONFIGURED, State.INACTIVE)
            return
        target = command.target
        assert np.isfinite(target.position).all()
        assert np.linalg.norm(target.quaternion) == np.float64(1.0) or abs(np.linalg.norm(target.quaternion) - 1) < 1e-9
        self.check_leash_and_box(command, target)
        if previous is not None and previous.target is not None:
            self.check_step(previous, command, previous.target, target, measured)

    def check_leash_and_box(self, command: Command, target: Pose) -> None:
        known = self.supervisor.arm.pose
        assert known is not None
        frozen = command.state is State.FAULT and any(
            violation.fault in (Fault.STALE_JOINT_STATE, Fault.COMMAND_JUMP) for violation in command.faults
        )
        box = self.limits.workspace
        if not frozen:
            assert (np.abs(target.position - known.position) <= LEASH.translation_m + SLACK).all()
            turn = rotations.difference(target.quaternion, known.quaternion)
            assert (np.abs(turn) <= LEASH.rotation_rad + SLACK).all()
        if (known.position >= box.minimum).all() and (known.position <= box.maximum).all() and not frozen:
            assert (target.position >= np.array(box.minimum) - SLACK).all()
            assert (target.position <= np.array(box.maximum) + SLACK).all()
        space = Workspace(box)
        if space.violation(known, "") is None and not frozen:
            assert space.violation(target, "target") is None
        for post in box.keep_out.values():
            walls = np.array(post.minimum), np.array(post.maximum)
            was, now = (np.minimum(p - walls[0], walls[1] - p).min() for p in (known.position, target.position))
            assert now <= max(was, 0.0) + 3 * SLACK or frozen, "in a keep-out box, deeper than the arm itself"

    def check_step(self, previous: Command, command: Command, before: Pose, after: Pose, measured: Pose) -> None:
        step = float(np.linalg.norm(after.position - before.position))
        rearmed = command.state is State.ARMED and previous.state is not State.RUNNING
        assert step <= self.limits.jump.translation_m + SLACK or rearmed
        if previous.state in MOVING and command.state in MOVING and command.source == "policy":
            known = self.supervisor.arm.pose
            assert known is not None
            dragged = float(np.linalg.norm(known.position - self.known_before.position))
            assert step <= self.limits.policy_speed.linear_m_s * STEP_S + dragged + SLACK
        self.known_before = self.supervisor.arm.pose or measured

    known_before = HOME


def perform(bench: Checked, kind: str, value: Any) -> None:
    supervisor = bench.supervisor
    if kind == "run":
        bench.step(value)
    elif kind == "twist":
        bench.twist = np.array(value)
    elif kind == "silence":
        bench.twist = None
    elif kind == "send":
        bench.send_twist(value, stamp_offset_s=1e-4)
    elif kind == "late":
        bench.send_twist(np.zeros(6), stamp_offset_s=value, age_s=-value)
    elif kind == "request":
        success, message = getattr(supervisor, f"request_{value}")(bench.now_s)
        assert message
        bench.reset_allowed = bench.reset_allowed or (value == "reset" and success)
    elif kind == "move":
        supervisor.on_move_target(Pose(HOME.position + np.array(value), HOME.quaternion), ROBOT.base_frame, bench.now_s)
    elif kind == "move_anywhere":
        supervisor.on_move_target(Pose(np.array(value), HOME.quaternion), ROBOT.base_frame, bench.now_s)
    elif kind == "contact":
        bench.contact = np.array([0.0, 0.0, value, 0.0, 0.0, 0.0])
    elif kind == "block":
        bench.follows = not value
    elif kind in ("joints", "wrenches"):
        setattr(bench, "joint_states" if kind == "joints" else "wrenches", value)
    elif kind == "bad_joints":
        bench.send_joint_state(value, velocities=[], arrival=bench.arrival(1e-4))
    elif kind == "bad_wrench":
        with np.errstate(over="ignore", invalid="ignore"):
            bench.send_wrench(np.array(value), stamp_offset_s=1e-4)
            bench.step()
    elif kind == "push":
        bench.q = bench.q + np.array([value, 0, 0, 0, 0, 0, 0])
    elif kind == "intruder":
        there = Violation(Fault.SECOND_PUBLISHER, "number of publishers", "2", "1")
        supervisor.report(Fault.SECOND_PUBLISHER, there if value else None)


@example([("run", 1), ("push", -0.2)], True)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(events, min_size=5, max_size=30), st.booleans())
def test_no_sequence_of_inputs_breaks_a_limit(sequence: list[tuple[str, Any]], running: bool) -> None:
    bench = Checked(NARROW)
    if running:
        bench.start((0.02, 0.0, -0.02, 0.0, 0.0, 0.1))
    for kind, value in sequence:
        perform(bench, kind, value)
        bench.step(2)


def test_a_policy_that_wanders_meets_walls_post_and_cone_and_passes_none() -> None:
    bench, generator = Checked(NARROW), np.random.default_rng(5)
    bench.start()
    space = Workspace(NARROW.workspace)
    for _ in range(60):
        bench.twist = generator.uniform(-1.0, 1.0, 6) * [0.1, 0.1, 0.1, 0.5, 0.5, 0.5]
        for _ in range(20):
            bench.step()
            assert bench.last.target is not None
            assert space.violation(bench.last.target, "target") is None
    assert bench.last.state in MOVING, bench.last.faults
    assert bench.last.interventions["workspace"] > 10
