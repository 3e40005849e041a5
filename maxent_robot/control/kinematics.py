"""Forward and inverse kinematics of a serial chain of revolute joints."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxent_robot.control import rotations
from maxent_robot.control.pose import Pose
from maxent_robot.errors import MaxentRobotError

Array = NDArray[np.float64]


class InverseKinematicsError(MaxentRobotError):
    """No joint configuration within the limits reaches the pose."""


@dataclass(frozen=True)
class SerialChain:
    """Revolute joints by modified (Craig) Denavit-Hartenberg parameters.

    ``dh`` is (n, 3) with rows (a [m], d [m], alpha [rad]) of T_(i-1)_i = Rot_x(alpha) Trans_x(a) Rot_z(q_i) Trans_z(d)
    (Craig, Introduction to Robotics, eq. 3.6). ``T_last_tcp`` is the pose of the TCP in the last joint's frame.
    ``position_min`` and ``position_max`` are (n,) in rad.
    """

    joint_names: tuple[str, ...]
    dh: Array
    T_last_tcp: Pose
    position_min: Array
    position_max: Array
    _fixed: Array = field(init=False, repr=False, compare=False)
    _tool: Array = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        n = len(self.joint_names)
        a, d, alpha = np.asarray(self.dh, dtype=np.float64).reshape(n, 3).T
        fixed = np.zeros((n, 4, 4))
        c, s = np.cos(alpha), np.sin(alpha)
        fixed[:, 0, 0], fixed[:, 0, 3], fixed[:, 3, 3] = 1.0, a, 1.0
        fixed[:, 1, 1], fixed[:, 1, 2], fixed[:, 1, 3] = c, -s, -s * d
        fixed[:, 2, 1], fixed[:, 2, 2], fixed[:, 2, 3] = s, c, c * d
        tool = np.eye(4)
        tool[:3, :3] = rotations.to_matrix(self.T_last_tcp.quaternion)
        tool[:3, 3] = self.T_last_tcp.position
        object.__setattr__(self, "_fixed", fixed)
        object.__setattr__(self, "_tool", tool)

    def frames(self, q: ArrayLike) -> Array:
        """Homogeneous transforms (n + 1, ..., 4, 4) of each joint's frame and, last, of the TCP, in the base frame."""
        angles = np.asarray(q, dtype=np.float64)
        c, s = np.cos(angles), np.sin(angles)
        current = np.broadcast_to(np.eye(4), angles.shape[:-1] + (4, 4))
        out = np.empty((len(self.joint_names) + 1, *angles.shape[:-1], 4, 4))
        for i, fixed in enumerate(self._fixed):
            moved = current @ fixed
            x, y = moved[..., 0].copy(), moved[..., 1].copy()
            ci, si = c[..., i, None], s[..., i, None]
            moved[..., 0], moved[..., 1] = x * ci + y * si, y * ci - x * si
            out[i] = current = moved
        out[-1] = current @ self._tool
        return out

    def forward(self, q: ArrayLike) -> Pose:
        """T_base_tcp for joint positions q (..., n) [rad]."""
        tcp = self.frames(q)[-1]
        return Pose(tcp[..., :3, 3].copy(), rotations.from_matrix(tcp[..., :3, :3]))

    def jacobian(self, q: ArrayLike) -> Array:
        """Geometric Jacobian (..., 6, n) at the TCP in base axes: linear rows (m/s), then angular ones (rad/s)."""
        return self._jacobian(self.frames(q))

    @staticmethod
    def _jacobian(frames: Array) -> Array:
        axes, origins = frames[:-1, ..., :3, 2], frames[:-1, ..., :3, 3]
        linear = rotations.cross(axes, frames[-1, ..., :3, 3] - origins)
        return np.moveaxis(np.concatenate([linear, axes], axis=-1), 0, -1)

    def inverse(
        self,
        pose: Pose,
        q_guess: ArrayLike,
        *,
        tolerance_m: float = 1e-6,
        tolerance_rad: float = 1e-6,
        iterations: int = 100,
        damping: float = 1e-3,
    ) -> Array:
        """Joint positions (..., n) near ``q_guess`` that put the TCP at ``pose``, by damped least squares.

        Wampler (1986): dq = J^T (J J^T + damping^2 I)^-1 e, steps limited to 0.3 rad, clipped to the joint limits.

        Raises:
            InverseKinematicsError: some pose is not reached within the tolerances; the message gives the residuals.
        """
        q = np.array(np.broadcast_to(q_guess, pose.position.shape[:-1] + (len(self.joint_names),)), dtype=np.float64)
        regular = damping**2 * np.eye(6)
        for _ in range(iterations):
            frames = self.frames(q)
            error = self._error(pose, frames[-1])
            if self._reached(error, tolerance_m, tolerance_rad):
                return q
            jacobian = self._jacobian(frames)
            transposed = np.swapaxes(jacobian, -1, -2)
            step = (transposed @ np.linalg.solve(jacobian @ transposed + regular, error[..., None]))[..., 0]
            largest = np.max(np.abs(step), axis=-1, keepdims=True)
            step *= np.minimum(1.0, 0.3 / np.maximum(largest, 1e-12))
            q = np.clip(q + step, self.position_min, self.position_max)
        error = self._error(pose, self.frames(q)[-1])
        if self._reached(error, tolerance_m, tolerance_rad):
            return q
        distance = float(np.max(np.linalg.norm(error[..., :3], axis=-1)))
        angle = float(np.max(np.linalg.norm(error[..., 3:], axis=-1)))
        raise InverseKinematicsError(
            f"no joint configuration within the limits reaches the pose {np.round(pose.position, 4).tolist()} m: "
            f"{distance * 1e3:.3g} mm and {angle:.3g} rad remain, allowed are {tolerance_m * 1e3:.3g} mm and "
            f"{tolerance_rad:.3g} rad"
        )

    @staticmethod
    def _error(pose: Pose, tcp: Array) -> Array:
        turn = rotations.difference(pose.quaternion, rotations.from_matrix(tcp[..., :3, :3]))
        return np.concatenate([pose.position - tcp[..., :3, 3], turn], axis=-1)

    @staticmethod
    def _reached(error: Array, tolerance_m: float, tolerance_rad: float) -> bool:
        near = np.linalg.norm(error[..., :3], axis=-1) <= tolerance_m
        return bool(np.all(near & (np.linalg.norm(error[..., 3:], axis=-1) <= tolerance_rad)))
