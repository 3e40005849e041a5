"""The action: a twist in socket axes, integrated onto the previous target and kept on a leash around the measured pose.

With a Cartesian impedance of stiffness K behind it, a leash of F_max / K bounds the contact force on each axis by
construction, whatever the policy asks for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxent_robot.control import rotations
from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import ImpedanceSetting

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ActionAxis:
    """One axis of the action; an action of 1 asks for ``maximum``."""

    name: str
    frame: str
    unit: str
    maximum: float


ACTION_AXES: tuple[ActionAxis, ...] = (
    ActionAxis("linear_x", "socket", "m/s", 0.1),
    ActionAxis("linear_y", "socket", "m/s", 0.1),
    ActionAxis("linear_z", "socket", "m/s", 0.04),
    ActionAxis("angular_x", "socket", "rad/s", 0.5),
    ActionAxis("angular_y", "socket", "rad/s", 0.5),
    ActionAxis("angular_z", "socket", "rad/s", 0.5),
)
ACTION_SIZE = len(ACTION_AXES)
ACTION_MAXIMUM: Array = np.array([axis.maximum for axis in ACTION_AXES])


@dataclass(frozen=True)
class Leash:
    """How far the target may be from the measured pose, on each base axis: (3,) in m and (3,) in rad."""

    translation_m: Array
    rotation_rad: Array

    @classmethod
    def of(cls, impedance: ImpedanceSetting) -> Leash:
        """F_max / K and T_max / K_r of an impedance."""
        return cls(
            np.array(impedance.force_max) / impedance.stiffness_translation,
            np.array(impedance.torque_max) / impedance.stiffness_rotation,
        )


def action_to_twist(action: ArrayLike, socket: Pose, maximum: Array = ACTION_MAXIMUM) -> Array:
    """Twist (..., 6) in base axes, m/s and rad/s, of an action (..., 6) in socket axes; clipped to [-1, 1] first."""
    twist: Array = np.clip(np.asarray(action, dtype=np.float64), -1.0, 1.0) * maximum
    return np.concatenate([socket.rotate(twist[..., :3]), socket.rotate(twist[..., 3:])], axis=-1)


def integrate_target(target: Pose, twist_base: ArrayLike, measured: Pose, period_s: float, leash: Leash) -> Pose:
    """The target after ``period_s`` of a twist (..., 6) in base axes, no farther from ``measured`` than the leash.

    The translation is clipped on each base axis, the rotation on each component of the rotation vector, in base axes,
    from the measured to the target orientation.
    """
    twist = np.asarray(twist_base, dtype=np.float64)
    position = target.position + twist[..., :3] * period_s
    quaternion = rotations.multiply(rotations.from_rotvec(twist[..., 3:] * period_s), target.quaternion)
    offset = np.clip(position - measured.position, -leash.translation_m, leash.translation_m)
    turn = rotations.difference(quaternion, measured.quaternion)
    clipped = np.clip(turn, -leash.rotation_rad, leash.rotation_rad)
    held = rotations.multiply(rotations.from_rotvec(clipped), measured.quaternion)
    slack = np.all(clipped == turn, axis=-1, keepdims=True)
    return Pose(measured.position + offset, rotations.normalize(np.where(slack, quaternion, held)))
