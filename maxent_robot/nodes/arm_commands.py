"""What the simulated arm's controller listens to: target poses, or joint trajectories, from one supervisor."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from geometry_msgs.msg import PoseStamped
from trajectory_msgs.msg import JointTrajectory

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from maxent_robot.errors import MaxentRobotError
from maxent_robot.nodes.managed_node import ManagedNode
from maxent_robot.nodes.messages import pose_from_msg
from maxent_robot.nodes.polled_subscription import PolledSubscription
from maxent_robot.nodes.qos import RELIABLE, publisher_count, standby_count
from maxent_robot.nodes.steady_clock import steady_now_s

if TYPE_CHECKING:
    from sim.arm_driver import ArmDriver


class CommandError(MaxentRobotError):
    """A command can't be taken."""


class ArmCommands:
    """Hands the commands of one topic to the driver; a command that can't be taken is ignored with a warning.

    Args:
        warn: called with the reason.
    """

    def __init__(self, node: ManagedNode, robot: RobotConfig, driver: ArmDriver, warn: Callable[[str], None]) -> None:
        self._node, self._robot, self._driver, self._warn = node, robot, driver, warn
        self._late: deque[tuple[float, Pose]] = deque()
        self._polled: PolledSubscription | None = None
        self._crisp = driver.controller == "crisp"

    def listen(self, listening: bool) -> None:
        """Subscribe, or leave the topic as a controller does that is no longer active; the last command stays."""
        if not listening and self._polled is not None:
            self._polled.destroy()
            self._polled = None
            self._late.clear()
        elif listening and self._polled is None:
            topics = self._robot.topics
            kind, topic = (
                (PoseStamped, topics.target_pose) if self._crisp else (JointTrajectory, topics.joint_trajectory)
            )
            self._polled = PolledSubscription(self._node, kind, topic, RELIABLE)

    def heed(self) -> None:
        """Take what has come, and hand over the targets whose delay is over; called once a control cycle."""
        if self._polled is not None:
            for received in self._polled.take():
                if self._crisp:
                    self._on_target(received.message, received.age_s)
                else:
                    self._on_trajectory(received.message)
        while self._late and self._late[0][0] <= steady_now_s():
            self._driver.set_target(self._late.popleft()[1])

    def _on_target(self, message: PoseStamped, age_s: float) -> None:
        try:
            target = self._read_target(message)
        except MaxentRobotError as error:
            self._warn(f"target ignored: {error}")
            return
        self._late.append((steady_now_s() - age_s + self._driver.disturbance.command_delay_s, target))

    def _read_target(self, message: PoseStamped) -> Pose:
        self._require_commandable()
        if message.header.frame_id != self._robot.base_frame:
            raise CommandError(f"frame_id is '{message.header.frame_id}', must be '{self._robot.base_frame}'")
        pose = pose_from_msg(message.pose)
        norm = float(np.linalg.norm(pose.quaternion))
        if not np.isfinite(pose.position).all() or not abs(norm - 1.0) < 1e-3:
            raise CommandError(f"position {pose.position.tolist()}, quaternion of norm {norm:.4f}: not a pose")
        return Pose.of(pose.position, pose.quaternion)

    def _on_trajectory(self, message: JointTrajectory) -> None:
        from sim.joint_trajectory import Waypoint

        try:
            self._require_commandable()
            if message.header.stamp.sec or message.header.stamp.nanosec:
                raise CommandError("the stamp is not 0; only trajectories that start at once are taken")
            points = [
                Waypoint(
                    point.time_from_start.sec + 1e-9 * point.time_from_start.nanosec,
                    np.array(point.positions),
                    np.array(point.velocities) if len(point.velocities) else None,
                )
                for point in message.points
            ]
            self._driver.set_trajectory(list(message.joint_names), points)
        except MaxentRobotError as error:
            self._warn(f"trajectory ignored: {error}")

    def _require_commandable(self) -> None:
        if not self._node.is_active:
            raise CommandError("the arm is not active")
        if self._polled is None:
            raise CommandError("the controller is not active")
        subscription = self._polled.subscription
        topic, publishers = subscription.topic_name, publisher_count(self._node, subscription)
        if publishers > 1 and publishers - standby_count(self._node, topic) > 1:
            raise CommandError(f"{topic} has {publishers} publishers, must have one, and the standby")
