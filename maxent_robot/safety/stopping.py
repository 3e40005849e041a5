"""How the arm is brought to rest: the stop under way, and what each reaction does with the target."""

from __future__ import annotations

from dataclasses import dataclass, replace

from maxent_robot.control.pose import Pose
from maxent_robot.safety.arm_monitor import ArmMonitor
from maxent_robot.safety.fault_log import FaultLog
from maxent_robot.safety.faults import Violation
from maxent_robot.safety.gate import CommandGate
from maxent_robot.safety.motion import ControlledStop, MotionLimits
from maxent_robot.safety.reactions import Reaction
from maxent_robot.safety.state_machine import State, StateMachine


@dataclass(frozen=True)
class StopTask:
    """A stop under way: its deceleration, when it began and the state that it ends in."""

    plan: ControlledStop
    began_s: float
    final: State


class Stopping:
    """Latches faults and stops the target, in the states of the machine that it shares with the supervisor.

    Attributes:
        frozen: the target stays where it is, because the measured pose can't be trusted.
    """

    def __init__(
        self, machine: StateMachine, gate: CommandGate, arm: ArmMonitor, log: FaultLog, motion: MotionLimits
    ) -> None:
        self._machine, self._gate, self._arm, self._log, self._motion = machine, gate, arm, log, motion
        self._task: StopTask | None = None
        self.frozen = False

    def clear(self) -> None:
        """No stop is under way, and nothing is frozen."""
        self._task, self.frozen = None, False

    def begin(self, violation: Violation, reaction: Reaction, final: State, now_s: float) -> None:
        """Latch a fault and begin the stop that it asks for; a graver one overrides a stop that is under way."""
        self._log.latched[violation.fault] = violation
        state = self._machine.state
        if state in (State.HOLD, State.FAULT):
            if state is State.HOLD and final is State.FAULT:
                self._machine.to(State.FAULT)
            self._come_to_rest(reaction)
            return
        if self._task is None:
            plan = ControlledStop(self._gate.twist, self._motion)
            self._task = StopTask(plan, now_s, final)
            self._machine.to(State.STOPPING)
        elif final is State.FAULT:
            self._task = replace(self._task, final=State.FAULT)
        if reaction in (Reaction.RELEASE, Reaction.FREEZE):
            self._come_to_rest(reaction)
            self._settle(self._task.final)

    def advance(self, measured: Pose, period_s: float, now_s: float) -> Violation | None:
        """Go on with the stop; at its end the target goes to the measured pose."""
        if self._task is None:
            raise ValueError("no stop is under way")
        elapsed_s = now_s - self._task.began_s
        if elapsed_s < self._task.plan.duration_s:
            twist = self._task.plan.remaining(elapsed_s)
            return self._gate.advance(twist, self._arm.posture, measured, period_s, self._motion.speed)
        self._settle(self._task.final)
        return self._gate.release(measured)

    def _come_to_rest(self, reaction: Reaction) -> None:
        if reaction is Reaction.FREEZE:
            self.frozen = True
        elif reaction is Reaction.RELEASE and self._arm.pose is not None and not self.frozen:
            jump = self._gate.release(self._arm.pose)
            if jump is not None:
                self._log.latched[jump.fault], self.frozen = jump, True

    def _settle(self, final: State) -> None:
        self._task = None
        self._machine.to(final)
