"""The node `standby`: lets the arm go when the supervisor dies or hangs while it commands. Not safety-rated.

It publishes no command as long as the supervisor lives. Parameters: `robot` (shipped name or path) and `silence_s`. It
is for controllers of poses (`crisp`); with others it does nothing, as a joint trajectory ends at rest by itself.
"""

from __future__ import annotations

import math
import sys

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.timer import Timer
from sensor_msgs.msg import JointState

from maxent_robot.control.robot import RobotConfig, load_robot
from maxent_robot.nodes.managed_node import ManagedNode, run_node
from maxent_robot.nodes.messages import (
    MessageError,
    diagnostic_status,
    diagnostic_values,
    joint_positions,
    pose_stamped,
)
from maxent_robot.nodes.parameters import declare
from maxent_robot.nodes.qos import LATCHED, RELIABLE, SENSOR, STANDBY_NODE
from maxent_robot.nodes.steady_clock import STEADY_CLOCK, steady_now_s
from maxent_robot.nodes.topics import COMMANDED_POSE, SUPERVISOR_STATE
from maxent_robot.safety.standby import Standby

SILENCE_S = 0.06
"""Twelve cycles of 200 Hz. With six, a machine with two cores that also trained let go twice in 20 rehearsals."""

DIAGNOSTICS_PERIOD_S = 1.0


class StandbyNode(ManagedNode):
    """Polls commands once a control cycle, and joint states while there are none."""

    def __init__(self) -> None:
        super().__init__(STANDBY_NODE)
        declare(self, "robot", "sim", "robot description: shipped name or path")
        text = "time without a command after which the supervisor is taken for dead [s]"
        declare(self, "silence_s", SILENCE_S, text, (0.01, 1.0))
        self._core: Standby | None = None
        self._robot: RobotConfig
        self._timer: Timer | None = None
        self._diagnostics_timer: Timer | None = None
        self._silent = False

    def configure(self) -> None:
        self._robot = load_robot(str(self.get_parameter("robot").value))
        if self._robot.backend != "crisp":
            self.get_logger().info(f"backend {self._robot.backend}: its trajectories end at rest, nothing to do")
            return
        self._chain = self._robot.chain()
        silence_s = float(self.get_parameter("silence_s").value)
        self._core = Standby(silence_s)
        self._let_go = f"no command of the supervisor for {1e3 * silence_s:g} ms: the arm is let go"
        topics = self._robot.topics
        self._controller = self.make_publisher(PoseStamped, topics.target_pose, RELIABLE)
        self._diagnostics = self.make_publisher(DiagnosticArray, "/diagnostics", RELIABLE)
        self.make_subscription(DiagnosticStatus, SUPERVISOR_STATE, self._on_state, LATCHED)
        self._commands = self.make_polled(PoseStamped, COMMANDED_POSE, SENSOR)
        self._joints = self.make_polled(JointState, topics.joint_states, SENSOR)

    def activate(self) -> None:
        if self._core is None:
            return
        self._timer = self.create_timer(1.0 / self._robot.control_rate_hz, self._cycle, clock=STEADY_CLOCK)
        self._diagnostics_timer = self.create_timer(DIAGNOSTICS_PERIOD_S, self._diagnose, clock=STEADY_CLOCK)

    def deactivate(self) -> None:
        for timer in (self._timer, self._diagnostics_timer):
            if timer is not None:
                self.destroy_timer(timer)
        if self._timer is not None:
            self._cycle()
        self._timer = self._diagnostics_timer = None

    def cleanup(self) -> None:
        self._core = None
        self.disown()

    def _on_state(self, message: DiagnosticStatus) -> None:
        if self._core is not None:
            self._core.on_state(message.message, diagnostic_values(message).get("dry_run") == "true")

    def _cycle(self) -> None:
        if self._core is None:
            return
        now_s = steady_now_s()
        if any(True for _ in self._commands.take()):
            self._core.on_command(now_s)
        if self._core.silent(now_s):
            self._measure(self._core, now_s)
        pose = self._core.tick(now_s)
        if pose is not None and all(map(math.isfinite, (*pose.position, *pose.quaternion))):
            self._controller.publish(pose_stamped(pose, self._robot.base_frame, self.get_clock().now().to_msg()))
        was_silent, self._silent = self._silent, self._core.silent(now_s)
        if self._silent and not was_silent:
            self.get_logger().error(self._let_go)
            self._diagnose()

    def _measure(self, core: Standby, now_s: float) -> None:
        """Take the newest joint state; until the supervisor is silent nobody needs to know where the arm is."""
        for received in self._joints.take():
            try:
                q = joint_positions(received.message, self._robot.joint_names)
            except MessageError:
                continue  # the supervisor names it
            core.on_measured(self._chain.forward(q), now_s - received.age_s)

    def _diagnose(self) -> None:
        """1 Hz, and when the arm is let go: what it does."""
        if self._core is None:
            return
        level, text = DiagnosticStatus.OK, "the supervisor sends nothing"
        if self._silent:
            level, text = DiagnosticStatus.ERROR, self._let_go
        elif self._core.watching(steady_now_s()):
            text = "watching the supervisor"
        message = DiagnosticArray(status=[diagnostic_status(level, self.get_name(), text, {})])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)


def main() -> None:
    """Run the node until SIGINT or SIGTERM."""
    sys.exit(run_node(StandbyNode, sys.argv))


if __name__ == "__main__":
    main()
