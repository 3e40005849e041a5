"""What queues while the supervisor is busy: all of it comes, in order, with the time at which it came."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import WrenchStamped
from ros_support import RosGraph, ros_graph, wait_until  # noqa: F401  the fixture
from sensor_msgs.msg import JointState

from maxent_robot.control.robot import load_robot
from maxent_robot.nodes.managed_node import ManagedNode
from maxent_robot.nodes.messages import diagnostic_status
from maxent_robot.nodes.qos import RELIABLE
from maxent_robot.nodes.steady_clock import steady_now_s
from maxent_robot.nodes.supervisor_inputs import SupervisorInputs
from maxent_robot.nodes.topics import POLICY_TELEMETRY
from maxent_robot.safety.supervisor import Supervisor

ROBOT = load_robot("sim")
SAMPLES, SPACING_S, BUSY_S = 10, 0.01, 0.4


class Taken:
    """Stands where the supervisor stands, and writes down what it is given."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, float, float]] = []
        """What it was, its age [s] on arrival, and when it came."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        def write_down(*arguments: Any) -> None:
            arrival = arguments[-1]
            if name == "on_heartbeat":
                self.calls.append((name, 0.0, arrival))
            else:
                self.calls.append((name, arrival.age_s, arrival.now_s))

        return write_down


def test_all_samples_come_in_order_with_the_time_at_which_they_came(ros_graph: RosGraph) -> None:  # noqa: F811
    node = ManagedNode("supervisor", context=ros_graph.context, use_global_arguments=False)
    try:
        inputs = SupervisorInputs(node, ROBOT)
        topics, peer = ROBOT.topics, ros_graph.node
        joints = peer.create_publisher(JointState, topics.joint_states, RELIABLE)
        wrenches = peer.create_publisher(WrenchStamped, topics.wrench, RELIABLE)
        reports = peer.create_publisher(DiagnosticStatus, POLICY_TELEMETRY, RELIABLE)
        publishers = (joints, wrenches, reports)
        wait_until(lambda: all(one.get_subscription_count() == 1 for one in publishers), "discovery")
        for _ in range(SAMPLES):
            for publisher, message in ((joints, joint_state()), (wrenches, WrenchStamped())):
                message.header.stamp = peer.get_clock().now().to_msg()
                publisher.publish(message)
                time.sleep(SPACING_S)
        reports.publish(diagnostic_status(DiagnosticStatus.WARN, "policy", "joint_states: nothing received yet", {}))
        time.sleep(BUSY_S)

        taken = Taken()
        now_s = steady_now_s()
        inputs.take(cast(Supervisor, taken))
        names = [name for name, _, _ in taken.calls]
        assert names == ["on_joint_state", "on_wrench"] * SAMPLES + ["on_heartbeat"]
        ages, came = (np.array([call[k] for call in taken.calls]) for k in (1, 2))
        assert np.all(np.abs(ages) < 0.5 * BUSY_S), "the time in the queue is not the message's"
        assert np.all(came < now_s - 0.5 * BUSY_S)
        assert np.median(np.diff(came[:-1])) == pytest.approx(SPACING_S, rel=0.5)

        inputs.take(cast(Supervisor, taken))
        assert len(taken.calls) == 2 * SAMPLES + 1, "nothing comes twice"
    finally:
        node.disown()
        node.destroy_node()


def joint_state() -> JointState:
    """At rest at home."""
    return JointState(name=list(ROBOT.joint_names), position=list(ROBOT.home), velocity=[0.0] * len(ROBOT.home))
