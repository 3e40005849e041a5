"""What a joint_trajectory_controller does with a trajectory: check it, start at once, interpolate, end at rest.

After ros2_controllers' joint_trajectory_controller with `interpolate_from_desired_state: true`: a new trajectory
replaces the old one and starts from the state desired at that moment; cubic splines where velocities are given,
straight lines where they are not; a last point that still moves is refused; after the last point the arm holds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maxent_robot.errors import MaxentRobotError

Array = NDArray[np.float64]

REST_VELOCITY = 1e-6
"""Largest joint velocity [rad/s] of a last point that counts as rest."""


class TrajectoryRejectedError(MaxentRobotError):
    """A trajectory that the controller does not take; it goes on with the one it has."""


@dataclass(frozen=True)
class Waypoint:
    """A point of a trajectory: time from its start [s], positions [rad], velocities [rad/s] or None."""

    time_s: float
    positions: Array
    velocities: Array | None = None


class TrajectoryTracker:
    """The desired joint state over time. Time is the caller's, in seconds, and must not run backwards.

    Args:
        joint_names: joints of the arm, in the order of every array.
        positions: (n,) to hold until a trajectory comes [rad].
    """

    def __init__(self, joint_names: Sequence[str], positions: Array) -> None:
        self._names = tuple(joint_names)
        self._start_s = 0.0
        self._points: tuple[Waypoint, ...] = (Waypoint(0.0, np.array(positions), np.zeros(len(self._names))),)

    def hold(self, positions: Array) -> None:
        """Drop the trajectory and hold `positions` (n,)."""
        self._points = (Waypoint(0.0, np.array(positions), np.zeros(len(self._names))),)

    def follow(self, joint_names: Sequence[str], points: Sequence[Waypoint], now_s: float) -> None:
        """Take a new trajectory, from now.

        Raises:
            TrajectoryRejectedError: other joints, no points, wrong sizes, values that are not finite, times that do not
                increase, or a last point that is not at rest.
        """
        if sorted(joint_names) != sorted(self._names):
            raise TrajectoryRejectedError(f"joints are {', '.join(joint_names)}; must be {', '.join(self._names)}")
        if not points:
            raise TrajectoryRejectedError("no points")
        order = [list(joint_names).index(name) for name in self._names]
        ordered = [self._reordered(index, point, order) for index, point in enumerate(points)]
        times = np.array([point.time_s for point in ordered])
        if times[0] <= 0.0 or np.any(np.diff(times) <= 0.0):
            raise TrajectoryRejectedError(f"times are {times.tolist()} s; must be positive and increase")
        last = ordered[-1].velocities
        if last is not None and np.abs(last).max() > REST_VELOCITY:
            raise TrajectoryRejectedError(f"the last point moves at {np.abs(last).max():.4g} rad/s; must be at rest")
        positions, velocities = self.desired(now_s)
        self._points = (Waypoint(0.0, positions, velocities), *ordered)
        self._start_s = now_s

    def desired(self, now_s: float) -> tuple[Array, Array]:
        """Positions (n,) [rad] and velocities (n,) [rad/s] of this moment."""
        elapsed = now_s - self._start_s
        times = [point.time_s for point in self._points]
        index = int(np.searchsorted(times, elapsed, side="right"))
        if index >= len(self._points):
            return self._points[-1].positions.copy(), np.zeros(len(self._names))
        return _interpolate(self._points[index - 1], self._points[index], elapsed)

    def _reordered(self, index: int, point: Waypoint, order: list[int]) -> Waypoint:
        vectors = {"positions": point.positions, "velocities": point.velocities}
        for label, values in vectors.items():
            if values is None:
                continue
            if np.shape(values) != (len(self._names),):
                raise TrajectoryRejectedError(
                    f"point {index} has {np.size(values)} {label}; must be {len(self._names)}"
                )
            if not np.isfinite(values).all():
                raise TrajectoryRejectedError(f"point {index}: {label} are {np.asarray(values)}; must be finite")
        velocities = None if point.velocities is None else np.asarray(point.velocities, dtype=np.float64)[order]
        return Waypoint(point.time_s, np.asarray(point.positions, dtype=np.float64)[order], velocities)


def _interpolate(before: Waypoint, after: Waypoint, elapsed_s: float) -> tuple[Array, Array]:
    span = after.time_s - before.time_s
    s = (elapsed_s - before.time_s) / span
    p0, p1 = before.positions, after.positions
    if before.velocities is None or after.velocities is None:
        return p0 + s * (p1 - p0), (p1 - p0) / span
    m0, m1 = before.velocities * span, after.velocities * span
    positions = (
        (2 * s**3 - 3 * s**2 + 1) * p0 + (s**3 - 2 * s**2 + s) * m0 + (3 * s**2 - 2 * s**3) * p1 + (s**3 - s**2) * m1
    )
    slopes = (6 * s**2 - 6 * s) * (p0 - p1) + (3 * s**2 - 4 * s + 1) * m0 + (3 * s**2 - 2 * s) * m1
    return positions, slopes / span
