"""What the policy node needs of its surroundings in tests: messages as a driver and a supervisor would send them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseStamped, WrenchStamped
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from ros_support import NodeProcess, RosGraph
from sensor_msgs.msg import JointState

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from maxent_robot.nodes.messages import pose_stamped
from maxent_robot.nodes.qos import LATCHED, RELIABLE, SENSOR
from maxent_robot.safety.wrench import tool_weight
from maxent_robot.skill.bundle import SkillBundle

MODULE = "maxent_robot.nodes.policy_node"
SAMPLE_S = 0.005


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """What the arm's driver and the supervisor would publish at one policy step, and what the simulator observed."""

    joints: np.ndarray
    wrenches_ft: np.ndarray  # (k, 6) raw, one every SAMPLE_S, the last one now
    target: Pose
    socket: Pose
    observation: np.ndarray


BURST = QoSProfile(depth=64, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)


class Feeder:
    """Publishes snapshots as messages, again and again until told otherwise; stamps go on from one to the next."""

    stamp_s = 1000.0

    def __init__(self, graph: RosGraph, robot: RobotConfig) -> None:
        self._graph = graph
        self._robot = robot
        self._joints = graph.node.create_publisher(JointState, "joint_states", SENSOR)
        # A burst of samples: a history of one would lose those that are overtaken, and the window's mean with them.
        self._wrench = graph.node.create_publisher(WrenchStamped, "wrench", BURST)
        self._socket = graph.node.create_publisher(PoseStamped, "socket_pose", LATCHED)
        self._target = graph.node.create_publisher(PoseStamped, "commanded_pose", RELIABLE)

    def close(self) -> None:
        """Leave the topics."""
        for publisher in (self._joints, self._wrench, self._socket, self._target):
            self._graph.node.destroy_publisher(publisher)

    def take(self, snapshot: Snapshot) -> None:
        """From now on send this snapshot, with wrenches that are new."""
        stamps = Feeder.stamp_s + SAMPLE_S * np.arange(1, len(snapshot.wrenches_ft) + 1)
        Feeder.stamp_s = float(stamps[-1])
        self._samples = list(zip(stamps, snapshot.wrenches_ft, strict=True))
        self._snapshot = snapshot

    def send(self, *, joints: bool = True, wrench: bool = True, socket: bool = True, target: bool = True) -> None:
        """Send the same once more; a wrench that the node has is as good as not sent."""
        now = _stamp(Feeder.stamp_s)
        if joints:
            # Not in the robot's order: joints are looked up by name.
            message = JointState(
                name=list(self._robot.joint_names)[::-1], position=self._snapshot.joints[::-1].tolist()
            )
            message.header.stamp = now
            self._joints.publish(message)
        for stamp_s, values in self._samples if wrench else ():
            sample = WrenchStamped()
            sample.header.stamp, sample.header.frame_id = _stamp(stamp_s), self._robot.ft_frame
            force, torque = sample.wrench.force, sample.wrench.torque
            force.x, force.y, force.z, torque.x, torque.y, torque.z = values.tolist()
            self._wrench.publish(sample)
        for wanted, publisher, pose in (
            (socket, self._socket, self._snapshot.socket),
            (target, self._target, self._snapshot.target),
        ):
            if wanted:
                publisher.publish(pose_stamped(pose, self._robot.base_frame, now))


def _stamp(seconds: float) -> Time:
    nanoseconds = round(seconds * 1e9)
    return Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def start(graph: RosGraph, bundle: SkillBundle, **parameters: Any) -> NodeProcess:
    process = graph.start(MODULE, "policy", {"skill": str(bundle.directory), **parameters})
    graph.wait_for_state("policy", "unconfigured")
    return process


def bring_up(graph: RosGraph, bundle: SkillBundle, **parameters: Any) -> NodeProcess:
    process = start(graph, bundle, **parameters)
    assert graph.change_state("policy", "configure"), graph.output()
    assert graph.change_state("policy", "activate"), graph.output()
    return process


def feed_until(feeder: Feeder, done: Callable[[], bool], what: str, timeout_s: float = 15.0, **parts: bool) -> None:
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s} s"
        feeder.send(**parts)
        time.sleep(0.02)


def at_rest(robot: RobotConfig, bias: float = 0.0, contact: float = 0.0) -> Snapshot:
    """The arm at home, 30 mm above the estimated socket, `bias` and `contact` on every axis of the raw wrench."""
    joints = np.array(robot.home)
    tcp = robot.chain().forward(joints)
    ft = tcp @ robot.T_ft_tcp().inverse()
    weight = tool_weight(robot.tool.mass, robot.tool.center_of_mass, ft.quaternion)
    socket = tcp @ Pose.of([0.0, 0.0, 0.03])
    return Snapshot(joints, np.tile(weight + bias + contact, (60, 1)), tcp, socket, np.zeros(0))
