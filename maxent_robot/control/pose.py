"""A rigid pose: position [m] and unit quaternion (x, y, z, w), for any leading batch shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxent_robot.control import rotations

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pose:
    """T_a_b, the pose of frame b in frame a; it maps coordinates of b to a.

    ``position`` is (..., 3) in m, ``quaternion`` (..., 4) in (x, y, z, w) order and of unit norm; both share the
    leading shape.
    """

    position: Array
    quaternion: Array

    @classmethod
    def of(cls, position: ArrayLike, quaternion: ArrayLike = rotations.IDENTITY) -> Pose:
        """Pose from anything array-like; the quaternion is normalised."""
        return cls(np.asarray(position, dtype=np.float64), rotations.normalize(quaternion))

    @classmethod
    def from_rotvec(cls, position: ArrayLike, rotvec: ArrayLike) -> Pose:
        """Pose from a position (..., 3) and a rotation vector (..., 3) [rad]."""
        return cls(np.asarray(position, dtype=np.float64), rotations.from_rotvec(rotvec))

    @classmethod
    def identity(cls, *batch: int) -> Pose:
        """The identity, of leading shape ``batch``."""
        return cls(np.zeros((*batch, 3)), np.broadcast_to(rotations.IDENTITY, (*batch, 4)).copy())

    def compose(self, other: Pose) -> Pose:
        """T_a_b.compose(T_b_c) = T_a_c."""
        return Pose(
            self.position + rotations.rotate(self.quaternion, other.position),
            rotations.multiply(self.quaternion, other.quaternion),
        )

    def __matmul__(self, other: Pose) -> Pose:
        return self.compose(other)

    def inverse(self) -> Pose:
        """T_b_a."""
        inverse = rotations.conjugate(self.quaternion)
        return Pose(-rotations.rotate(inverse, self.position), inverse)

    def rotate(self, vectors: ArrayLike) -> Array:
        """Free vectors (..., 3) from b to a."""
        return rotations.rotate(self.quaternion, vectors)

    def transform(self, points: ArrayLike) -> Array:
        """Points (..., 3) from b to a."""
        return self.rotate(points) + self.position

    def rotvec(self) -> Array:
        """Orientation as a rotation vector (..., 3) [rad] of norm at most pi."""
        return rotations.to_rotvec(self.quaternion)

    def __getitem__(self, index: Any) -> Pose:
        """Pose(s) of the leading shape at ``index``."""
        return Pose(self.position[index], self.quaternion[index])
