"""The attacker's node: it can say anything on any topic, and set the disturbances of the simulated arm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from numpy.typing import ArrayLike
from rcl_interfaces.srv import SetParameters
from rclpy.client import Client
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from maxent_robot.control.robot import RobotConfig

_RELIABLE = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
_BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
_LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Attacker:
    """Publishers are made when they are first used, except where a second one on a topic is itself the attack."""

    def __init__(self, robot: RobotConfig, context: Context) -> None:
        self._robot = robot
        self.node = Node("attacker", context=context, use_global_arguments=False, enable_rosout=False)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.node)
        self._publishers: dict[str, Publisher[Any]] = {}
        self._unheard: dict[str, Publisher[Any]] = {}
        self._setters: dict[str, Client[Any, Any]] = {}
        self._truth: JointState | None = None
        self.node.create_subscription(JointState, "sim_arm/truth/joint_states", self._on_truth, _BEST_EFFORT)
        for name, kind, qos in (
            (robot.topics.joint_states, JointState, _RELIABLE),
            (robot.topics.wrench, WrenchStamped, _RELIABLE),
            ("policy/telemetry", DiagnosticStatus, _RELIABLE),
            ("socket_pose", PoseStamped, _LATCHED),
            ("supervisor/move_target", PoseStamped, _RELIABLE),
            ("/diagnostics", DiagnosticArray, _RELIABLE),
            (robot.topics.running, Bool, _LATCHED),
        ):
            self._publishers[name] = self.node.create_publisher(kind, name, qos)

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        self.node.destroy_node()

    def spin(self) -> None:
        """Take in the true joint states."""
        self._executor.spin_once(timeout_sec=0.0)

    @property
    def joint_names(self) -> tuple[str, ...]:
        """The joints of the arm."""
        return self._robot.joint_names

    @property
    def q(self) -> np.ndarray:
        """(7,) true joint positions, as last heard; the home before."""
        return np.array(self._robot.home if self._truth is None else self._truth.position)

    def publisher(self, topic: str, kind: type[Any], best_effort: bool = False) -> Publisher[Any]:
        """The publisher of a topic, made now if there is none."""
        publishers, qos = (self._unheard, _BEST_EFFORT) if best_effort else (self._publishers, _RELIABLE)
        if topic not in publishers:
            publishers[topic] = self.node.create_publisher(kind, topic, qos)
        return publishers[topic]

    def leave(self, topic: str, best_effort: bool = False) -> None:
        """Destroy the publisher of a topic."""
        publishers = self._unheard if best_effort else self._publishers
        if topic in publishers:
            self.node.destroy_publisher(publishers.pop(topic))

    def stamp(self, offset_s: float = 0.0) -> Time:
        """Now, or earlier or later."""
        total_ns = max(0, self.node.get_clock().now().nanoseconds + int(1e9 * offset_s))
        return Time(sec=min(total_ns // 10**9, 2**31 - 1), nanosec=total_ns % 10**9)

    def say_joints(
        self,
        positions: ArrayLike | None = None,
        velocities: ArrayLike | None = None,
        names: Sequence[str] | None = None,
        offset_s: float = 0.0,
    ) -> None:
        """A joint state; what is not given is true."""
        message = JointState(name=list(self._robot.joint_names if names is None else names))
        message.header.stamp = self.stamp(offset_s)
        message.position = np.asarray(self.q if positions is None else positions, dtype=np.float64).tolist()
        default = np.zeros(len(self._robot.joints))
        message.velocity = np.asarray(default if velocities is None else velocities, dtype=np.float64).tolist()
        self._publishers[self._robot.topics.joint_states].publish(message)

    def say_wrench(self, wrench: Sequence[float], frame_id: str | None = None, offset_s: float = 0.0) -> None:
        """A raw wrench (6,)."""
        message = WrenchStamped()
        message.header.stamp = self.stamp(offset_s)
        message.header.frame_id = self._robot.ft_frame if frame_id is None else frame_id
        force, torque = message.wrench.force, message.wrench.torque
        force.x, force.y, force.z, torque.x, torque.y, torque.z = (float(value) for value in wrench)
        self._publishers[self._robot.topics.wrench].publish(message)

    def say_twist(self, twist: Sequence[float], frame_id: str | None = None, offset_s: float = 0.0) -> None:
        """A candidate twist (6,)."""
        message = TwistStamped()
        message.header.stamp = self.stamp(offset_s)
        message.header.frame_id = self._robot.base_frame if frame_id is None else frame_id
        linear, angular = message.twist.linear, message.twist.angular
        linear.x, linear.y, linear.z, angular.x, angular.y, angular.z = (float(value) for value in twist)
        self.publisher("candidate_twist", TwistStamped).publish(message)

    def say_pose(self, topic: str, position: ArrayLike, quaternion: ArrayLike, frame_id: str | None = None) -> None:
        """A pose on any topic."""
        message = PoseStamped()
        message.header.stamp = self.stamp()
        message.header.frame_id = self._robot.base_frame if frame_id is None else frame_id
        p, q = message.pose.position, message.pose.orientation
        p.x, p.y, p.z = np.asarray(position, dtype=np.float64).tolist()
        q.x, q.y, q.z, q.w = np.asarray(quaternion, dtype=np.float64).tolist()
        self.publisher(topic, PoseStamped).publish(message)

    def say_telemetry(self, **values: object) -> None:
        """What a policy would say of itself."""
        pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
        message = DiagnosticStatus(level=DiagnosticStatus.OK, name="policy", message="skill", values=pairs)
        self._publishers["policy/telemetry"].publish(message)

    def say_diagnosis(self, level: bytes, name: str, text: str) -> None:
        """A diagnosis of the robot's driver."""
        status = DiagnosticStatus(level=level, name=name, message=text)
        self._publishers["/diagnostics"].publish(DiagnosticArray(status=[status]))

    def say_running(self, running: bool) -> None:
        """What the robot says of its own safety functions."""
        self._publishers[self._robot.topics.running].publish(Bool(data=running))

    def set_parameter(self, node: str, name: str, value: Any) -> None:
        """Ask a node to change a parameter, and do not wait for what it says."""
        request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
        if node not in self._setters:
            self._setters[node] = self.node.create_client(SetParameters, f"{node}/set_parameters")
        self._setters[node].call_async(request)

    def _on_truth(self, message: JointState) -> None:
        self._truth = message
