"""What the critic sees in training beyond the observation: the truth that the policy has to find out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maxent_robot.control.pose import Pose
from sim.plug.scenario import Scenario

Array = NDArray[np.float64]

# name, size, scale by which networks divide
PRIVILEGED_FIELDS: tuple[tuple[str, int, float], ...] = (
    ("plug_position_socket", 3, 0.01),
    ("plug_rotation_socket", 3, 0.05),
    ("contact_force_base", 3, 10.0),
    ("estimate_position_error", 3, 0.002),
    ("estimate_rotation_error", 3, 0.03),
    ("plug_offset", 2, 0.001),
    ("clearance", 1, 0.0003),
    ("friction", 1, 1.0),
    ("stiffness_factor", 1, 1.0),
    ("damping_factor", 1, 1.0),
    ("joint_friction", 1, 0.5),
    ("delays", 2, 1.0),
)
PRIVILEGED_SIZE = sum(size for _, size, _ in PRIVILEGED_FIELDS)
PRIVILEGED_SCALE: NDArray[np.float32] = np.concatenate(
    [np.full(size, scale) for _, size, scale in PRIVILEGED_FIELDS]
).astype(np.float32)


def hidden_vector(scenario: Scenario) -> Array:
    """The part that stays the same through an episode."""
    error = scenario.socket.inverse() @ scenario.estimate
    return np.concatenate(
        [
            error.position,
            error.rotvec(),
            scenario.plug_offset,
            [
                scenario.clearance_m,
                scenario.friction,
                scenario.stiffness_factor,
                scenario.damping_factor,
                scenario.joint_friction_nm,
                scenario.observation_delay,
                scenario.command_delay,
            ],
        ]
    )


def privileged_vector(plug: Pose, socket: Pose, contact_force_base: Array, hidden: Array) -> NDArray[np.float32]:
    """(n, PRIVILEGED_SIZE) from true poses in the base, true contact force (n, 3) [N] and ``hidden_vector`` rows."""
    relative = socket.inverse() @ plug
    return np.concatenate([relative.position, relative.rotvec(), contact_force_base, hidden], axis=-1).astype(
        np.float32
    )
