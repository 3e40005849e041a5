"""From the raw force-torque reading to the contact wrench at the TCP: tool weight, tare, filter, change of origin.

The same functions serve the simulator, the policy and the supervisor. Sign everywhere: environment on tool.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxent_robot.control import rotations
from maxent_robot.control.pose import Pose

Array = NDArray[np.float64]

FILTER_WINDOW_S = 0.010
GRAVITY_BASE: Array = np.array([0.0, 0.0, -9.81])


def wrench_at_tcp(wrench_ft: ArrayLike, T_ft_tcp: Pose) -> Array:
    """A wrench (..., 6) read in the F/T frame, expressed at the TCP's origin and in its axes.

    F_tcp = R^T F, T_tcp = R^T (T - p x F), with (R, p) = T_ft_tcp.
    """
    wrench = np.asarray(wrench_ft, dtype=np.float64)
    force, torque = wrench[..., :3], wrench[..., 3:]
    back = rotations.conjugate(T_ft_tcp.quaternion)
    moved = torque - rotations.cross(T_ft_tcp.position, force)
    return np.concatenate([rotations.rotate(back, force), rotations.rotate(back, moved)], axis=-1)


def tool_weight(mass: ArrayLike, center_of_mass: ArrayLike, ft_quaternion: ArrayLike) -> Array:
    """Wrench (..., 6) of gravity on a tool at rest, in the F/T frame whose orientation in the base is
    ``ft_quaternion``.

    ``center_of_mass`` is (..., 3) in m in the F/T frame, ``mass`` (...) in kg.
    """
    weight = np.asarray(mass, dtype=np.float64)[..., None] * GRAVITY_BASE
    force = rotations.rotate(rotations.conjugate(ft_quaternion), weight)
    return np.concatenate([force, rotations.cross(np.asarray(center_of_mass, dtype=np.float64), force)], axis=-1)


class WrenchFilter:
    """Moving mean over 10 ms by time stamp, less the tool's weight and a tare.

    One instance a sensor. Nothing here reads a clock: stamps come with the samples, in seconds.
    """

    def __init__(self, mass: float, center_of_mass: ArrayLike, window_s: float = FILTER_WINDOW_S) -> None:
        self._mass = mass
        self._center_of_mass = np.asarray(center_of_mass, dtype=np.float64)
        self._window_s = window_s
        self._samples: deque[tuple[float, Array]] = deque()
        self._bias = np.zeros(6)

    @property
    def bias(self) -> Array:
        """(6,) tare in the F/T frame."""
        return self._bias.copy()

    def reset(self) -> None:
        """Forget the samples; the tare stays."""
        self._samples.clear()

    def tare(self, wrenches_ft: ArrayLike, ft_quaternion: ArrayLike) -> None:
        """Take the mean of raw samples (n, 6), at rest and free of contact, as the bias beyond the tool's weight."""
        mean = np.mean(np.atleast_2d(np.asarray(wrenches_ft, dtype=np.float64)), axis=0)
        self._bias = mean - tool_weight(self._mass, self._center_of_mass, ft_quaternion)

    def add(self, stamp_s: float, wrench_ft: ArrayLike) -> None:
        """Append one raw sample (6,) taken at ``stamp_s``; a stamp that is not newer than the last one is ignored."""
        if self._samples and stamp_s <= self._samples[-1][0]:
            return
        self._samples.append((stamp_s, np.array(wrench_ft, dtype=np.float64)))
        # Half a microsecond of slack: stamps that are exactly one window old belong outside, whatever their rounding.
        while stamp_s - self._samples[0][0] > self._window_s - 5e-7:
            self._samples.popleft()

    def contact(self, ft_quaternion: ArrayLike) -> Array:
        """Contact wrench (6,) in the F/T frame: mean of the window less weight and tare; zeros before any sample."""
        if not self._samples:
            return np.zeros(6)
        mean: Array = np.add.reduce([wrench for _, wrench in self._samples]) / len(self._samples)
        return mean - tool_weight(self._mass, self._center_of_mass, ft_quaternion) - self._bias
