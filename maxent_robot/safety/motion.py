"""Motions that the supervisor makes by itself: a move to a pose, and a controlled stop; time-optimal and jerk-limited.

Both follow a straight line and a single rotation. How far along they are is computed by Ruckig (Berscheid and Kroeger
2021) for the distance [m] and the angle [rad], which start and end together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from ruckig import ControlInterface, InputParameter, Ruckig, RuckigError, Trajectory

from maxent_robot.control import rotations
from maxent_robot.control.pose import Pose
from maxent_robot.errors import MaxentRobotError
from maxent_robot.safety.limits import AccelerationLimits, JerkLimits, SpeedLimits

Array = NDArray[np.float64]


class MotionError(MaxentRobotError):
    """No trajectory was found."""


@dataclass(frozen=True)
class MotionLimits:
    """Bounds of the norm of a twist, of its rate of change and of the rate of change of that, each in two parts."""

    speed: SpeedLimits
    acceleration: AccelerationLimits
    jerk: JerkLimits

    def parameters(self) -> InputParameter:
        """Ruckig's input at rest at 0, for (distance, angle)."""
        given = InputParameter(2)
        given.max_velocity = [self.speed.linear_m_s, self.speed.angular_rad_s]
        given.max_acceleration = [self.acceleration.linear_m_s2, self.acceleration.angular_rad_s2]
        given.max_jerk = [self.jerk.linear_m_s3, self.jerk.angular_rad_s3]
        return given


class JerkLimitedMove:
    """From rest at `start` to rest at `goal`."""

    def __init__(self, start: Pose, goal: Pose, limits: MotionLimits) -> None:
        self.start, self.goal = start, goal
        self._line = goal.position - start.position
        self._turn = rotations.difference(goal.quaternion, start.quaternion)
        self._lengths = float(np.linalg.norm(self._line)), float(np.linalg.norm(self._turn))
        given = limits.parameters()
        given.target_position = list(self._lengths)
        self._trajectory = _trajectory(given)

    @property
    def duration_s(self) -> float:
        """From rest to rest."""
        return float(self._trajectory.duration)

    def pose(self, time_s: float) -> Pose:
        """Target after `time_s` of the move; the goal from its end on."""
        if time_s >= self.duration_s:
            return self.goal
        travelled, _, _ = self._trajectory.at_time(max(time_s, 0.0))
        line, turn = _shares(travelled, self._lengths)
        return Pose(
            self.start.position + line * self._line,
            rotations.normalize(rotations.multiply(rotations.from_rotvec(turn * self._turn), self.start.quaternion)),
        )


class ControlledStop:
    """A twist (6,) [m/s, rad/s] brought to rest in its direction, both parts together."""

    def __init__(self, twist: Array, limits: MotionLimits) -> None:
        self._twist = twist
        self._speeds = float(np.linalg.norm(twist[:3])), float(np.linalg.norm(twist[3:]))
        given = limits.parameters()
        given.control_interface = ControlInterface.Velocity
        given.current_velocity = list(self._speeds)
        self._trajectory = _trajectory(given)

    @property
    def duration_s(self) -> float:
        """Until it is at rest."""
        return float(self._trajectory.duration)

    def remaining(self, time_s: float) -> Array:
        """Twist (6,) after `time_s` of the stop; zeros from its end on."""
        if time_s >= self.duration_s:
            return np.zeros(6)
        _, speeds, _ = self._trajectory.at_time(max(time_s, 0.0))
        return self._twist * np.repeat(_shares(speeds, self._speeds), 3)


def _trajectory(given: InputParameter) -> Trajectory:
    trajectory = Trajectory(given.degrees_of_freedom)
    try:
        Ruckig(given.degrees_of_freedom).calculate(given, trajectory)
    except RuckigError as error:
        raise MotionError(f"no jerk-limited trajectory: {' '.join(str(error).split())}") from error
    return trajectory


def _shares(parts: Sequence[float], wholes: Sequence[float]) -> list[float]:
    """Each part as a share of its whole; of nothing, 0."""
    return [part / whole if whole > 0.0 else 0.0 for part, whole in zip(parts, wholes, strict=True)]
