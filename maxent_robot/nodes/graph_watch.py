"""What the ROS graph tells the supervisor beyond its messages: who publishes, who listens, and how the robot is.

Everything here ends in `report(fault, violation or None)`; nothing is decided.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.subscription import Subscription
from std_msgs.msg import Bool

from maxent_robot.control.robot import RobotConfig
from maxent_robot.nodes.messages import is_error_or_stale
from maxent_robot.nodes.qos import DIAGNOSTICS, LATCHED, publisher_count, standby_count
from maxent_robot.nodes.steady_clock import steady_now_s
from maxent_robot.safety.faults import Fault, Violation

MISMATCH_S = 2.0
"""How long a publisher may be known to the graph and not matched: discovery takes a moment."""

CONTROLLERS_ACTIVITY = "Controllers Activity"
"""End of the name of the diagnosis in which ros2_control's controller_manager lists its controllers and states."""
ACTIVE = "active"

Report = Callable[[Fault, Violation | None], None]


class GraphWatch:
    """`check` is called at 10 Hz; the robot's own messages are taken as they come.

    Args:
        twists: the subscription of the policy's candidates.
        inputs: all subscriptions whose publishers have to match.
        controller: the publisher of the commands; None in a dry run.
    """

    def __init__(
        self,
        node: Node,
        robot: RobotConfig,
        twists: Subscription[Any],
        inputs: list[Subscription[Any]],
        controller: Publisher[Any] | None,
        report: Report,
    ) -> None:
        self._node, self._robot, self._report = node, robot, report
        self._twists, self._inputs, self._controller = twists, inputs, controller
        self._mismatched_since_s: dict[str, float] = {}
        self._hardware: dict[str, str] = {}
        self._controller_state = ""
        topics = robot.topics
        self._subscriptions: list[Subscription[Any]] = []
        if robot.hardware or robot.controller:
            self._subscriptions.append(
                node.create_subscription(DiagnosticArray, topics.diagnostics, self._on_diagnostics, DIAGNOSTICS)
            )
        if topics.running:
            self._subscriptions.append(node.create_subscription(Bool, topics.running, self._on_running, LATCHED))

    def destroy(self) -> None:
        """End the subscriptions made here."""
        while self._subscriptions:
            self._node.destroy_subscription(self._subscriptions.pop())

    def check(self) -> None:
        """Report what the graph looks like now."""
        self._report(Fault.SECOND_PUBLISHER, self.second_publisher())
        self._report(Fault.CONTROLLER_INACTIVE, self._no_controller())
        self._report(Fault.QOS_INCOMPATIBLE, self._mismatch(steady_now_s()))

    def second_publisher(self) -> Violation | None:
        """SECOND_PUBLISHER when another node publishes twists or commands."""
        counts = {self._twists.topic_name: publisher_count(self._node, self._twists)}
        if self._controller is not None:
            topic = self._controller.topic_name
            counts[topic] = self._node.count_publishers(topic) - standby_count(self._node, topic, unnamed=True)
        for topic, count in counts.items():
            if count > 1:
                return Violation(Fault.SECOND_PUBLISHER, f"number of publishers on {topic}", str(count), "1")
        return None

    def _no_controller(self) -> Violation | None:
        """CONTROLLER_INACTIVE when it does not listen, or its manager says that it is in another state.

        ros2_control's controllers go on listening while they are inactive, and so may recorders at any time.
        """
        if self._controller is None:
            return None
        name, topic = self._robot.controller, self._controller.topic_name
        if self._controller_state not in ("", ACTIVE):
            subject = f"state of the controller {name}"
            return Violation(Fault.CONTROLLER_INACTIVE, subject, self._controller_state, ACTIVE)
        listeners = self._node.get_subscriptions_info_by_topic(topic)
        if any(name in ("", listener.node_name) for listener in listeners):
            return None
        subject = f"number of controllers {name} that listen to {topic}" if name else f"number of listeners to {topic}"
        return Violation(Fault.CONTROLLER_INACTIVE, subject, "0", "at least 1")

    def _mismatch(self, now_s: float) -> Violation | None:
        for subscription in self._inputs:
            topic = subscription.topic_name
            missing = self._node.count_publishers(topic) - subscription.get_publisher_count()
            if missing <= 0:
                self._mismatched_since_s.pop(topic, None)
            elif now_s - self._mismatched_since_s.setdefault(topic, now_s) > MISMATCH_S:
                subject = f"number of publishers on {topic} whose quality of service does not fit"
                return Violation(Fault.QOS_INCOMPATIBLE, subject, str(missing), "0")
        return None

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.endswith(CONTROLLERS_ACTIVITY):
                self._read_controllers(status)
            if any(status.name.startswith(name) for name in self._robot.hardware):
                if is_error_or_stale(status):
                    self._hardware[status.name] = status.message
                else:
                    self._hardware.pop(status.name, None)
        broken = next(iter(self._hardware.items()), None)
        self._report(
            Fault.HARDWARE,
            None if broken is None else Violation(Fault.HARDWARE, f"diagnosis of {broken[0]}", broken[1], "no error"),
        )

    def _read_controllers(self, status: DiagnosticStatus) -> None:
        name = self._robot.controller
        states = {entry.key.removesuffix(".state"): entry.value for entry in status.values}
        if name in states:
            self._controller_state = states[name]

    def _on_running(self, message: Bool) -> None:
        stopped = Violation(Fault.ROBOT_SAFETY_STOP, self._robot.topics.running, "false", "true")
        self._report(Fault.ROBOT_SAFETY_STOP, None if message.data else stopped)
