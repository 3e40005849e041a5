"""What the policy node knows of the world: messages in, checked, and the measurement of this instant out."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import PoseStamped, WrenchStamped
from nav_msgs.msg import Odometry
from numpy.typing import NDArray
from sensor_msgs.msg import JointState

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from maxent_robot.nodes.message_inputs import STALE_S, InputError, MessageInputs, require_finite, require_frame
from maxent_robot.nodes.messages import joint_positions, stamp_to_s
from maxent_robot.nodes.topics import COMMANDED_POSE, OBSTACLE, SOCKET_POSE
from maxent_robot.safety.wrench import WrenchFilter, wrench_at_tcp
from maxent_robot.skill.layout import ObstacleMeasurement

TARE_WINDOW_S = 0.25
"""Time over which wrenches are averaged for the tare."""

TARE_MOTION_RAD = 0.002
"""Largest joint motion within the tare's window; beyond it the arm is not at rest."""

CLEAR_M = 0.005
"""Height of the TCP above the estimated mouth from which the tool is taken to be free of contact."""


@dataclass(frozen=True)
class PolicyInput:
    """One instant: poses in the base frame, and the tared contact wrench (6,) [N, Nm] at the TCP in its axes.

    `obstacle` is there where the skill needs one.
    """

    tcp: Pose
    target: Pose
    socket: Pose
    wrench_tcp: NDArray[np.float64]
    joint_stamp_s: float
    obstacle: ObstacleMeasurement | None = None


class PolicyInputs(MessageInputs):
    """Holds the last message of every input. A message that can't be used counts as none, and its fault is kept.

    The socket estimate does not age: it may be given once. The wrench has to be tared before it counts. `age_s` is the
    time that a message has waited since it arrived.
    """

    def __init__(self, robot: RobotConfig, sees_obstacle: bool = False) -> None:
        super().__init__(robot)
        self._sees_obstacle = sees_obstacle
        self._obstacle: ObstacleMeasurement | None = None
        self._chain = robot.chain()
        self._T_ft_tcp = robot.T_ft_tcp()
        self._T_tcp_ft = self._T_ft_tcp.inverse()
        self._filter = WrenchFilter(robot.tool.mass, robot.tool.center_of_mass)
        self._positions: NDArray[np.float64] | None = None
        self._joint_stamp_s = 0.0
        self._target: Pose | None = None
        self._socket: Pose | None = None
        self._samples: deque[tuple[float, NDArray[np.float64], NDArray[np.float64]]] = deque()
        self._is_tared = False

    def forget_tare(self) -> None:
        """Ask for a tare from samples that are still to come."""
        self._filter.reset()
        self._samples.clear()
        self._is_tared = False

    def tare_above_mouth(self) -> bool:
        """Tare now if the arm has been at rest and the tool is clear of the estimated mouth; whether it was done."""
        if self._positions is None or self._socket is None:
            return False
        socket_tcp = self._socket.inverse() @ self._chain.forward(self._positions)
        return bool(socket_tcp.position[2] < -CLEAR_M) and not self._tare()

    def on_joint_state(self, message: JointState, age_s: float = 0.0) -> None:
        """Take a sensor_msgs/JointState; joints are looked up by name."""

        def read() -> None:
            positions = joint_positions(message, self._robot.joint_names)
            require_finite(positions)
            self._positions, self._joint_stamp_s = positions, stamp_to_s(message.header.stamp)

        self.take(self._robot.topics.joint_states, read, age_s)

    def on_wrench(self, message: WrenchStamped, age_s: float = 0.0) -> None:
        """Take a raw geometry_msgs/WrenchStamped in the F/T frame."""

        def read() -> None:
            require_frame(message.header.frame_id, self._robot.ft_frame)
            force, torque = message.wrench.force, message.wrench.torque
            wrench = np.array([force.x, force.y, force.z, torque.x, torque.y, torque.z])
            require_finite(wrench)
            wrench *= self._robot.wrench_sign
            stamp_s = stamp_to_s(message.header.stamp)
            self._filter.add(stamp_s, wrench)
            self._remember_for_tare(stamp_s, wrench)

        self.take(self._robot.topics.wrench, read, age_s)

    def on_socket(self, message: PoseStamped, age_s: float = 0.0) -> None:
        """Take the estimate of the socket's pose in the base frame."""

        def read() -> None:
            self._socket = self.read_pose(message)

        self.take(SOCKET_POSE, read, age_s)

    def on_target(self, message: PoseStamped, age_s: float = 0.0) -> None:
        """Take the last commanded pose in the base frame."""

        def read() -> None:
            self._target = self.read_pose(message)

        self.take(COMMANDED_POSE, read, age_s)

    def on_obstacle(self, message: Odometry, age_s: float = 0.0) -> None:
        """Take a nav_msgs/Odometry of the obstacle's centre, pose and twist both in the base frame."""

        def read() -> None:
            for frame in (message.header.frame_id, message.child_frame_id):
                require_frame(frame, self._robot.base_frame)
            at, rate = message.pose.pose.position, message.twist.twist.linear
            measured = np.array([[at.x, at.y, at.z], [rate.x, rate.y, rate.z]])
            require_finite(measured.ravel())
            self._obstacle = ObstacleMeasurement(*measured)

        self.take(OBSTACLE, read, age_s)

    def measure(self) -> PolicyInput:
        """The measurement of this instant; tares first where that is due.

        Raises:
            InputError: naming the first topic that is missing, stale or unusable, or the tare that is not done yet.
        """
        topics = self._robot.topics
        needed = [topics.joint_states, topics.wrench, SOCKET_POSE, COMMANDED_POSE]
        for topic in [*needed, OBSTACLE] if self._sees_obstacle else needed:
            self.require(topic, math.inf if topic == SOCKET_POSE else STALE_S)
        if not self._is_tared and (reason := self._tare()):
            raise InputError(f"{topics.wrench}: {reason}")
        if self._positions is None or self._target is None or self._socket is None:
            raise InputError(f"{topics.joint_states}: nothing received yet")
        tcp = self._chain.forward(self._positions)
        contact = self._filter.contact((tcp @ self._T_tcp_ft).quaternion)
        wrench_tcp = wrench_at_tcp(contact, self._T_ft_tcp)
        return PolicyInput(tcp, self._target, self._socket, wrench_tcp, self._joint_stamp_s, self._obstacle)

    def _remember_for_tare(self, stamp_s: float, wrench: NDArray[np.float64]) -> None:
        if self._positions is None:
            return
        samples = self._samples
        if samples and not 0.0 < stamp_s - samples[-1][0] < STALE_S:
            samples.clear()
        samples.append((stamp_s, wrench, self._positions))
        while stamp_s - samples[0][0] > TARE_WINDOW_S:
            samples.popleft()

    def _tare(self) -> str:
        """Take the samples of the last window as the zero of the sensor; the reason why not, or nothing."""
        samples = self._samples
        if len(samples) < 2 or samples[-1][0] - samples[0][0] < 0.9 * TARE_WINDOW_S:
            return "being tared"
        positions = np.array([sample[2] for sample in samples])
        motion = float(np.max(np.ptp(positions, axis=0)))
        if motion > TARE_MOTION_RAD:
            return f"can't be tared while the arm moves (a joint by {motion:.4f} rad in {TARE_WINDOW_S} s)"
        T_base_ft = self._chain.forward(positions[-1]) @ self._T_tcp_ft
        self._filter.tare(np.array([sample[1] for sample in samples]), T_base_ft.quaternion)
        self._is_tared = True
        return ""
