"""Rotations as unit quaternions (x, y, z, w) and rotation vectors [rad], for any leading batch shape.

The order is that of ROS messages and SciPy; MuJoCo's (w, x, y, z) is converted at its border. Products are Hamilton's:
``multiply(a, b)`` rotates first by ``b``, then by ``a``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

IDENTITY: Array = np.array([0.0, 0.0, 0.0, 1.0])
_SMALL = 1e-8


def normalize(quaternion: ArrayLike) -> Array:
    """Unit quaternion (..., 4) of the same direction, with w >= 0."""
    q = np.asarray(quaternion, dtype=np.float64)
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    return np.where(q[..., 3:] < 0.0, -q, q)


def conjugate(quaternion: ArrayLike) -> Array:
    """Inverse rotation of a unit quaternion (..., 4)."""
    return np.asarray(quaternion, dtype=np.float64) * np.array([-1.0, -1.0, -1.0, 1.0])


def multiply(a: ArrayLike, b: ArrayLike) -> Array:
    """Hamilton product a b, (..., 4)."""
    px, py, pz, pw = _components(a)
    qx, qy, qz, qw = _components(b)
    return _joined(
        pw * qx + px * qw + py * qz - pz * qy,
        pw * qy - px * qz + py * qw + pz * qx,
        pw * qz + px * qy - py * qx + pz * qw,
        pw * qw - px * qx - py * qy - pz * qz,
    )


def rotate(quaternion: ArrayLike, vectors: ArrayLike) -> Array:
    """Vectors (..., 3) rotated by unit quaternions (..., 4): v + 2 w (u x v) + 2 u x (u x v)."""
    q, v = np.asarray(quaternion, dtype=np.float64), np.asarray(vectors, dtype=np.float64)
    u = q[..., :3]
    t = 2.0 * cross(u, v)
    return v + q[..., 3:] * t + cross(u, t)


def cross(a: ArrayLike, b: ArrayLike) -> Array:
    """Cross product on the last axis; several times faster than ``numpy.cross`` on small batches."""
    px, py, pz = _components(a)
    qx, qy, qz = _components(b)
    return _joined(py * qz - pz * qy, pz * qx - px * qz, px * qy - py * qx)


def from_rotvec(rotvec: ArrayLike) -> Array:
    """Quaternion (..., 4) of a rotation vector (..., 3) [rad] (exponential map)."""
    r = np.asarray(rotvec, dtype=np.float64)
    if r.ndim == 1:
        return _from_one_rotvec(*r.tolist())
    angle = np.linalg.norm(r, axis=-1, keepdims=True)
    half = 0.5 * angle
    scale = np.where(angle < _SMALL, 0.5 - angle**2 / 48.0, np.sin(half) / np.where(angle < _SMALL, 1.0, angle))
    return np.concatenate([r * scale, np.cos(half)], axis=-1)


def to_rotvec(quaternion: ArrayLike) -> Array:
    """Rotation vector (..., 3) [rad] of norm at most pi of a unit quaternion (..., 4) (logarithmic map)."""
    q = np.asarray(quaternion, dtype=np.float64)
    if q.ndim == 1:
        return _to_one_rotvec(*q.tolist())
    q = np.where(q[..., 3:] < 0.0, -q, q)
    sine = np.linalg.norm(q[..., :3], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, q[..., 3:])
    scale = np.where(sine < _SMALL, 2.0, angle / np.where(sine < _SMALL, 1.0, sine))
    return q[..., :3] * scale


def to_matrix(quaternion: ArrayLike) -> Array:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4)."""
    q = np.asarray(quaternion, dtype=np.float64)
    return np.stack([rotate(q, axis) for axis in np.eye(3)], axis=-1)


def from_matrix(matrix: ArrayLike) -> Array:
    """Unit quaternion (..., 4), w >= 0, of rotation matrices (..., 3, 3), by the largest of its four components."""
    m = np.asarray(matrix, dtype=np.float64)
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    # Row k of the symmetric matrix 4 q q^T, where k is the largest component, is a multiple of q.
    outer = np.empty(m.shape[:-2] + (4, 4))
    outer[..., 0, 0], outer[..., 1, 1] = 1 + xx - yy - zz, 1 - xx + yy - zz
    outer[..., 2, 2], outer[..., 3, 3] = 1 - xx - yy + zz, 1 + xx + yy + zz
    outer[..., 0, 1] = outer[..., 1, 0] = m[..., 0, 1] + m[..., 1, 0]
    outer[..., 0, 2] = outer[..., 2, 0] = m[..., 0, 2] + m[..., 2, 0]
    outer[..., 1, 2] = outer[..., 2, 1] = m[..., 1, 2] + m[..., 2, 1]
    outer[..., 0, 3] = outer[..., 3, 0] = m[..., 2, 1] - m[..., 1, 2]
    outer[..., 1, 3] = outer[..., 3, 1] = m[..., 0, 2] - m[..., 2, 0]
    outer[..., 2, 3] = outer[..., 3, 2] = m[..., 1, 0] - m[..., 0, 1]
    largest = np.argmax(np.diagonal(outer, axis1=-2, axis2=-1), axis=-1)
    return normalize(np.take_along_axis(outer, largest[..., None, None], axis=-2)[..., 0, :])


def difference(target: ArrayLike, current: ArrayLike) -> Array:
    """Rotation vector (..., 3) [rad], in outer axes, that takes ``current`` to ``target``: log(target current^-1)."""
    return to_rotvec(multiply(target, conjugate(current)))


# NumPy takes microseconds for every operation on a single quaternion, Python's floats a twentieth of that.


def _components(values: ArrayLike) -> Any:
    """The last axis, apart: floats of a single quaternion or vector, arrays of a batch."""
    array = np.asarray(values, dtype=np.float64)
    return array.tolist() if array.ndim == 1 else np.moveaxis(array, -1, 0)


def _joined(*components: Any) -> Array:
    return np.array(components) if isinstance(components[0], float) else np.stack(components, axis=-1)


def _from_one_rotvec(x: float, y: float, z: float) -> Array:
    angle = math.hypot(x, y, z)
    scale = 0.5 - angle**2 / 48.0 if angle < _SMALL else math.sin(0.5 * angle) / angle
    return np.array([x * scale, y * scale, z * scale, math.cos(0.5 * angle)])


def _to_one_rotvec(x: float, y: float, z: float, w: float) -> Array:
    sign = -1.0 if w < 0.0 else 1.0
    sine = math.hypot(x, y, z)
    scale = sign * (2.0 if sine < _SMALL else 2.0 * math.atan2(sine, sign * w) / sine)
    return np.array([x * scale, y * scale, z * scale])
