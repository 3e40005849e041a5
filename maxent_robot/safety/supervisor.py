"""The supervisor: the last word on every command that reaches the arm. Pure: messages and time in, commands out.

It is an application-level supervisor and is not safety-rated: it lowers the demand on the robot's own safety functions
and never replaces them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from maxent_robot.safety.arm_monitor import ArmMonitor
from maxent_robot.safety.arrival import Arrival
from maxent_robot.safety.command import Command
from maxent_robot.safety.conditions import Conditions
from maxent_robot.safety.faults import Fault, Violation
from maxent_robot.safety.gate import CommandGate, limit_speed
from maxent_robot.safety.joint_limits import JointLimiter
from maxent_robot.safety.limits import SupervisorLimits
from maxent_robot.safety.motion import ControlledStop, MotionLimits
from maxent_robot.safety.move import REACHED, MoveTask, check_goal
from maxent_robot.safety.policy_pace import PolicyPace
from maxent_robot.safety.reactions import Reaction, reactions
from maxent_robot.safety.state_machine import COMMANDING, MOVING, State, StateMachine
from maxent_robot.safety.workspace import Workspace
from maxent_robot.skill.action import Leash

Array = NDArray[np.float64]
Reply = tuple[bool, str]

_REST = np.zeros(6)


@dataclass(frozen=True)
class StopTask:
    """A stop under way: its deceleration, when it began and the state that it ends in."""

    plan: ControlledStop
    began_s: float
    final: State


class Supervisor:
    """State machine, guards and command gate of one arm.

    `now_s` is always the same steady clock, in seconds. Requests answer (whether it was done, what to tell the caller).
    """

    def __init__(self, robot: RobotConfig, limits: SupervisorLimits, policy_period_s: float) -> None:
        self._robot, self._limits = robot, limits
        self._machine = StateMachine()
        self._workspace = Workspace(limits.workspace)
        self._reactions = reactions(limits.reactions)
        self._conditions = Conditions(robot, limits, policy_period_s, self._workspace, self._reactions)
        self._arm, self._policy, self._log = self._conditions.arm, self._conditions.policy, self._conditions.log
        self._leash = Leash.of(robot.impedance)
        self._gate = CommandGate(self._workspace, JointLimiter(robot, limits.joints), limits.jump, self._leash)
        self._pace = PolicyPace(limits)
        self._motion = MotionLimits(limits.move_speed, limits.acceleration, limits.jerk)
        self._longest_step_s = policy_period_s
        self._twist: Array = _REST
        self._stop: StopTask | None = None
        self._move: MoveTask | None = None
        self._move_outcome, self._move_count = "", 0
        self._ticked_s: float | None = None
        self._frozen = False

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
        if self._arm.pose is not None and not self._frozen and not self._arm.joint_watchdog.expired(now_s):
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
        self._take(violation, MOVING if self._move is None else frozenset(), arrival.now_s)

    def on_heartbeat(self, now_s: float) -> None:
        """The policy's process lives, whether or not it has a twist to send."""
        self._policy.on_heartbeat(now_s)

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
        self._frozen, self._twist, self._ticked_s = False, _REST, now_s
        if self.state is State.INACTIVE:
            self._machine.to(State.ARMED)
        return True, "armed: holding the measured pose, wrench tared"

    def request_start(self, now_s: float) -> Reply:
        """ARMED -> RAMPING: follow the policy."""
        if self.state is not State.ARMED:
            return self._refuse("start", f"state is {self.state.value}, must be ARMED")
        problem = self.problem(now_s) or self._arm.stale_tare(now_s)
        if problem:
            return self._refuse("start", problem)
        self._policy.begin(now_s)
        self._begin(now_s, None)
        return True, "started"

    def on_move_target(self, goal: Pose, frame_id: str, now_s: float) -> Reply:
        """ARMED -> RAMPING: move to a pose, straight and from rest to rest, and back to ARMED."""
        self._move_count += 1
        problem = self._move_problem(goal, frame_id, now_s)
        if problem or self._gate.target is None:
            self._move_outcome = f"refused: {problem}"
            return False, f"move refused: {problem}"
        self._move_outcome = "moving"
        self._begin(now_s, MoveTask(self._gate.target, goal, self._limits.move, self._motion, self._leash, now_s))
        return True, "moving"

    def request_stop(self, now_s: float) -> Reply:
        """ARMED or moving -> STOPPING -> HOLD: a controlled stop. Never refused: elsewhere there is nothing to stop."""
        if self.state in MOVING or self.state is State.ARMED:
            self._react(Violation(Fault.OPERATOR_STOP, "a stop", "requested", ""), now_s)
            return True, "stopping"
        return True, f"state is {self.state.value}: nothing to stop"

    def request_reset(self, now_s: float) -> Reply:
        """HOLD -> ARMED, or FAULT -> INACTIVE, when nothing is wrong any more."""
        if self.state not in (State.HOLD, State.FAULT):
            return self._refuse("reset", f"state is {self.state.value}, must be HOLD or FAULT")
        problem = self.problem(now_s)
        if problem:
            return self._refuse("reset", f"the cause is still there: {problem}")
        if self.state is State.FAULT:
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
            return self.command()
        for violation in self._violations(now_s):
            self._take(violation, COMMANDING, now_s)
        if self._arm.pose is None or self._frozen:
            return self.command()
        jump = self._advance(self._arm.pose, period_s, now_s)
        if jump is not None:
            self._react(jump, now_s)
        return self.command()

    def _advance(self, measured: Pose, period_s: float, now_s: float) -> Violation | None:
        if self.state is State.STOPPING and self._stop is not None:
            return self._advance_stop(self._stop, measured, period_s, now_s)
        if self.state in MOVING and self._move is not None:
            return self._advance_move(self._move, measured, period_s, now_s)
        if self.state in MOVING:
            return self._advance_policy(measured, period_s, now_s)
        return self._gate.advance(_REST, self._arm.posture, measured, period_s, self._limits.move_speed)

    def _advance_policy(self, measured: Pose, period_s: float, now_s: float) -> Violation | None:
        ramp = self._pace.ramp(now_s)
        if self.state is State.RAMPING and ramp >= 1.0:
            self._machine.to(State.RUNNING)
        if self.state in (State.RUNNING, State.DEGRADED):
            degraded = self._pace.degraded(self.state is State.DEGRADED, self._arm.contact(), now_s)
            if degraded is not (self.state is State.DEGRADED):
                self._machine.to(State.DEGRADED if degraded else State.RUNNING)
        speed = self._pace.speed(self.state is State.DEGRADED)
        expired = self._policy.expired(now_s)
        self._twist = _REST if expired else ramp * self._policy.twist
        late = expired and not self._policy.awaits_first
        return self._gate.advance(self._twist, self._arm.posture, measured, period_s, speed, late)

    def _advance_move(self, move: MoveTask, measured: Pose, period_s: float, now_s: float) -> Violation | None:
        if self.state is State.RAMPING:
            self._machine.to(State.RUNNING)
        if period_s <= 0.0 or self._gate.target is None:
            return None
        self._twist = move.twist(self._gate.target, measured, period_s, self._gate.tension(measured))
        jump = self._gate.advance(self._twist, self._arm.posture, measured, period_s, self._limits.move_speed)
        outcome = move.outcome(measured, self._arm.is_still(), now_s)
        if jump is None and outcome:
            self._end_move(outcome)
            self._twist = _REST
            self._machine.to(State.ARMED)
            if outcome != REACHED:
                return self._gate.release(measured)
        return jump

    def _advance_stop(self, stop: StopTask, measured: Pose, period_s: float, now_s: float) -> Violation | None:
        elapsed_s = now_s - stop.began_s
        if elapsed_s < stop.plan.duration_s:
            return self._gate.advance(
                stop.plan.remaining(elapsed_s), self._arm.posture, measured, period_s, self._limits.move_speed
            )
        self._settle(stop.final)
        return self._gate.release(measured)

    def _take(self, violation: Violation | None, states: frozenset[State], now_s: float) -> None:
        """React to a violation in the states in which it matters, unless it is latched already."""
        if violation is not None and self.state in states and violation.fault not in self._log.latched:
            self._react(violation, now_s)

    def _react(self, violation: Violation, now_s: float) -> None:
        """Latch a fault and begin the stop that it asks for; a graver one overrides a stop that is under way."""
        reaction = self._reactions[violation.fault]
        final = reaction.final
        if final is None:
            self._log.note(violation, now_s)
            if reaction is Reaction.DEGRADE:
                self._pace.ease(now_s)
            return
        self._log.latched[violation.fault] = violation
        self._end_move(f"failed: {violation}")
        if self.state in (State.HOLD, State.FAULT):
            if self.state is State.HOLD and final is State.FAULT:
                self._machine.to(State.FAULT)
            self._come_to_rest(reaction)
            return
        if self._stop is None:
            plan = ControlledStop(limit_speed(self._twist, self._limits.move_speed), self._motion)
            self._stop = StopTask(plan, now_s, final)
            self._machine.to(State.STOPPING)
        elif final is State.FAULT:
            self._stop = replace(self._stop, final=State.FAULT)
        if reaction in (Reaction.RELEASE, Reaction.FREEZE):
            self._come_to_rest(reaction)
            self._settle(self._stop.final)

    def _come_to_rest(self, reaction: Reaction) -> None:
        if reaction is Reaction.FREEZE:
            self._frozen = True
        elif reaction is Reaction.RELEASE and self._arm.pose is not None and not self._frozen:
            jump = self._gate.release(self._arm.pose)
            if jump is not None:
                self._log.latched[jump.fault], self._frozen = jump, True

    def _settle(self, final: State) -> None:
        self._stop, self._twist = None, _REST
        self._machine.to(final)

    def _begin(self, now_s: float, move: MoveTask | None) -> None:
        self._move, self._ticked_s = move, now_s
        self._pace.begin(now_s)
        self._machine.to(State.RAMPING)

    def _end_move(self, outcome: str) -> None:
        if self._move is not None:
            self._move, self._move_outcome = None, outcome

    def _disarm(self) -> None:
        self._end_move("failed: deactivated")
        self._gate.clear()
        self._log.latched.clear()
        self._stop, self._twist, self._frozen = None, _REST, False
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
        return self._conditions.violations(now_s, moving and self._move is None, held)

    def _refuse(self, request: str, reason: str) -> Reply:
        return False, f"{request} refused: {reason}"

    def _source(self) -> str:
        if self.state not in COMMANDING:
            return "none"
        if self.state not in MOVING:
            return "hold"
        return "policy" if self._move is None else "move"

    def command(self, target: Pose | None = None) -> Command:
        """The command as it stands, without a cycle; `target` replaces the one that is latched."""
        measured = self._arm.pose
        sent = self._gate.target if target is None else target
        apart = 0.0 if sent is None or measured is None else float(np.linalg.norm(sent.position - measured.position))
        return Command(
            state=self.state,
            source=self._source(),
            target=sent,
            faults=tuple(self._log.latched.values()),
            notices=() if self._ticked_s is None else self._log.notices(self._ticked_s),
            noted={fault.value: count for fault, count in self._log.noted.items()},
            interventions=dict(self._gate.interventions),
            move=self._move_outcome,
            move_count=self._move_count,
            distance_m=apart,
        )
