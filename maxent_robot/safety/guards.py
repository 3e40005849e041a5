"""Checks of one thing each: numbers in, a `Violation` or None out.

Comparisons are written so that NaN never passes one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from maxent_robot.control import rotations
from maxent_robot.control.pose import Pose
from maxent_robot.safety.faults import Fault, Violation
from maxent_robot.safety.limits import JumpLimits, SpeedLimits

Array = NDArray[np.float64]

_UNIT_NORM_TOLERANCE = 1e-2


def check_finite(values: Array, subject: str) -> Violation | None:
    """NONFINITE when any value is NaN or infinite."""
    if bool(np.isfinite(values).all()):
        return None
    bad = values[~np.isfinite(values)]
    return Violation(Fault.NONFINITE, subject, str(bad.flat[0]), "finite")


def check_size(values: Sequence[float] | Array, size: int, subject: str) -> Violation | None:
    """NAME_OR_SIZE_MISMATCH when there are not `size` values."""
    if len(values) == size:
        return None
    return Violation(Fault.NAME_OR_SIZE_MISMATCH, f"number of {subject}", str(len(values)), str(size))


def check_names(available: Sequence[str], wanted: Sequence[str], subject: str) -> Violation | None:
    """NAME_OR_SIZE_MISMATCH when a wanted name is missing, or stands there more than once."""
    missing = [name for name in wanted if name not in available]
    if missing:
        names = ", ".join(available) or "none"
        return Violation(Fault.NAME_OR_SIZE_MISMATCH, f"{subject}: {', '.join(missing)}", "not there", f"among {names}")
    twice = [name for name in wanted if list(available).count(name) > 1]
    if twice:
        return Violation(Fault.NAME_OR_SIZE_MISMATCH, f"{subject}: {', '.join(twice)}", "there twice", "once")
    return None


def check_frame(frame_id: str, wanted: str, subject: str) -> Violation | None:
    """NAME_OR_SIZE_MISMATCH when a message is in another frame."""
    if frame_id == wanted:
        return None
    return Violation(Fault.NAME_OR_SIZE_MISMATCH, f"frame_id of {subject}", repr(frame_id), repr(wanted))


def check_stamp(stamp_s: float, previous_s: float, subject: str) -> Violation | None:
    """CLOCK_JUMP when a stamp is before the one that came before it."""
    if stamp_s >= previous_s:
        return None
    return Violation(Fault.CLOCK_JUMP, f"step of the stamps of {subject}", stamp_s - previous_s, 0.0, "s")


def check_age(age_s: float, limit_s: float, fault: Fault, subject: str) -> Violation | None:
    """`fault` when an input is older than allowed, CLOCK_JUMP when its stamp lies as far in the future."""
    if not age_s <= limit_s:
        return Violation(fault, f"age of {subject}", age_s, limit_s, "s")
    if age_s < -limit_s:
        return Violation(Fault.CLOCK_JUMP, f"age of {subject}", age_s, -limit_s, "s")
    return None


def check_unit_quaternion(quaternion: Array, subject: str) -> Violation | None:
    """NONFINITE when a quaternion is not a rotation: its norm is not 1."""
    norm = math.hypot(*quaternion)
    if abs(norm - 1.0) <= _UNIT_NORM_TOLERANCE:
        return None
    return Violation(Fault.NONFINITE, f"norm of the quaternion of {subject}", norm, 1.0)


def check_joint_positions(
    q: Array, minimum: Array, maximum: Array, margin_rad: float, names: Sequence[str]
) -> Violation | None:
    """JOINT_POSITION of the first joint nearer to a limit [rad] than the margin."""
    outside = ~((q >= minimum + margin_rad) & (q <= maximum - margin_rad))
    if not outside.any():
        return None
    i = int(np.argmax(outside))
    allowed = f"{minimum[i] + margin_rad:.4g} to {maximum[i] - margin_rad:.4g}"
    return Violation(Fault.JOINT_POSITION, f"position of {names[i]}", float(q[i]), allowed, "rad")


def check_joint_velocities(qd: Array, maximum: Array, names: Sequence[str]) -> Violation | None:
    """JOINT_VELOCITY of the first joint faster than its limit [rad/s]."""
    outside = ~(np.abs(qd) <= maximum)
    if not outside.any():
        return None
    i = int(np.argmax(outside))
    return Violation(Fault.JOINT_VELOCITY, f"velocity of {names[i]}", float(qd[i]), float(maximum[i]), "rad/s")


def check_joint_accelerations(qdd: Array, maximum: Array, names: Sequence[str]) -> Violation | None:
    """JOINT_ACCELERATION of the first joint whose velocity changes faster than its limit [rad/s^2]."""
    outside = ~(np.abs(qdd) <= maximum)
    if not outside.any():
        return None
    i = int(np.argmax(outside))
    return Violation(
        Fault.JOINT_ACCELERATION, f"acceleration of {names[i]}", float(qdd[i]), float(maximum[i]), "rad/s^2"
    )


def check_tcp_speed(twist: Array, limits: SpeedLimits) -> Violation | None:
    """TCP_SPEED when a measured twist (6,) is faster than the limits."""
    linear, angular = math.hypot(*twist[:3]), math.hypot(*twist[3:])
    if not linear <= limits.linear_m_s:
        return Violation(Fault.TCP_SPEED, "linear speed of the TCP", linear, limits.linear_m_s, "m/s")
    if not angular <= limits.angular_rad_s:
        return Violation(Fault.TCP_SPEED, "angular speed of the TCP", angular, limits.angular_rad_s, "rad/s")
    return None


def check_force(wrench: Array, limit_n: float) -> Violation | None:
    """FORCE when the norm of the force of a wrench (6,) is over the ceiling."""
    force = math.hypot(*wrench[:3])
    return Violation(Fault.FORCE, "contact force", force, limit_n, "N") if not force <= limit_n else None


def check_torque(wrench: Array, limit_nm: float) -> Violation | None:
    """TORQUE when the norm of the torque of a wrench (6,) is over the ceiling."""
    torque = math.hypot(*wrench[3:])
    return Violation(Fault.TORQUE, "contact torque", torque, limit_nm, "Nm") if not torque <= limit_nm else None


def check_jump(previous: Pose, target: Pose, limits: JumpLimits) -> Violation | None:
    """COMMAND_JUMP when a target is farther from the last one than a step may be."""
    step = math.dist(target.position, previous.position)
    if not step <= limits.translation_m:
        return Violation(Fault.COMMAND_JUMP, "step of the target", step, limits.translation_m, "m")
    turn = math.hypot(*rotations.difference(target.quaternion, previous.quaternion))
    if not turn <= limits.rotation_rad:
        return Violation(Fault.COMMAND_JUMP, "turn of the target", turn, limits.rotation_rad, "rad")
    return None
