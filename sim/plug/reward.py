"""The reward as named terms with separate scales, every one logged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maxent_robot.control.pose import Pose
from sim.plug.config import Reward
from sim.plug.connectors import Connector

Array = NDArray[np.float64]
RewardTerms = dict[str, Array]
IN_HOLE_M = 0.002  # farther from the axis than this, the tip is not in the hole


def reward_terms(
    scales: Reward,
    connector: Connector,
    socket_plug: Pose,
    action: Array,
    previous_action: Array,
    success: NDArray[np.bool_],
    failure: NDArray[np.bool_],
) -> RewardTerms:
    """Terms (n,) of one policy step.

    Args:
        socket_plug: true T_socket_plug of the plug's tip at the end of the step, n of them.
        action, previous_action: (n, 6) in [-1, 1].
        success, failure: (n,) whether the episode ended so in this step.
    """
    position = socket_plug.position
    lateral = np.linalg.norm(position[:, :2], axis=-1)
    # Depth counts in the hole only: going down beside the socket is no progress.
    depth = np.where(lateral < IN_HOLE_M, np.clip(position[:, 2] / connector.depth, 0.0, 1.0), 0.0)
    height = np.maximum(0.0, -position[:, 2])
    tilt = np.linalg.norm(socket_plug.rotvec(), axis=-1)
    return {
        "depth": scales.depth * (depth - 1.0),
        "lateral": -scales.lateral * np.tanh(lateral / 0.003),
        "height": -scales.height * np.tanh(height / 0.01),
        "tilt": -scales.tilt * np.tanh(tilt / 0.05),
        "action": -scales.action * np.mean(action**2, axis=-1),
        "jerk": -scales.jerk * np.mean((action - previous_action) ** 2, axis=-1),
        "success": scales.success * success,
        "failure": -scales.failure * failure,
    }
