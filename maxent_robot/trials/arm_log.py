"""What the recording of a trial says of the arm, as arrays: joints, targets and wrenches by their stamps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from maxent_robot.safety.wrench import tool_weight, wrench_at_tcp
from maxent_robot.trials.mcap_writer import RecordingError
from maxent_robot.trials.recordings import decoded_messages

Array = NDArray[np.float64]

SOCKET_TOPIC = "socket_pose"


@dataclass(frozen=True)
class ArmLog:
    """One recording. Times in s from the first joint state.

    Attributes:
        time_s: (n,) of the joint states.
        positions: (n, joints) rad.
        tcp: T_base_tcp (n,) of these joints.
        target_s: (m,) of the targets that were sent to the arm.
        target: T_base_target (m,).
        wrench_s: (k,) of the wrenches.
        wrench_tcp: (k, 6) environment on tool at the TCP, in its axes, less the tool's weight; with bias and noise.
        socket: T_base_socket as it was believed.
    """

    time_s: Array
    positions: Array
    tcp: Pose
    target_s: Array
    target: Pose
    wrench_s: Array
    wrench_tcp: Array
    socket: Pose

    @property
    def height_m(self) -> Array:
        """(n,) of the TCP above the believed mouth of the socket."""
        height: Array = -(self.socket.inverse() @ self.tcp).position[:, 2]
        return height

    def target_at(self, time_s: Array, delay_s: float = 0.0) -> Pose:
        """The target (n,) that an arm heeds at times (n,) which it hears with a delay; the first one before that."""
        index = np.searchsorted(self.target_s, time_s - delay_s, side="right") - 1
        index = np.clip(index, 0, None)
        return Pose(self.target.position[index], self.target.quaternion[index])

    def wrench_at(self, time_s: Array, window_s: float) -> Array:
        """(n, 6) mean wrench of the window that ends at each time; NaN where there is none."""
        total = np.concatenate([np.zeros((1, 6)), np.cumsum(self.wrench_tcp, axis=0)])
        last = np.searchsorted(self.wrench_s, time_s, side="right")
        first = np.searchsorted(self.wrench_s, time_s - window_s, side="right")
        count = last - first
        with np.errstate(invalid="ignore", divide="ignore"):
            mean: Array = (total[last] - total[first]) / count[:, None]
        return mean


def read_arm_log(path: Path, robot: RobotConfig) -> ArmLog:
    """Read a recording.

    Raises:
        RecordingError: it can't be read, or lacks joint states, targets or wrenches.
    """
    topics = robot.topics
    names = (topics.joint_states, topics.target_pose, topics.wrench, SOCKET_TOPIC)
    rows: dict[str, list[tuple[float, list[float]]]] = {name: [] for name in names}
    for name, _, message in decoded_messages(path, names):
        stamp = message.header.stamp
        rows[name].append((stamp.sec + 1e-9 * stamp.nanosec, _values(name, message, robot)))
    for name in names:
        if len(rows[name]) < (1 if name == SOCKET_TOPIC else 2):
            raise RecordingError(f"{path}: {len(rows[name])} messages on {name}, too few to identify an arm")
    joints, targets, wrenches, sockets = (_sorted(rows[name]) for name in names)
    origin = float(joints[0][0])
    tcp = robot.chain().forward(joints[1])
    T_tcp_ft = robot.T_ft_tcp().inverse()
    nearest = np.clip(np.searchsorted(joints[0], wrenches[0]), 0, len(joints[0]) - 1)
    ft_quaternion = (Pose(tcp.position[nearest], tcp.quaternion[nearest]) @ T_tcp_ft).quaternion
    contact = robot.wrench_sign * wrenches[1] - tool_weight(
        robot.tool.mass, np.array(robot.tool.center_of_mass), ft_quaternion
    )
    return ArmLog(
        time_s=joints[0] - origin,
        positions=joints[1],
        tcp=tcp,
        target_s=targets[0] - origin,
        target=Pose.of(targets[1][:, :3], targets[1][:, 3:]),
        wrench_s=wrenches[0] - origin,
        wrench_tcp=wrench_at_tcp(contact, robot.T_ft_tcp()),
        socket=Pose.of(sockets[1][-1, :3], sockets[1][-1, 3:]),
    )


def _values(name: str, message: object, robot: RobotConfig) -> list[float]:
    topics = robot.topics
    if name == topics.joint_states:
        by_name = dict(zip(message.name, message.position, strict=True))  # type: ignore[attr-defined]
        return [float(by_name[joint]) for joint in robot.joint_names]
    if name in (topics.target_pose, SOCKET_TOPIC):
        at, turn = message.pose.position, message.pose.orientation  # type: ignore[attr-defined]
        return [at.x, at.y, at.z, turn.x, turn.y, turn.z, turn.w]
    force, torque = message.wrench.force, message.wrench.torque  # type: ignore[attr-defined]
    return [force.x, force.y, force.z, torque.x, torque.y, torque.z]


def _sorted(rows: list[tuple[float, list[float]]]) -> tuple[Array, Array]:
    time_s = np.array([time for time, _ in rows])
    order = np.argsort(time_s, kind="stable")
    return time_s[order], np.array([values for _, values in rows])[order]
