"""What is known of the arm: joint states and wrenches, checked on arrival, and what they violate."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxent_robot.control import rotations
from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from maxent_robot.safety import guards
from maxent_robot.safety.arrival import Arrival
from maxent_robot.safety.faults import Fault, Violation
from maxent_robot.safety.joint_limits import Posture
from maxent_robot.safety.limits import SupervisorLimits
from maxent_robot.safety.watchdog import Watchdog
from maxent_robot.safety.workspace import Workspace
from maxent_robot.safety.wrench import WrenchFilter, wrench_at_tcp

Array = NDArray[np.float64]


class ArmMonitor:
    """The latest good measurements. A message that fails a check is not used; its violation stands until a good one.

    A stamp that repeats the last one carries no news: it neither updates nor feeds the watchdog.
    """

    def __init__(self, robot: RobotConfig, limits: SupervisorLimits, workspace: Workspace) -> None:
        self._robot, self._limits, self._workspace = robot, limits, workspace
        self._chain = robot.chain()
        self._joint_names = robot.joint_names
        self._T_ft_tcp = robot.T_ft_tcp()
        self._velocity_max = robot.joint_values("velocity_max") * limits.joints.velocity_fraction
        self._acceleration_max = robot.joint_values("acceleration_max") * limits.joints.acceleration_fraction
        self._velocities: deque[tuple[float, Array]] = deque()
        self._filter = WrenchFilter(robot.tool.mass, robot.tool.center_of_mass)
        self._raw: deque[tuple[float, Array]] = deque()
        self._listed: list[str] = []
        self._index: NDArray[np.intp] = np.zeros(0, dtype=np.intp)
        self._joint_stamp_s = self._wrench_stamp_s = -math.inf
        self._joint_gap = True
        """The last joint state was not a good one."""
        self._contact: Array | None = None
        self._tared_s = -math.inf
        self.joint_watchdog = Watchdog(limits.ages.joint_state_s)
        self.wrench_watchdog = Watchdog(limits.ages.wrench_s)
        self.bad_messages: dict[str, Violation] = {}
        self.q: Array = np.zeros(len(robot.joints))
        self.qd: Array = np.zeros(len(robot.joints))
        self.qdd: Array = np.zeros(len(robot.joints))
        """Mean acceleration of the joints over the window of the limits; zeros until it is filled."""
        self._jacobian: Array = np.zeros((6, len(robot.joints)))
        self.pose: Pose | None = None
        """T_base_tcp by forward kinematics of the measured joints; None before the first joint state."""
        self.twist: Array = np.zeros(6)
        """Measured TCP twist in base axes."""

    def on_joint_state(
        self, names: Sequence[str], positions: ArrayLike, velocities: ArrayLike, arrival: Arrival
    ) -> Violation | None:
        """Take a joint state; `velocities` may be empty, they are then estimated from the last two positions.

        After a message that fails, and at first, there are no two: then the velocities stay as they are.

        Args:
            names: joint names as they stand in the message.
            positions: rad, one a name.
            velocities: rad/s, one a name, or none.
            arrival: its stamp and when it came.
        """
        topic = self._robot.topics.joint_states
        q_all = np.asarray(positions, dtype=np.float64)
        qd_all = np.asarray(velocities, dtype=np.float64)
        violation = (
            self._check_joint_names(names)
            or guards.check_size(q_all, len(names), f"positions in {topic}")
            or (guards.check_size(qd_all, len(names), f"velocities in {topic}") if len(qd_all) else None)
            or self._check_stamps(topic, arrival, self._joint_stamp_s, Fault.STALE_JOINT_STATE)
            or guards.check_finite(
                np.concatenate([q_all[self._index], qd_all[self._index] if len(qd_all) else []]), topic
            )
        )
        self._joint_stamp_s, previous_stamp_s = arrival.stamp_s, self._joint_stamp_s
        if violation is not None:
            self.bad_messages[topic], self._joint_gap = violation, True
            return violation
        self.bad_messages.pop(topic, None)
        if arrival.stamp_s == previous_stamp_s:
            return None
        q = q_all[self._index]
        if len(qd_all):
            self.qd = qd_all[self._index]
        elif not self._joint_gap:
            with np.errstate(over="ignore"):  # infinite is over any limit
                self.qd = (q - self.q) / (arrival.stamp_s - previous_stamp_s)
        self.q, self._joint_gap = q, False
        self._differentiate(arrival.stamp_s)
        self.pose, self._contact = self._chain.forward(q), None
        with np.errstate(invalid="ignore", over="ignore"):
            self._jacobian = self._chain.jacobian(q)
            self.twist = self._jacobian @ self.qd
        self.joint_watchdog.feed(arrival.now_s)
        return self._too_fast()

    def on_wrench(self, wrench_ft: ArrayLike, frame_id: str, arrival: Arrival) -> Violation | None:
        """Take a raw wrench (6,) [N, Nm] of the force-torque sensor."""
        topic = self._robot.topics.wrench
        wrench = np.asarray(wrench_ft, dtype=np.float64)
        violation = (
            guards.check_size(wrench, 6, f"components in {topic}")
            or guards.check_frame(frame_id, self._robot.ft_frame, topic)
            or guards.check_finite(wrench, topic)
            or self._check_stamps(topic, arrival, self._wrench_stamp_s, Fault.STALE_WRENCH)
        )
        self._wrench_stamp_s, previous_stamp_s = arrival.stamp_s, self._wrench_stamp_s
        if arrival.stamp_s < previous_stamp_s:
            self._filter.reset()
        if violation is not None:
            self.bad_messages[topic] = violation
            return violation
        self.bad_messages.pop(topic, None)
        if arrival.stamp_s == previous_stamp_s:
            return None
        wrench = wrench * self._robot.wrench_sign
        self._filter.add(arrival.stamp_s, wrench)
        self._contact = None
        self._raw.append((arrival.now_s, wrench))
        while arrival.now_s - self._raw[0][0] > self._limits.contact.tare_window_s:
            self._raw.popleft()
        self.wrench_watchdog.feed(arrival.now_s)
        return None

    def contact(self) -> Array:
        """Contact wrench (6,) at the TCP, in its axes: environment on tool, tared, mean of 10 ms; zeros before any."""
        if self._contact is None and self.pose is not None:
            self._contact = wrench_at_tcp(self._filter.contact(self._ft_quaternion(self.pose)), self._T_ft_tcp)
        return np.zeros(6) if self._contact is None else self._contact

    @property
    def posture(self) -> Posture:
        """The measured joint positions with their Jacobian."""
        return Posture(self.q, self._jacobian)

    def is_still(self) -> bool:
        """Whether the TCP stands still, as far as the joint velocities say."""
        still = self._limits.still
        linear, angular = math.hypot(*self.twist[:3]), math.hypot(*self.twist[3:])
        return linear <= still.linear_m_s and angular <= still.angular_rad_s

    def tare(self) -> str:
        """Tare on the samples of the last tare window, at rest and free of contact.

        Returns:
            An empty string, or why the tare was refused (the old one stays).
        """
        contact = self._limits.contact
        if self.pose is None or len(self._raw) < 2:
            return f"{self._robot.topics.wrench}: too few samples for a tare"
        samples = np.array([wrench for _, wrench in self._raw])
        ft_quaternion = self._ft_quaternion(self.pose)
        trial = WrenchFilter(self._robot.tool.mass, self._robot.tool.center_of_mass)
        trial.tare(samples, ft_quaternion)
        force, torque = float(np.linalg.norm(trial.bias[:3])), float(np.linalg.norm(trial.bias[3:]))
        if force > contact.tare_force_n or torque > contact.tare_torque_nm:
            return (
                f"{self._robot.topics.wrench}: a bias of {force:.3g} N and {torque:.3g} Nm beyond the tool's weight, "
                f"allowed are {contact.tare_force_n:g} N and {contact.tare_torque_nm:g} Nm: free the tool, or zero the "
                "sensor"
            )
        self._filter.tare(samples, ft_quaternion)
        self._tared_s, self._contact = self._raw[-1][0], None
        return ""

    def stale_tare(self, now_s: float) -> str:
        """Why the tare is too old to go on with, as a sentence; empty when it is not."""
        age_s, limit_s = now_s - self._tared_s, self._limits.contact.tare_age_s
        return f"the tare is {age_s:.0f} s old, allowed are {limit_s:g} s: arm again" if age_s > limit_s else ""

    def violations(self, now_s: float) -> list[Violation]:
        """Everything about the arm that does not hold at `now_s`, the stale inputs first."""
        found = [*self._stale(now_s), *self.bad_messages.values()]
        if self.pose is None:
            return found
        limits = self._limits
        contact = self.contact()
        checks = (
            guards.check_joint_positions(
                self.q,
                self._chain.position_min,
                self._chain.position_max,
                limits.joints.position_margin_rad,
                self._joint_names,
            ),
            self._too_fast(),
            guards.check_joint_accelerations(self.qdd, self._acceleration_max, self._joint_names),
            guards.check_tcp_speed(self.twist, limits.measured_speed),
            self._workspace.violation(self.pose, "measured TCP", tolerant=True),
            guards.check_force(contact, limits.contact.force_n),
            guards.check_torque(contact, limits.contact.torque_nm),
        )
        return found + [violation for violation in checks if violation is not None]

    def missing(self, now_s: float) -> str:
        """Which input is missing or stale at `now_s`, as a sentence; empty when none is."""
        topics = self._robot.topics
        for topic, watchdog in ((topics.joint_states, self.joint_watchdog), (topics.wrench, self.wrench_watchdog)):
            if watchdog.expired(now_s):
                if topic in self.bad_messages:
                    return str(self.bad_messages[topic])
                age_s = watchdog.age_s(now_s)
                seen = "no message yet" if math.isinf(age_s) else f"the last message came {age_s:.3g} s ago"
                return f"{topic}: {seen}, allowed is {watchdog.limit_s:g} s"
        return ""

    def _too_fast(self) -> Violation | None:
        """JOINT_VELOCITY: also between two cycles, where a message that follows would hide it."""
        return guards.check_joint_velocities(self.qd, self._velocity_max, self._joint_names)

    def _differentiate(self, stamp_s: float) -> None:
        """Take the velocities into the window, and the acceleration from its ends."""
        window_s, velocities = self._limits.joints.acceleration_window_s, self._velocities
        velocities.append((stamp_s, self.qd))
        while len(velocities) > 2 and stamp_s - velocities[1][0] >= window_s:
            velocities.popleft()
        first_s, first = velocities[0]
        filled = stamp_s - first_s >= window_s
        with np.errstate(over="ignore", invalid="ignore"):
            self.qdd = (self.qd - first) / (stamp_s - first_s) if filled else np.zeros(len(self.qd))

    def _stale(self, now_s: float) -> list[Violation]:
        topics = self._robot.topics
        inputs = (
            (Fault.STALE_JOINT_STATE, topics.joint_states, self.joint_watchdog),
            (Fault.STALE_WRENCH, topics.wrench, self.wrench_watchdog),
        )
        return [
            Violation(fault, f"age of {topic}", watchdog.age_s(now_s), watchdog.limit_s, "s")
            for fault, topic, watchdog in inputs
            if watchdog.expired(now_s)
        ]

    def _check_joint_names(self, names: Sequence[str]) -> Violation | None:
        listed = list(names)
        if listed == self._listed:
            return None
        violation = guards.check_names(listed, self._joint_names, f"joint in {self._robot.topics.joint_states}")
        if violation is None:
            self._listed = listed
            self._index = np.array([listed.index(name) for name in self._joint_names])
        return violation

    def _check_stamps(self, topic: str, arrival: Arrival, previous_s: float, stale: Fault) -> Violation | None:
        limit_s = self._limits.ages.message_s
        return guards.check_stamp(arrival.stamp_s, previous_s, topic) or guards.check_age(
            arrival.age_s, limit_s, stale, topic
        )

    def _ft_quaternion(self, tcp: Pose) -> Array:
        return rotations.multiply(tcp.quaternion, rotations.conjugate(self._T_ft_tcp.quaternion))
