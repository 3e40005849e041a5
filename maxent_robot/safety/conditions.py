"""Everything that can be wrong, gathered: the arm, the policy's messages, the balance of forces, and what is told."""

from __future__ import annotations

from collections.abc import Mapping

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from maxent_robot.safety.arm_monitor import ArmMonitor
from maxent_robot.safety.fault_log import FaultLog
from maxent_robot.safety.faults import Fault, Violation
from maxent_robot.safety.force_balance import ForceBalance
from maxent_robot.safety.limits import SupervisorLimits
from maxent_robot.safety.policy_input import PolicyInput
from maxent_robot.safety.policy_report import ExpectedPolicy
from maxent_robot.safety.reactions import Reaction
from maxent_robot.safety.workspace import Workspace


class Conditions:
    """The inputs with what they violate, and the log."""

    def __init__(
        self,
        robot: RobotConfig,
        limits: SupervisorLimits,
        expected: ExpectedPolicy,
        workspace: Workspace,
        reactions: Mapping[Fault, Reaction],
    ) -> None:
        self.arm = ArmMonitor(robot, limits, workspace)
        self.policy = PolicyInput(robot.base_frame, limits, expected)
        self.log = FaultLog()
        self._balance = ForceBalance(robot.impedance, limits.balance)
        self._reactions = reactions

    def violations(self, now_s: float, follows_policy: bool, held: Pose | None) -> list[Violation]:
        """All that does not hold at `now_s`.

        Args:
            follows_policy: whether the policy's silence counts.
            held: T_base_target that the impedance pulls to; None while it is being let go, when its pull says nothing.
        """
        found = self._standing(now_s)
        if held is None or self.arm.pose is None:
            self._balance.reset()
        else:
            found += self._balance.check(held, self.arm.pose, self.arm.contact(), self.arm.is_still(), now_s)
        return [*found, *self.policy.violations(now_s)] if follows_policy else found

    def problem(self, now_s: float, but: tuple[Fault, ...] = ()) -> str:
        """The first thing that is wrong now and stops the arm, as a sentence; empty when nothing is."""
        missing = self.arm.missing(now_s)
        if missing:
            return missing
        for violation in (*self._standing(now_s), self.policy.bad_message(now_s)):
            if violation is None or violation.fault in but or self._reactions[violation.fault].final is None:
                continue
            return str(violation)
        return ""

    def _standing(self, now_s: float) -> list[Violation]:
        return [*self.arm.violations(now_s), *self.log.outside.values()]
