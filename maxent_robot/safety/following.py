"""How the target follows the policy: ramped in, degraded, and at rest in time when the policy falls silent."""

from __future__ import annotations

from maxent_robot.control.pose import Pose
from maxent_robot.safety.arm_monitor import ArmMonitor
from maxent_robot.safety.faults import Violation
from maxent_robot.safety.gate import REST, CommandGate
from maxent_robot.safety.policy_input import PolicyInput
from maxent_robot.safety.policy_pace import PolicyPace
from maxent_robot.safety.state_machine import State, StateMachine

_LATE_CYCLES = 6.0
"""Of the time that a silent policy's target has to rest: four for the messages' ways, two to let go and to stand in."""


class Following:
    """Moves the target by the policy's twist, in the states of the machine that it shares with the supervisor."""

    def __init__(
        self, machine: StateMachine, gate: CommandGate, arm: ArmMonitor, policy: PolicyInput, pace: PolicyPace
    ) -> None:
        self._machine, self._gate, self._arm, self._policy, self._pace = machine, gate, arm, policy, pace
        self._slack = False
        """The policy is silent, and the target has been let go."""

    def advance(self, measured: Pose, period_s: float, now_s: float) -> Violation | None:
        """One cycle; COMMAND_JUMP when the target can't be moved, see `CommandGate.advance`."""
        ramp = self._pace.ramp(now_s)
        if self._machine.state is State.RAMPING and ramp >= 1.0:
            self._machine.to(State.RUNNING)
        if self._machine.state in (State.RUNNING, State.DEGRADED):
            degraded = self._pace.degraded(self._degraded, self._arm.contact(), now_s)
            if degraded is not self._degraded:
                self._machine.to(State.DEGRADED if degraded else State.RUNNING)
        late = self._policy.late(now_s, self._gate.braking_s + _LATE_CYCLES * period_s)
        if late and not self._slack and self._gate.braking_s <= period_s:
            self._slack = True  # nobody asks for the force that the target stands for
            return self._gate.release(measured)
        self._slack = self._slack and late
        twist = REST if late else ramp * self._policy.twist
        speed = self._pace.speed(self._degraded)
        return self._gate.advance(twist, self._arm.posture, measured, period_s, speed, late)

    @property
    def _degraded(self) -> bool:
        return self._machine.state is State.DEGRADED
