"""What the policy node knows of a hockey game: messages in, checked, and the measurement of this instant out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import PoseArray, PoseStamped
from numpy.typing import NDArray
from sensor_msgs.msg import JointState

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from maxent_robot.nodes.message_inputs import InputError, MessageInputs, require_finite, require_frame
from maxent_robot.nodes.messages import MessageError, joint_positions, joint_velocities, pose_from_msg, stamp_to_s
from maxent_robot.nodes.topics import COMMANDED_POSE, HOCKEY_PICTURE, HOCKEY_TABLE_POSE
from maxent_robot.skill.hockey import HOCKEY_AXES, HockeyMeasurement

PICTURE_STALE_S = 0.5
"""Age at which the last picture of the table is too old to play on."""


@dataclass(frozen=True)
class HockeyInput:
    """One instant: the measurement in the frame `player`, that frame, the target, and when the joints were measured."""

    measurement: HockeyMeasurement
    T_base_player: Pose
    T_base_target: Pose
    joint_stamp_s: float


class HockeyInputs(MessageInputs):
    """Holds the last message of every input; see `MessageInputs`.

    The table's pose does not age: it may be given once.

    Args:
        robot: whose TCP is the middle of the mallet's foot.
        now_s: the time of message stamps.
    """

    def __init__(self, robot: RobotConfig, now_s: Callable[[], float]) -> None:
        super().__init__(robot)
        self._now_s = now_s
        self._chain = robot.chain()
        self._joint_stamp_s = self._picture_stamp_s = 0.0
        self._positions: NDArray[np.float64] | None = None
        self._velocities: NDArray[np.float64]
        self._target: Pose | None = None
        self._table: Pose | None = None
        self._picture: NDArray[np.float64] | None = None

    def on_joint_state(self, message: JointState, age_s: float = 0.0) -> None:
        """Take a sensor_msgs/JointState; joints are looked up by name."""

        def read() -> None:
            positions = joint_positions(message, self._robot.joint_names)
            velocities = joint_velocities(message, self._robot.joint_names)
            if velocities is None:
                raise MessageError("it carries no velocities, which a hockey skill needs")
            require_finite(np.concatenate([positions, velocities]))
            self._positions, self._velocities = positions, velocities
            self._joint_stamp_s = stamp_to_s(message.header.stamp)

        self.take(self._robot.topics.joint_states, read, age_s)

    def on_target(self, message: PoseStamped, age_s: float = 0.0) -> None:
        """Take the last commanded pose in the base frame."""

        def read() -> None:
            self._target = self.read_pose(message)

        self.take(COMMANDED_POSE, read, age_s)

    def on_table(self, message: PoseStamped, age_s: float = 0.0) -> None:
        """Take the pose of the frame `player` in the base frame."""

        def read() -> None:
            self._table = self.read_pose(message)

        self.take(HOCKEY_TABLE_POSE, read, age_s)

    def on_picture(self, message: PoseArray, age_s: float = 0.0) -> None:
        """Take what a camera saw at the stamp, in the base frame: the puck, then the opponent's mallet."""

        def read() -> None:
            require_frame(message.header.frame_id, self._robot.base_frame)
            if len(message.poses) != 2:
                raise MessageError(f"it has {len(message.poses)} poses, must be puck and opponent")
            seen = np.array([pose_from_msg(pose).position for pose in message.poses])
            require_finite(seen.ravel())
            self._picture, self._picture_stamp_s = seen, stamp_to_s(message.header.stamp)

        self.take(HOCKEY_PICTURE, read, age_s)

    def measure(self) -> HockeyInput:
        """The measurement of this instant.

        Raises:
            InputError: naming the first topic that is missing, stale or unusable.
        """
        self.require(self._robot.topics.joint_states)
        self.require(COMMANDED_POSE)
        self.require(HOCKEY_TABLE_POSE, np.inf)
        self.require(HOCKEY_PICTURE, PICTURE_STALE_S)
        if self._positions is None or self._target is None or self._table is None or self._picture is None:
            raise InputError(f"{self._robot.topics.joint_states}: nothing received yet")
        player = self._table.inverse()
        tcp = self._chain.forward(self._positions)
        rate = (self._chain.jacobian(self._positions) @ self._velocities)[:3]
        puck, opponent = (player.transform(place)[:2] for place in self._picture)
        measurement = HockeyMeasurement(
            mallet=player.transform(tcp.position)[:2],
            mallet_velocity=player.rotate(rate)[:2],
            target=player.transform(self._target.position)[:2],
            puck=puck,
            puck_age_s=np.asarray(max(0.0, self._now_s() - self._picture_stamp_s)),
            opponent=opponent,
            previous_action=np.zeros(len(HOCKEY_AXES)),
        )
        return HockeyInput(measurement, self._table, self._target, self._joint_stamp_s)
