"""What a twist of the TCP asks of the joints, and how much of it they may give where they are.

Near its position limit a joint has to be slow enough to brake before it:

    |q'| <= min(q'_max, max(0, -offset + sqrt(2 q''_dec (distance to the limit))))

the form in which Franka states the limits of the FR3 (libfranka's documentation of the robot's limits). A joint that
moves away from its limit is bound by q'_max alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxent_robot.control.robot import RobotConfig
from maxent_robot.safety.limits import JointLimits

Array = NDArray[np.float64]

_DAMPED: Array = 1e-2**2 * np.eye(6)
"""Of the least squares, in m and rad: near a singularity the joints are not asked for more than they can give."""


@dataclass(frozen=True)
class Posture:
    """Joint positions `q` (n,) [rad], and the Jacobian (6, n) of the TCP there, in base axes."""

    q: Array
    jacobian: Array


class JointLimiter:
    """Velocity limits of the joints by position, and the share of a twist that keeps them."""

    def __init__(self, robot: RobotConfig, limits: JointLimits) -> None:
        self._low = robot.joint_values("position_min") + limits.position_margin_rad
        self._high = robot.joint_values("position_max") - limits.position_margin_rad
        self._maximum = robot.joint_values("velocity_max") * limits.velocity_fraction * limits.command_fraction
        self._offset = robot.joint_values("braking_offset")
        braking, acceleration = robot.joint_values("braking_deceleration"), robot.joint_values("acceleration_max")
        self._deceleration = np.where(braking > 0.0, braking, acceleration)

    def velocity_limits(self, q: ArrayLike) -> tuple[Array, Array]:
        """Least (not above 0) and greatest (not below 0) velocity [rad/s] of each joint at `q` (n,) [rad]."""
        position = np.asarray(q, dtype=np.float64)
        return -self._towards(position - self._low), self._towards(self._high - position)

    def share(self, posture: Posture, twist: ArrayLike) -> float:
        """Largest factor, at most 1, by which `twist` (6,) in base axes keeps the velocity limits of the joints.

        The joint velocities are those of least norm that give the twist.
        """
        jacobian = posture.jacobian
        gram = jacobian @ jacobian.T + _DAMPED
        velocity = jacobian.T @ np.linalg.solve(gram, np.asarray(twist, dtype=np.float64))
        low, high = self.velocity_limits(posture.q)
        allowed = np.where(velocity < 0.0, -low, high)
        size = np.abs(velocity)
        over = size > allowed
        return float((allowed[over] / size[over]).min()) if over.any() else 1.0

    def _towards(self, distance: Array) -> Array:
        braking = np.sqrt(2.0 * self._deceleration * np.maximum(distance, 0.0)) - self._offset
        return np.minimum(self._maximum, np.maximum(braking, 0.0))
