"""The node `trial_runner`: what one trial needs of the graph, as calls that wait (see `waiting_node`).

It commands nothing but requests to the supervisor and, in rehearsal, to the simulated arm.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped, WrenchStamped
from nav_msgs.msg import Odometry
from numpy.typing import NDArray
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.srv import GetParameters, ListParameters, SetParameters
from rclpy.context import Context
from rclpy.parameter import Parameter, parameter_value_to_python
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from maxent_robot.nodes.messages import diagnostic_values, joint_positions, pose_from_msg, pose_stamped, stamp_to_s
from maxent_robot.nodes.qos import EVENTS, LATCHED_EVENTS, RELIABLE, STREAM
from maxent_robot.nodes.supervisor_client import SupervisorView
from maxent_robot.nodes.topics import MOVE_TARGET, OBSTACLE, POLICY_TELEMETRY, SOCKET_POSE, SUPERVISOR_STATE
from maxent_robot.nodes.waiting_node import TrialError, WaitingNode


@dataclass(frozen=True)
class ArmSample:
    """True pose of the plug at a stamp, and the raw wrenches (stamp in s, (6,) in F/T axes) since the one before."""

    stamp_s: float
    T_socket_tcp: Pose
    wrenches: tuple[tuple[float, NDArray[np.float64]], ...]


ParameterValue: TypeAlias = "bool | int | float | str | list[float]"


def parameter_request(values: Mapping[str, ParameterValue]) -> SetParameters.Request:
    """To set these parameters."""
    messages: list[ParameterMessage] = [
        Parameter(name, value=value).to_parameter_msg() for name, value in values.items()
    ]
    return SetParameters.Request(parameters=messages)


_SERVICES: dict[str, Any] = {
    **{f"supervisor/{request}": Trigger for request in ("arm", "start", "stop", "reset")},
    "sim_arm/new_scenario": Trigger,
    **{f"{node}/set_parameters": SetParameters for node in ("policy", "supervisor", "sim_arm", "recorder")},
    **{f"{node}/get_parameters": GetParameters for node in ("policy", "supervisor")},
    **{f"{node}/list_parameters": ListParameters for node in ("policy", "supervisor")},
}
"""What a series of trials asks of the other nodes."""


class TrialNode(WaitingNode):
    """See the module.

    Args:
        robot: whose topics are read.
        context: of ROS.
        alive: raises when a process of the graph has ended; it is asked on every wait.
        namespace: of the graph.
        T_base_socket: where the socket is, where the plug is to be judged by the arm's joints; None: by what the
            simulated arm says.
        by_estimate: to judge by the joints and the estimate of the socket.
    """

    def __init__(
        self,
        robot: RobotConfig,
        context: Context,
        alive: Callable[[], None],
        namespace: str = "",
        T_base_socket: Pose | None = None,
        by_estimate: bool = False,
    ) -> None:
        super().__init__("trial_runner", context, alive, _SERVICES, namespace)
        self._robot = robot
        self._T_socket_base = None if T_base_socket is None else T_base_socket.inverse()
        self._chain = robot.chain()
        self._move_publisher = self.create_publisher(PoseStamped, MOVE_TARGET, RELIABLE)
        topics = robot.topics
        self.read(JointState, topics.joint_states, STREAM, self._on_joint_state)
        self.read(WrenchStamped, topics.wrench, STREAM, self._on_wrench)
        self._by_estimate = by_estimate
        if T_base_socket is None and not by_estimate:
            self.read(PoseStamped, "sim_arm/insertion", STREAM, self._on_insertion)
        self.read(Odometry, OBSTACLE, STREAM, self._on_obstacle)
        self.read(PoseStamped, SOCKET_POSE, LATCHED_EVENTS, self._on_socket)
        self.read(DiagnosticStatus, SUPERVISOR_STATE, LATCHED_EVENTS, self._on_state)
        self.read(DiagnosticStatus, POLICY_TELEMETRY, EVENTS, self._on_telemetry)
        self.read(DiagnosticStatus, "sim_arm/diagnostics", EVENTS, self._on_diagnostics)
        self.supervisor = SupervisorView()
        self.socket: Pose | None = None
        self.socket_count = 0
        self.insertion: Pose | None = None
        self.realtime_factor: float | None = None
        self._insertions: deque[tuple[float, Pose]] = deque(maxlen=4096)
        self.obstacle_radius_m: float | None = None
        self._nearest_m = math.inf
        self._recent: deque[tuple[float, NDArray[np.float64]]] = deque(maxlen=128)
        self._positions: NDArray[np.float64] | None = None
        self._wrenches: deque[tuple[float, NDArray[np.float64]]] = deque(maxlen=4096)
        self._latencies_ms: list[float] = []

    @property
    def tcp(self) -> Pose:
        """T_base_tcp, forward kinematics of the last joint state.

        Raises:
            TrialError: there was none.
        """
        if self._positions is None:
            raise TrialError(f"{self._robot.topics.joint_states}: no joint state received")
        return self._chain.forward(self._positions)

    def take_samples(self) -> Iterator[ArmSample]:
        """The samples since the last call, oldest first; a wrench newer than the last pose waits for the next one."""
        while self._insertions:
            stamp_s, pose = self._insertions.popleft()
            wrenches = []
            while self._wrenches and self._wrenches[0][0] <= stamp_s:
                wrenches.append(self._wrenches.popleft())
            yield ArmSample(stamp_s, pose, tuple(wrenches))

    def take_latencies_ms(self) -> NDArray[np.float64]:
        """Latency of each policy step since the last call, in ms."""
        taken, self._latencies_ms = self._latencies_ms, []
        return np.array(taken, dtype=np.float64)

    def take_nearest_m(self) -> float:
        """Least distance of the TCP from the centre of the obstacle since the last call; infinite if none was seen."""
        taken, self._nearest_m = self._nearest_m, math.inf
        return taken

    def set_parameters_of(self, node: str, values: Mapping[str, ParameterValue]) -> None:
        """Set parameters of another node.

        Raises:
            TrialError: it refuses one; the message has its reason.
        """
        response = self.call(f"{node}/set_parameters", parameter_request(values))
        for (name, value), result in zip(values.items(), response.results, strict=True):
            if not result.successful:
                raise TrialError(f"{node}: parameter {name} = {value!r} refused: {result.reason}")

    def send_parameters_to(self, node: str, values: Mapping[str, ParameterValue]) -> None:
        """As `set_parameters_of`, without waiting for the answer."""
        self._service_clients[f"{node}/set_parameters"].call_async(parameter_request(values))

    def parameters_of(self, node: str, names: Sequence[str] | None = None) -> dict[str, Any]:
        """Parameters of another node by name; all of them where none are named. Arrays are lists.

        Raises:
            TrialError: it does not answer.
        """
        if names is None:
            names = self.call(f"{node}/list_parameters", ListParameters.Request()).result.names
        response = self.call(f"{node}/get_parameters", GetParameters.Request(names=list(names)))
        values = (parameter_value_to_python(value) for value in response.values)
        plain = (list(value) if isinstance(value, array) else value for value in values)
        return dict(zip(names, plain, strict=True))

    def move(self, goal: Pose, timeout_s: float = 30.0) -> str:
        """Ask for a move of the TCP to T_base_goal and wait for its end: `reached`, or why it was not."""
        before = self.supervisor.move_count
        self._move_publisher.publish(pose_stamped(goal, self._robot.base_frame, self.get_clock().now().to_msg()))
        self.wait(
            lambda: self.supervisor.move_count != before and self.supervisor.move != "moving",
            "end of a move to a pose on supervisor/move_target",
            timeout_s,
        )
        return self.supervisor.move

    def _on_joint_state(self, message: JointState) -> None:
        self._positions = joint_positions(message, self._robot.joint_names)
        stamp_s = stamp_to_s(message.header.stamp)
        self._recent.append((stamp_s, self._positions))
        if self._T_socket_base is not None:
            self.insertion = self._T_socket_base @ self._chain.forward(self._positions)
            self._insertions.append((stamp_s, self.insertion))

    def _on_wrench(self, message: WrenchStamped) -> None:
        force, torque = message.wrench.force, message.wrench.torque
        wrench = np.array([force.x, force.y, force.z, torque.x, torque.y, torque.z]) * self._robot.wrench_sign
        self._wrenches.append((stamp_to_s(message.header.stamp), wrench))

    def _on_insertion(self, message: PoseStamped) -> None:
        self.insertion = pose_from_msg(message.pose)
        self._insertions.append((stamp_to_s(message.header.stamp), self.insertion))

    def _on_obstacle(self, message: Odometry) -> None:
        if not self._recent:
            return
        stamp_s = stamp_to_s(message.header.stamp)
        _, positions = min(self._recent, key=lambda state: abs(state[0] - stamp_s))
        at = message.pose.pose.position
        distance = float(np.linalg.norm(self._chain.forward(positions).position - [at.x, at.y, at.z]))
        self._nearest_m = min(self._nearest_m, distance)

    def _on_socket(self, message: PoseStamped) -> None:
        self.socket = pose_from_msg(message.pose)
        if self._by_estimate:
            self._T_socket_base = self.socket.inverse()
        self.socket_count += 1

    def _on_state(self, message: DiagnosticStatus) -> None:
        self.supervisor = SupervisorView.of(message)

    def _on_diagnostics(self, message: DiagnosticStatus) -> None:
        values = diagnostic_values(message)
        self.realtime_factor = float(values["realtime_factor"])
        radius = values.get("obstacle_radius_m")
        self.obstacle_radius_m = None if radius is None else float(radius)

    def _on_telemetry(self, message: DiagnosticStatus) -> None:
        latency = diagnostic_values(message).get("latency_ms")
        if latency is not None:
            self._latencies_ms.append(float(latency))
