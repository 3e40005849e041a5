"""Listening to an arm for a few seconds, for `maxent-robot doctor`. Nothing is published and no service is called."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, WrenchStamped
from rclpy.node import Node
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import JointState

from maxent_robot.bringup.doctor import Findings, Heard
from maxent_robot.control.robot import RobotConfig
from maxent_robot.nodes.messages import is_error_or_stale, stamp_to_s
from maxent_robot.nodes.polled_subscription import PolledSubscription
from maxent_robot.nodes.qos import DIAGNOSTICS, LATCHED_EVENTS, STREAM
from maxent_robot.nodes.topics import SOCKET_POSE

NODE = "doctor"
POLL_PERIOD_S = 0.02


class _Ear:
    """One topic."""

    def __init__(self, node: Node, kind: type[Any], topic: str, qos: Any, row: Callable[[Any], list[float]]) -> None:
        self._node, self._row = node, row
        self._subscription = PolledSubscription(node, kind, topic, qos)
        self.topic = topic
        self._rows: list[list[float]] = []
        self._received: list[float] = []
        self._stamps: list[float] = []
        self._names: tuple[str, ...] = ()
        self._frame = ""

    def listen(self) -> None:
        """Take what has come."""
        for received in self._subscription.take():
            message = received.message
            self._rows.append(self._row(message))
            self._received.append(1e-9 * received.received_ns)
            self._stamps.append(stamp_to_s(message.header.stamp))
            self._names = tuple(getattr(message, "name", ()))
            self._frame = message.header.frame_id

    def heard(self) -> Heard:
        """Everything so far."""
        width = len(self._rows[-1]) if self._rows else 0
        rows = [row for row in self._rows if len(row) == width]
        return Heard(
            *_parties(self._node, self.topic),
            np.array(self._received),
            np.array(self._stamps),
            np.array(rows, dtype=np.float64).reshape(len(rows), width),
            self._names,
            self._frame,
        )


def listen_to_arm(robot: RobotConfig, duration_s: float, namespace: str = "", domain_id: int | None = None) -> Findings:
    """What is heard of an arm."""
    context = rclpy.Context()
    rclpy.init(args=[], context=context, domain_id=domain_id)
    node = Node(
        NODE, context=context, namespace=namespace or None, use_global_arguments=False, enable_rosout=False,
        start_parameter_services=False,
    )  # fmt: skip
    try:
        topics = robot.topics
        ears = {
            "joint_states": _Ear(node, JointState, topics.joint_states, STREAM, lambda m: list(m.position)),
            "wrench": _Ear(node, WrenchStamped, topics.wrench, STREAM, _wrench),
            "socket": _Ear(node, PoseStamped, SOCKET_POSE, LATCHED_EVENTS, _pose),
        }
        diagnostics = PolledSubscription(node, DiagnosticArray, topics.diagnostics, DIAGNOSTICS)
        errors: dict[str, bool] = {}
        end = time.monotonic() + duration_s
        while time.monotonic() < end:
            for ear in ears.values():
                ear.listen()
            for received in diagnostics.take():
                errors.update({status.name: is_error_or_stale(status) for status in received.message.status})
            time.sleep(POLL_PERIOD_S)
        command = topics.target_pose if robot.backend == "crisp" else topics.joint_trajectory
        return Findings(
            command=Heard(*_parties(node, command)),
            errors=tuple(sorted(name for name, wrong in errors.items() if wrong)),
            **{name: ear.heard() for name, ear in ears.items()},
        )
    finally:
        node.destroy_node()
        context.try_shutdown()


def _parties(node: Node, topic: str) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """Who publishes, who listens, and whether the publishers are reliable."""
    name = node.resolve_topic_name(topic)
    publishers = node.get_publishers_info_by_topic(name)
    subscribers = [end.node_name for end in node.get_subscriptions_info_by_topic(name) if end.node_name != NODE]
    reliable = all(end.qos_profile.reliability == ReliabilityPolicy.RELIABLE for end in publishers)
    listening = tuple(sorted(name for name in subscribers if name != "recorder"))
    return tuple(sorted(end.node_name for end in publishers)), listening, reliable


def _wrench(message: WrenchStamped) -> list[float]:
    force, torque = message.wrench.force, message.wrench.torque
    return [force.x, force.y, force.z, torque.x, torque.y, torque.z]


def _pose(message: PoseStamped) -> list[float]:
    at, turn = message.pose.position, message.pose.orientation
    return [at.x, at.y, at.z, turn.x, turn.y, turn.z, turn.w]
