"""From a target pose to plain data for the arm's controller: a pose (CRISP) or a short joint trajectory (JTC)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maxent_robot.control.kinematics import InverseKinematicsError
from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from maxent_robot.errors import MaxentRobotError

Array = NDArray[np.float64]

_IK_TOLERANCE_M = 1e-5
_IK_TOLERANCE_RAD = 1e-5


class UnreachableTarget(MaxentRobotError):  # noqa: N818  reads as what it is
    """No joint configuration near the measured one puts the TCP on the target."""


class JointLimitReached(MaxentRobotError):  # noqa: N818  reads as what it is
    """The trajectory would come to rest outside a joint's position limits."""


@dataclass(frozen=True)
class PoseCommand:
    """T_base_target for a Cartesian impedance controller; `frame_id` names the base."""

    frame_id: str
    target: Pose


@dataclass(frozen=True)
class TrajectoryPoint:
    """Positions [rad] and velocities [rad/s] of all joints, `time_s` after the start."""

    time_s: float
    positions: Array
    velocities: Array


@dataclass(frozen=True)
class TrajectoryCommand:
    """Points for a joint_trajectory_controller, to start at once (stamp 0); the last one is at rest."""

    joint_names: tuple[str, ...]
    points: tuple[TrajectoryPoint, ...]


class CrispBackend:
    """The target as it is. CRISP has no target time-out: a stop has to send the measured pose."""

    def __init__(self, robot: RobotConfig) -> None:
        self._frame_id = robot.base_frame

    def reset(self) -> None:
        """Nothing is remembered."""

    def command(self, target: Pose, q_measured: Array, period_s: float) -> PoseCommand:
        """The command of one cycle."""
        return PoseCommand(self._frame_id, target)


class JtcBackend:
    """Inverse kinematics, then two points: where the joints are after one period, and where they come to rest.

    The joints follow the target as fast as their velocity and acceleration limits allow while they can still brake on
    it. A segment of constant acceleration is what the controller's cubic interpolation of position and velocity gives,
    so silence after any command is a stop within the limits. The last command is remembered, as the controller does
    with `interpolate_from_desired_state: true`.
    """

    def __init__(self, robot: RobotConfig, acceleration_share: float = 0.8) -> None:
        self._names = robot.joint_names
        self._chain = robot.chain()
        self._velocity_max = robot.joint_values("velocity_max")
        self._acceleration_max = robot.joint_values("acceleration_max") * acceleration_share
        self._last: tuple[Array, Array] | None = None

    def reset(self) -> None:
        """Forget the last command: the next one starts from the measured joints, at rest."""
        self._last = None

    def command(self, target: Pose, q_measured: Array, period_s: float) -> TrajectoryCommand:
        """The command of one cycle.

        Args:
            target: T_base_target.
            q_measured: (n,) rad.
            period_s: time until the next command is expected.

        Raises:
            UnreachableTarget: the inverse kinematics does not converge within the joint limits.
            JointLimitReached: the braked stop would end outside the joint limits.
        """
        q, qd = self._last if self._last is not None else (q_measured, np.zeros_like(q_measured))
        wanted = self._solve(target, q)
        error = wanted - q
        sign = np.where(error < 0.0, -1.0, 1.0)
        step = self._acceleration_max * period_s
        # The velocity v after this period from which braking ends on the target: (qd + v) T / 2 + v^2 / (2 a) = e.
        room = (0.5 * step) ** 2 + self._acceleration_max * (2.0 * np.abs(error) - period_s * sign * qd)
        speed = np.minimum(self._velocity_max, np.sqrt(np.maximum(room, 0.0)) - 0.5 * step)
        velocity = np.clip(sign * speed, qd - step, qd + step)
        after = q + 0.5 * (qd + velocity) * period_s
        brake_s = max(period_s, float(np.max(np.abs(velocity) / self._acceleration_max)))
        rest = after + 0.5 * velocity * brake_s
        self._check_limits(rest)
        self._last = (after, velocity)
        points = (
            TrajectoryPoint(period_s, after, velocity),
            TrajectoryPoint(period_s + brake_s, rest, np.zeros_like(rest)),
        )
        return TrajectoryCommand(self._names, points)

    def _solve(self, target: Pose, q: Array) -> Array:
        try:
            return self._chain.inverse(target, q, tolerance_m=_IK_TOLERANCE_M, tolerance_rad=_IK_TOLERANCE_RAD)
        except InverseKinematicsError as error:
            raise UnreachableTarget(str(error)) from error

    def _check_limits(self, q: Array) -> None:
        low, high = self._chain.position_min, self._chain.position_max
        outside = (q < low) | (q > high)
        if outside.any():
            i = int(np.argmax(outside))
            raise JointLimitReached(
                f"{self._names[i]} would come to rest at {q[i]:.4g} rad, allowed is {low[i]:.4g} to {high[i]:.4g} rad"
            )


Backend = CrispBackend | JtcBackend


def make_backend(robot: RobotConfig) -> Backend:
    """The backend that the robot's description names."""
    return CrispBackend(robot) if robot.backend == "crisp" else JtcBackend(robot)
