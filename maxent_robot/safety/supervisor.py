"""The supervisor: the last word on every command that reaches the arm. Pure: messages and time in, commands out.

It is an application-level supervisor and is not safety-rated: it lowers the demand on the robot's own safety functions
and never replaces them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from numpy.typing import ArrayLike

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from maxent_robot.safety.arm_monitor import ArmMonitor
from maxent_robot.safety.arrival import Arrival
from maxent_robot.safety.command import Command
from maxent_robot.safety.conditions import Conditions
from maxent_robot.safety.faults import Fault, Violation
from maxent_robot.safety.following import Following
from maxent_robot.safety.gate import REST, CommandGate
from maxent_robot.safety.joint_limits import JointLimiter
from maxent_robot.safety.limits import SupervisorLimits
from maxent_robot.safety.motion import MotionLimits
from maxent_robot.safety.move import REACHED, MoveRecord, MoveTask, check_goal
from maxent_robot.safety.policy_pace import PolicyPace
from maxent_robot.safety.policy_report import ExpectedPolicy, PolicyReport
from maxent_robot.safety.reactions import Reaction, reactions
from maxent_robot.safety.state_machine import COMMANDING, MOVING, State, StateMachine
from maxent_robot.safety.stopping import Stopping
from maxent_robot.safety.workspace import Workspace
from maxent_robot.skill.action import Leash

Reply = tuple[bool, str]


class Supervisor:
    """State machine, guards and command gate of one arm.

    `now_s` is always the same steady clock, in seconds. Requests answer (whether it was done, what to tell the caller).
    """

    def __init__(self, robot: RobotConfig, limits: SupervisorLimits, policy: ExpectedPolicy) -> None:
        self._robot, self._limits = robot, limits
        self._machine = StateMachine()
        self._workspace = Workspace(limits.workspace)
        self._reactions = reactions(limits.reactions)
        self._conditions = Conditions(robot, limits, policy, self._workspace, self._reactions)
        self._arm, self._policy, self._log = self._conditions.arm, self._conditions.policy, self._conditions.log
        self._leash = Leash.of(robot.impedance)
        joints = JointLimiter(robot, limits.joints)
        self._gate = CommandGate(self._workspace, joints, limits.target_acceleration, limits.jump, self._leash)
        self._pace = PolicyPace(limits)
        self._following = Following(self._machine, self._gate, self._arm, self._policy, self._pace)
        self._motion = MotionLimits(limits.move_speed, limits.acceleration, limits.jerk)
        self._longest_step_s = policy.period_s
        stop = replace(self._motion, speed=limits.policy_speed.or_faster(limits.move_speed))
        self._stopping = Stopping(self._machine, self._gate, self._arm, self._log, stop)
        self._move = MoveRecord()
        self._ticked_s: float | None = None
        self._parting: Pose | None = None
        """Sent once more after a reset, and nothing after it."""

    @property
    def state(self) -> State:
        return self._machine.state

    @property
    def arm(self) -> ArmMonitor:
        """The measurements."""
        return self._arm

    def reaction(self, fault: Fault) -> Reaction:
        """What is done about a fault."""
        return self._reactions[fault]

    def configure(self) -> None:
        """UNCONFIGURED -> INACTIVE."""
        self._machine.to(State.INACTIVE)

    def deactivate(self, now_s: float) -> Command:
        """Any commanding state -> INACTIVE; the command holds the measured pose and is the last one."""
        if self.state not in COMMANDING:
            return self.command()
        if self._arm.pose is not None and not self._stopping.frozen and not self._arm.joint_watchdog.expired(now_s):
            self._gate.release(self._arm.pose)
        final = self._gate.target
        self._disarm()
        return self.command(final)

    def on_joint_state(
        self, names: Sequence[str], positions: ArrayLike, velocities: ArrayLike, arrival: Arrival
    ) -> None:
        """Take a joint state; see `ArmMonitor.on_joint_state`. The next `tick` shows what came of it."""
        self._take(self._arm.on_joint_state(names, positions, velocities, arrival), COMMANDING, arrival.now_s)

    def on_wrench(self, wrench_ft: ArrayLike, frame_id: str, arrival: Arrival) -> None:
        """Take a raw wrench; see `ArmMonitor.on_wrench`."""
        self._take(self._arm.on_wrench(wrench_ft, frame_id, arrival), COMMANDING, arrival.now_s)

    def on_twist(self, twist_base: ArrayLike, frame_id: str, arrival: Arrival) -> None:
        """Take a policy's candidate twist (6,) [m/s, rad/s] in base axes."""
        violation = self._policy.on_twist(twist_base, frame_id, arrival)
        self._take(violation, self._heeding, arrival.now_s)

    def on_heartbeat(self, now_s: float) -> None:
        """The policy's process lives, whether or not it has a twist to send."""
        self._policy.on_heartbeat(now_s)

    def on_report(self, report: PolicyReport | Violation, now_s: float) -> None:
        """Take what the policy says of itself, or why that can't be read; a sign of life as well."""
        for violation in self._policy.on_report(report, now_s):
            self._take(violation, self._heeding, now_s)

    def report(self, fault: Fault, violation: Violation | None) -> None:
        """Take a condition that is seen from outside (publishers, backend): a violation, or None once it is gone."""
        self._log.report(fault, violation)

    def request_arm(self, now_s: float) -> Reply:
        """INACTIVE or ARMED -> ARMED: latch the measured pose as the target and tare the wrench."""
        if self.state not in (State.INACTIVE, State.ARMED):
            return self._refuse("arm", f"state is {self.state.value}, must be INACTIVE or ARMED")
        problem = self.problem(now_s, but=(Fault.FORCE, Fault.TORQUE))
        if not problem and not self._arm.is_still():
            problem = "the arm is moving"
        problem = problem or self._arm.tare() or self.problem(now_s)
        if problem or self._arm.pose is None:
            return self._refuse("arm", problem)
        self._gate.latch(self._arm.pose)
        self._parting = None
        if self.state is State.INACTIVE:
            self._machine.to(State.ARMED)
        return True, "armed: holding the measured pose, wrench tared"

    def request_start(self, now_s: float) -> Reply:
        """ARMED -> RAMPING: follow the policy."""
        if self.state is not State.ARMED:
            return self._refuse("start", f"state is {self.state.value}, must be ARMED")
        problem = self.problem(now_s) or self._policy.start_problem(now_s, self._stops) or self._arm.stale_tare(now_s)
        if problem:
            return self._refuse("start", problem)
        self._policy.begin(now_s)
        self._begin(now_s)
        return True, "started"

    def on_move_target(self, goal: Pose, frame_id: str, now_s: float) -> Reply:
        """ARMED -> RAMPING: move to a pose, straight and from rest to rest, and back to ARMED."""
        self._move.count += 1
        problem = self._move_problem(goal, frame_id, now_s)
        if problem or self._gate.target is None:
            self._move.outcome = f"refused: {problem}"
            return False, f"move refused: {problem}"
        self._move.begin(MoveTask(self._gate.target, goal, self._limits.move, self._motion, self._leash, now_s))
        self._begin(now_s)
        return True, "moving"

    def request_stop(self, now_s: float) -> Reply:
        """ARMED or moving -> STOPPING -> HOLD: a controlled stop. Never refused: elsewhere there is nothing to stop."""
        if self.state in MOVING or self.state is State.ARMED:
            self._react(Violation(Fault.OPERATOR_STOP, "a stop", "requested", ""), now_s)
            return True, "stopping"
        return True, f"state is {self.state.value}: nothing to stop"

    def request_reset(self, now_s: float) -> Reply:
        """HOLD -> ARMED, or FAULT -> INACTIVE with the target on the measured pose, when nothing is wrong any more."""
        if self.state not in (State.HOLD, State.FAULT):
            return self._refuse("reset", f"state is {self.state.value}, must be HOLD or FAULT")
        problem = self.problem(now_s)
        if problem:
            return self._refuse("reset", f"the cause is still there: {problem}")
        if self.state is State.FAULT:
            if self._arm.pose is not None:
                self._gate.release(self._arm.pose)  # a target that was frozen may still press
            self._parting = self._gate.target
            self._disarm()
            return True, "reset to INACTIVE: arm again"
        self._log.latched.clear()
        self._machine.to(State.ARMED)
        return True, "reset to ARMED"

    def tick(self, now_s: float) -> Command:
        """One cycle: check everything, go on in the state machine, move the target."""
        period_s = 0.0 if self._ticked_s is None else min(max(now_s - self._ticked_s, 0.0), self._longest_step_s)
        self._ticked_s = now_s
        if self.state not in COMMANDING:
            parting, self._parting = self._parting, None
            return self.command(parting)
        for violation in self._violations(now_s):
            self._take(violation, COMMANDING, now_s)
        if self._arm.pose is None or self._stopping.frozen:
            return self.command()
        jump = self._advance(self._arm.pose, period_s, now_s)
        if jump is not None:
            self._react(jump, now_s)
        return self.command()

    def _advance(self, measured: Pose, period_s: float, now_s: float) -> Violation | None:
        if self.state is State.STOPPING:
            return self._stopping.advance(measured, period_s, now_s)
        if self._move.task is not None:
            return self._advance_move(self._move.task, measured, period_s, now_s)
        if self.state in MOVING:
            return self._following.advance(measured, period_s, now_s)
        return self._gate.advance(REST, self._arm.posture, measured, period_s, self._limits.move_speed, holds=True)

    def _advance_move(self, move: MoveTask, measured: Pose, period_s: float, now_s: float) -> Violation | None:
        if self.state is State.RAMPING:
            self._machine.to(State.RUNNING)
        if self._gate.target is None:
            return None
        twist = self._gate.twist
        if period_s > 0.0:
            twist = move.twist(self._gate.target, measured, period_s, self._gate.tension(measured))
        jump = self._gate.advance(twist, self._arm.posture, measured, period_s, self._limits.move_speed)
        outcome = move.outcome(measured, self._arm.is_still(), now_s)
        if jump is None and outcome:
            self._move.end(outcome)
            self._machine.to(State.ARMED)
            if outcome != REACHED:
                return self._gate.release(measured)
        return jump

    def _take(self, violation: Violation | None, states: frozenset[State], now_s: float) -> None:
        """React to a violation in the states in which it matters, unless it is latched already."""
        if violation is not None and self.state in states and violation.fault not in self._log.latched:
            self._react(violation, now_s)

    def _react(self, violation: Violation, now_s: float) -> None:
        """Do about a violation what the reactions say: note it, go on more slowly, or stop."""
        reaction = self._reactions[violation.fault]
        final = reaction.final
        if final is None:
            self._log.note(violation, now_s)
            if reaction is Reaction.DEGRADE:
                self._pace.ease(now_s)
            return
        self._move.end(f"failed: {violation}")
        self._stopping.begin(violation, reaction, final, now_s)

    def _begin(self, now_s: float) -> None:
        self._pace.begin(now_s)
        self._machine.to(State.RAMPING)

    def _disarm(self) -> None:
        self._move.end("failed: deactivated")
        self._gate.clear()
        self._log.latched.clear()
        self._stopping.clear()
        self._machine.to(State.INACTIVE)

    def _move_problem(self, goal: Pose, frame_id: str, now_s: float) -> str:
        if self.state is not State.ARMED:
            return f"state is {self.state.value}, must be ARMED"
        violation = check_goal(goal, frame_id, self._robot.base_frame, self._workspace)
        return str(violation) if violation is not None else self.problem(now_s)

    def problem(self, now_s: float, but: tuple[Fault, ...] = ()) -> str:
        """The first thing that is wrong now and stops the arm, as a sentence; empty when nothing is."""
        return self._conditions.problem(now_s, but)

    def _violations(self, now_s: float) -> list[Violation]:
        moving = self.state in MOVING
        held = self._gate.target if moving or self.state is State.ARMED else None
        return self._conditions.violations(now_s, moving and self._move.task is None, held)

    @property
    def _heeding(self) -> frozenset[State]:
        """The states in which what the policy does matters: none while a move is under way."""
        return MOVING if self._move.task is None else frozenset()

    def _stops(self, violation: Violation) -> bool:
        return self._reactions[violation.fault].final is not None

    def _refuse(self, request: str, reason: str) -> Reply:
        return False, f"{request} refused: {reason}"

    def _source(self) -> str:
        if self.state not in COMMANDING:
            return "none"
        if self.state not in MOVING:
            return "hold"
        return "policy" if self._move.task is None else "move"

    def command(self, target: Pose | None = None) -> Command:
        """The command as it stands, without a cycle; `target` replaces the one that is latched."""
        measured = self._arm.pose
        sent = self._gate.target if target is None else target
        apart = 0.0 if sent is None or measured is None else math.dist(sent.position, measured.position)
        return Command(
            state=self.state,
            source=self._source(),
            target=sent,
            faults=tuple(self._log.latched.values()),
            notices=() if self._ticked_s is None else self._log.notices(self._ticked_s),
            noted={fault.value: count for fault, count in self._log.noted.items()},
            interventions=dict(self._gate.interventions),
            move=self._move.outcome,
            move_count=self._move.count,
            distance_m=apart,
        )
