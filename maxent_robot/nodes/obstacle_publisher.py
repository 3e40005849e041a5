"""The obstacle of a simulated scenario as messages, and how near the arm came to it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from nav_msgs.msg import Odometry
from numpy.typing import NDArray

from maxent_robot.control.robot import RobotConfig
from maxent_robot.skill.layout import ObstacleMeasurement

PERIOD_S = 0.01


class ObstaclePublisher:
    """Publishes nav_msgs/Odometry, pose and twist in the base frame, every `PERIOD_S`.

    Args:
        publisher: of the topic.
        robot: whose frame and kinematics count.
        radius_m: of the obstacle.

    Attributes:
        radius_m: as given.
        nearest_m: least distance of the TCP from its centre since `forget`; infinite at first.
    """

    def __init__(self, publisher: Any, robot: RobotConfig, radius_m: float) -> None:
        self._publisher, self._chain = publisher, robot.chain()
        self._message = Odometry()
        self._message.header.frame_id = self._message.child_frame_id = robot.base_frame
        self._message.pose.pose.orientation.w = 1.0
        self._cycles_between = max(1, round(PERIOD_S * robot.control_rate_hz))
        self._cycle = 0
        self.radius_m, self.nearest_m = radius_m, math.inf

    def forget(self) -> None:
        """A new scenario begins."""
        self.nearest_m = math.inf

    def publish(self, stamp: Time, obstacle: ObstacleMeasurement, joint_positions: NDArray[np.float64]) -> None:
        """Take the obstacle and the true joint positions (7,) of a control cycle; publish when it is time."""
        self._cycle += 1
        if self._cycle % self._cycles_between:
            return
        tcp = self._chain.forward(joint_positions)
        self.nearest_m = min(self.nearest_m, float(np.linalg.norm(tcp.position - obstacle.position)))
        message = self._message
        message.header.stamp = stamp
        at, rate = message.pose.pose.position, message.twist.twist.linear
        at.x, at.y, at.z = obstacle.position.tolist()
        rate.x, rate.y, rate.z = obstacle.velocity.tolist()
        self._publisher.publish(message)
