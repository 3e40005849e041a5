"""Motions that the supervisor makes by itself: a move to a pose, and a controlled stop."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maxent_robot.control import rotations
from maxent_robot.control.pose import Pose
from maxent_robot.safety.limits import AccelerationLimits, SpeedLimits

Array = NDArray[np.float64]

_PEAK_SPEED = 1.875
_PEAK_ACCELERATION = 10.0 / math.sqrt(3.0)


@dataclass(frozen=True)
class MinimumJerkMove:
    """Straight line and single rotation from `start` to `goal`, both with s(u) = 10 u^3 - 15 u^4 + 6 u^5, u = t / T.

    Flash and Hogan (1985), eq. 2: the path of least mean squared jerk between two states of rest. Its speed is at most
    1.875 d / T and its acceleration 5.77 d / T^2, from which the duration T [s] follows.
    """

    start: Pose
    goal: Pose
    duration_s: float

    @classmethod
    def within(cls, start: Pose, goal: Pose, speed: SpeedLimits, acceleration: AccelerationLimits) -> MinimumJerkMove:
        """The fastest such move within the limits."""
        distance = float(np.linalg.norm(goal.position - start.position))
        angle = float(np.linalg.norm(rotations.difference(goal.quaternion, start.quaternion)))
        duration_s = max(
            _PEAK_SPEED * distance / speed.linear_m_s,
            _PEAK_SPEED * angle / speed.angular_rad_s,
            math.sqrt(_PEAK_ACCELERATION * distance / acceleration.linear_m_s2),
            math.sqrt(_PEAK_ACCELERATION * angle / acceleration.angular_rad_s2),
        )
        return cls(start, goal, duration_s)

    def pose(self, time_s: float) -> Pose:
        """Target after `time_s` of the move; the goal from its end on."""
        if time_s >= self.duration_s:
            return self.goal
        u = max(time_s, 0.0) / self.duration_s
        share = u**3 * (10.0 - 15.0 * u + 6.0 * u**2)
        turn = share * rotations.difference(self.goal.quaternion, self.start.quaternion)
        return Pose(
            self.start.position + share * (self.goal.position - self.start.position),
            rotations.normalize(rotations.multiply(rotations.from_rotvec(turn), self.start.quaternion)),
        )


@dataclass(frozen=True)
class ControlledStop:
    """A twist (6,) [m/s, rad/s] brought to rest in a straight line, both parts together, within the accelerations."""

    twist: Array
    duration_s: float

    @classmethod
    def within(cls, twist: Array, acceleration: AccelerationLimits) -> ControlledStop:
        """The fastest such stop within the limits."""
        linear, angular = float(np.linalg.norm(twist[:3])), float(np.linalg.norm(twist[3:]))
        return cls(twist, max(linear / acceleration.linear_m_s2, angular / acceleration.angular_rad_s2))

    def remaining(self, time_s: float) -> Array:
        """Twist (6,) after `time_s` of the stop; zeros from its end on."""
        if time_s >= self.duration_s:
            return np.zeros(6)
        return self.twist * (1.0 - max(time_s, 0.0) / self.duration_s)
