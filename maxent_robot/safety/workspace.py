"""Where the TCP may be: a box less its keep-out boxes, and orientations near a reference.

A wanted pose that is not allowed is changed to the nearest one that is, as far as one can be reached without passing
through a keep-out box.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from maxent_robot.control import rotations
from maxent_robot.control.pose import Pose
from maxent_robot.safety.faults import Fault, Violation
from maxent_robot.safety.limits import KeepOutBox, OrientationLimits, WorkspaceLimits

Array = NDArray[np.float64]

_TRIES = 8  # a correction for one box may lead into another
_GRAZE_M = _GRAZE_RAD = 1e-9  # rounding


class Workspace:
    """The limits as sets, with the nearest point of each. Poses are T_base_tcp."""

    def __init__(self, limits: WorkspaceLimits) -> None:
        self._limits = limits
        self._low, self._high = np.array(limits.minimum), np.array(limits.maximum)
        self._keep_out = {name: _Box(box) for name, box in limits.keep_out.items()}
        self._cone = _Cone(limits.orientation)

    def violation(self, pose: Pose, subject: str, tolerant: bool = False) -> Violation | None:
        """WORKSPACE when a pose is not allowed; `tolerant` as a measured pose may be: outside by the tolerances."""
        limits = self._limits
        slack_m, slack_rad = (limits.tolerance_m, limits.orientation.tolerance_rad) if tolerant else (0.0, 0.0)
        for axis, value, low, high in zip("xyz", pose.position, self._low, self._high, strict=True):
            if not low - slack_m <= value <= high + slack_m:
                allowed = f"{low:.4g} to {high:.4g}"
                return Violation(Fault.WORKSPACE, f"{axis} of the {subject}", float(value), allowed, "m")
        for name, box in self._keep_out.items():
            depth = box.depth(pose.position)
            if depth > slack_m + _GRAZE_M:
                return Violation(Fault.WORKSPACE, f"depth of the {subject} in keep_out.{name}", depth, slack_m, "m")
        return self._cone.violation(pose.quaternion, subject, slack_rad)

    def keeps_out(self, position: Array) -> bool:
        """Whether a position (3,) is inside a keep-out box."""
        return any(box.depth(position) > _GRAZE_M for box in self._keep_out.values())

    def nearest(self, before: Pose, wanted: Pose, at: Pose | None = None) -> Pose:
        """The allowed pose nearest to `wanted` with a free straight way from `before`; `wanted` itself if it is one.

        Where the keep-out boxes leave no way, the position of `before`. With `at`, box and orientations reach to that
        pose, where it is outside.
        """
        low, high = self._low, self._high
        if at is not None:
            low, high = np.minimum(low, at.position), np.maximum(high, at.position)
        position = self._position(before.position, wanted.position, low, high)
        quaternion = self._cone.nearest(wanted.quaternion, None if at is None else at.quaternion)
        same = np.array_equal(position, wanted.position) and quaternion is wanted.quaternion
        return wanted if same else Pose(position, quaternion)

    def _position(self, before: Array, wanted: Array, low: Array, high: Array) -> Array:
        position = np.clip(wanted, low, high)
        for _ in range(_TRIES):
            met = next((box for box in self._keep_out.values() if box.meets(before, position)), None)
            if met is None:
                return position
            position = np.clip(met.beside(before, position), low, high)
        return before


class _Box:
    """A keep-out box; its surface is allowed."""

    def __init__(self, box: KeepOutBox) -> None:
        self._low, self._high = np.array(box.minimum), np.array(box.maximum)

    def depth(self, position: Array) -> float:
        """How far inside the box a position is [m]; negative outside."""
        return float(np.minimum(position - self._low, self._high - position).min())

    def meets(self, before: Array, after: Array) -> bool:
        """Whether the straight way from `before` to `after` passes through the inside, or leads deeper into it."""
        if self.depth(before) > 0.0:
            return self.depth(after) > self.depth(before)
        step = after - before
        moving = step != 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            first, second = (((face - before)[moving] / step[moving]) for face in (self._low, self._high))
            entry = np.minimum(first, second).max(initial=0.0)
            exit_ = np.maximum(first, second).min(initial=1.0)
            # The depth is concave on the way, so that halfway it is at least half of its greatest.
            return self.depth(before + 0.5 * (entry + exit_) * step) > _GRAZE_M

    def beside(self, before: Array, wanted: Array) -> Array:
        """`wanted`, to which the way meets the box, brought back to a face that `before` is beyond.

        From inside, no deeper below the nearest face than `before`. Of several faces, the one that asks for the least.
        """
        outside = np.array([self._low - before, before - self._high])
        beyond, faces = outside >= 0.0, np.array([self._low, self._high])
        if not beyond.any():
            beyond, faces = outside == outside.max(), np.array([before, before])
        moved = []
        for side, axis in np.argwhere(beyond):
            position = wanted.copy()
            position[axis] = faces[side, axis]
            moved.append(position)
        return min(moved, key=lambda position: float(np.abs(position - wanted).max()))


class _Cone:
    """Orientations whose z axis is within `tilt_rad` of the reference's, turned about it by at most `turn_rad`."""

    def __init__(self, limits: OrientationLimits) -> None:
        self._limits = limits
        self._reference = rotations.normalize(limits.reference)
        self._free = limits.tilt_rad >= math.pi and limits.turn_rad >= math.pi

    def violation(self, quaternion: Array, subject: str, slack_rad: float) -> Violation | None:
        if self._free:
            return None
        tilt, turn = _norms(self._vectors(quaternion))
        for name, value, limit in (("tilt", tilt, self._limits.tilt_rad), ("turn", turn, self._limits.turn_rad)):
            if not value <= limit + slack_rad + _GRAZE_RAD:
                return Violation(Fault.WORKSPACE, f"{name} of the {subject}", value, limit, "rad")
        return None

    def nearest(self, quaternion: Array, at: Array | None) -> Array:
        if self._free:
            return quaternion
        limits = [self._limits.tilt_rad, self._limits.turn_rad]
        if at is not None:
            limits = [max(limit, angle) for limit, angle in zip(limits, _norms(self._vectors(at)), strict=True)]
        vectors = self._vectors(quaternion)
        angles = _norms(vectors)
        if angles[0] <= limits[0] and angles[1] <= limits[1]:
            return quaternion
        tilt, turn = (
            rotations.from_rotvec(vector * (min(angle, limit) / max(angle, 1e-12)))
            for vector, angle, limit in zip(vectors, angles, limits, strict=True)
        )
        return rotations.normalize(rotations.multiply(self._reference, rotations.multiply(tilt, turn)))

    def _vectors(self, quaternion: Array) -> tuple[Array, Array]:
        """Rotation vectors (3,) of tilt and turn, with quaternion = reference x tilt x turn.

        The turn is about z, the axis of the tilt is perpendicular to it.
        """
        relative = rotations.multiply(rotations.conjugate(self._reference), quaternion)
        about_z = np.array([0.0, 0.0, relative[2], relative[3]])
        size = float(np.linalg.norm(about_z))
        turn = about_z / size if size > 1e-9 else rotations.IDENTITY
        tilt = rotations.multiply(relative, rotations.conjugate(turn))
        return rotations.to_rotvec(tilt), rotations.to_rotvec(turn)


def _norms(vectors: tuple[Array, Array]) -> tuple[float, float]:
    return float(np.linalg.norm(vectors[0])), float(np.linalg.norm(vectors[1]))
