"""Messages to plain data and back. Joints are looked up by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import Point, PoseStamped, Quaternion
from geometry_msgs.msg import Pose as PoseMessage
from numpy.typing import NDArray
from sensor_msgs.msg import JointState

from maxent_robot.control.pose import Pose
from maxent_robot.errors import MaxentRobotError


class MessageError(MaxentRobotError):
    """A message does not carry what its reader needs."""


def stamp_to_s(stamp: Time) -> float:
    """Seconds of a message stamp."""
    return stamp.sec + 1e-9 * stamp.nanosec


def stamp_from_ns(total_ns: int) -> Time:
    """The message stamp of a time in nanoseconds."""
    return Time(sec=total_ns // 10**9, nanosec=total_ns % 10**9)


def pose_from_msg(message: PoseMessage) -> Pose:
    """A geometry_msgs/Pose as `Pose` (float64, quaternion as it stands in the message: x, y, z, w)."""
    p, q = message.position, message.orientation
    return Pose(np.array([p.x, p.y, p.z]), np.array([q.x, q.y, q.z, q.w]))


def pose_to_msg(pose: Pose) -> PoseMessage:
    """A single (unbatched) `Pose` as geometry_msgs/Pose."""
    x, y, z = (float(value) for value in pose.position)
    qx, qy, qz, qw = (float(value) for value in pose.quaternion)
    return PoseMessage(position=Point(x=x, y=y, z=z), orientation=Quaternion(x=qx, y=qy, z=qz, w=qw))


def pose_stamped(pose: Pose, frame_id: str, stamp: Time) -> PoseStamped:
    """A `Pose` with its frame and stamp."""
    message = PoseStamped(pose=pose_to_msg(pose))
    message.header.frame_id = frame_id
    message.header.stamp = stamp
    return message


def joint_positions(message: JointState, names: Sequence[str]) -> NDArray[np.float64]:
    """Positions [rad] of `names`, in that order, looked up by name.

    Raises:
        MessageError: a name is not in the message, or the message has fewer positions than names.
    """
    return _joint_values(message, message.position, "position", names)


def joint_velocities(message: JointState, names: Sequence[str]) -> NDArray[np.float64] | None:
    """Velocities [rad/s] of `names`, in that order, or None when the message carries no velocities.

    Raises:
        MessageError: a name is not in the message, or the message has fewer velocities than names.
    """
    if not len(message.velocity):
        return None
    return _joint_values(message, message.velocity, "velocity", names)


def _joint_values(
    message: JointState, values: Sequence[float], field: str, names: Sequence[str]
) -> NDArray[np.float64]:
    index = {name: i for i, name in enumerate(message.name)}
    missing = [name for name in names if name not in index]
    if missing:
        raise MessageError(f"joint {', '.join(missing)} is not in the JointState, which has {', '.join(message.name)}")
    if len(values) != len(message.name):
        raise MessageError(f"JointState has {len(message.name)} names but {len(values)} values of {field}")
    return np.array([values[index[name]] for name in names], dtype=np.float64)


def diagnostic_status(level: bytes, name: str, message: str, values: Mapping[str, object]) -> DiagnosticStatus:
    """A DiagnosticStatus whose values are written as text (floats with six significant digits)."""
    pairs = [
        KeyValue(key=key, value=f"{value:.6g}" if isinstance(value, float) else str(value))
        for key, value in values.items()
    ]
    return DiagnosticStatus(level=level, name=name, message=message, values=pairs)


def is_error_or_stale(status: DiagnosticStatus) -> bool:
    """Whether a diagnosis says that what it is about can't be relied on."""
    return status.level in (DiagnosticStatus.ERROR, DiagnosticStatus.STALE)


def diagnostic_values(status: DiagnosticStatus) -> dict[str, str]:
    """The values of a DiagnosticStatus by key."""
    return {pair.key: pair.value for pair in status.values}


def diagnostic_number(values: Mapping[str, str], key: str) -> float:
    """One of `diagnostic_values` as a number; 0 where there is none."""
    try:
        return float(values.get(key, ""))
    except ValueError:
        return 0.0
