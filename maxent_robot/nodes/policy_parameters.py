"""The policy node's own parameters; those of a composition are in `composition_parameters`."""

from __future__ import annotations

from rclpy.node import Node

from maxent_robot.inference import SAMPLER_MODES
from maxent_robot.inference.noise import COLOURS, CORRELATION_RANGE
from maxent_robot.inference.temperature import DEFAULT_MODE, MAXIMUM_TEMPERATURE
from maxent_robot.nodes.parameters import declare

LIVE = ("mode", "temperature")
"""Parameters that may be set while the node is active; the others are read by `configure`."""


def declare_policy_parameters(node: Node) -> None:
    """Declare them with their descriptions and ranges."""
    declare(node, "robot", "sim", "name or path of the robot description")
    declare(node, "skill", "plug_insertion", "name or path of the skill bundle")
    declare(node, "mode", DEFAULT_MODE, f"sampler: {', '.join(SAMPLER_MODES)}")
    declare(
        node,
        "temperature",
        1.0,
        "modes tempered, gated and retry: factor on the standard deviation",
        (0.0, MAXIMUM_TEMPERATURE),
    )
    declare(node, "seed", -1, "of the sampler; -1 draws one, which is logged", (-1, 2**63 - 1))
    declare(node, "noise", "white", f"of the sampler: {', '.join(COLOURS)}")
    declare(node, "correlation_steps", 8.0, "memory of noise ar1 and pink, in policy steps", CORRELATION_RANGE)
    declare(node, "allowed_force_n", 15.0, "contact force that the skill is told it may use [N]", (1.0, 60.0))
    declare(
        node,
        "degraded_calm",
        0.0,
        "factor on the sampler's temperature while the supervisor is DEGRADED; 0: the mean action",
        (0.0, 1.0),
    )
    declare(node, "connector", "", "in the gripper; empty: not checked")
