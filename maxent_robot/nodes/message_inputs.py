"""Messages taken in by a policy: the last one of each topic counts, and one that can't be used counts as none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from geometry_msgs.msg import PoseStamped
from numpy.typing import NDArray

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from maxent_robot.errors import MaxentRobotError
from maxent_robot.nodes.messages import MessageError, pose_from_msg
from maxent_robot.nodes.steady_clock import steady_now_s

STALE_S = 0.1
"""Age at which an input that moves is too old to act on: two policy periods of 20 Hz."""


class InputError(MaxentRobotError):
    """An input is missing, stale or unusable; the message begins with its topic."""


class MessageInputs:
    """Remembers when each topic was heard last, and why its last message could not be used."""

    def __init__(self, robot: RobotConfig) -> None:
        self._robot = robot
        self._received_s: dict[str, float] = {}
        self._rejected: dict[str, str] = {}

    def take(self, topic: str, read: Callable[[], None], age_s: float) -> None:
        """Take a message that has waited for `age_s` since it arrived; `read` raises where it can't be used."""
        try:
            read()
        except MaxentRobotError as error:
            self._rejected[topic] = str(error)
            return
        self._rejected.pop(topic, None)
        self._received_s[topic] = steady_now_s() - age_s

    def require(self, topic: str, limit_s: float = STALE_S) -> None:
        """Insist on a usable message of a topic that is not older than `limit_s`.

        Raises:
            InputError: there is none.
        """
        if topic in self._rejected:
            raise InputError(f"{topic}: {self._rejected[topic]}")
        if topic not in self._received_s:
            raise InputError(f"{topic}: nothing received yet")
        age_s = steady_now_s() - self._received_s[topic]
        if age_s > limit_s:
            raise InputError(f"{topic}: stale, the last message is {age_s:.2f} s old, allowed is {limit_s} s")

    def read_pose(self, message: PoseStamped) -> Pose:
        """A pose in the base frame.

        Raises:
            MessageError: it is in another frame, not finite or not a rotation.
        """
        require_frame(message.header.frame_id, self._robot.base_frame)
        pose = pose_from_msg(message.pose)
        require_finite(np.concatenate([pose.position, pose.quaternion]))
        norm = float(np.linalg.norm(pose.quaternion))
        if abs(norm - 1.0) > 1e-3:
            raise MessageError(f"quaternion has norm {norm:.4f}, must be 1")
        return Pose.of(pose.position, pose.quaternion)


def require_finite(values: NDArray[np.float64]) -> None:
    """Raise a MessageError that names the first of the values (n,) that is not finite."""
    if not np.isfinite(values).all():
        index = int(np.argmin(np.isfinite(values)))
        raise MessageError(f"value {index} is {values[index]}, must be finite")


def require_frame(seen: str, expected: str) -> None:
    """Raise a MessageError where a message is in another frame."""
    if seen != expected:
        raise MessageError(f"frame_id is '{seen}', must be '{expected}'")
