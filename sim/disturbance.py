"""Physical faults that the simulated arm can be given while it runs: what a rehearsal has to be stopped by."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from maxent_robot.config import setting
from maxent_robot.control.robot import RobotConfig
from maxent_robot.errors import ConfigError

Array = NDArray[np.float64]
Vector3 = tuple[float, float, float]

GRAVITY_M_S2 = 9.81
STUCK_NMS = 1e5
"""Damping of a stuck joint [Nms/rad]: no motor turns it by a milliradian in a second."""
ALL_JOINTS = "all"
LINKS = ("hand", *(f"link{i}" for i in range(1, 8)))


@dataclass(frozen=True)
class Disturbance:
    """All that is wrong with the arm at one time; the defaults are a sound one."""

    payload_kg: float = setting(0.0, unit="kg", minimum=0.0, maximum=10.0, doc="mass hung on the hand: its weight")
    push_n: Vector3 = setting((0.0, 0.0, 0.0), unit="N", minimum=-200.0, maximum=200.0, doc="push, in the base frame")
    push_link: str = setting("hand", choices=LINKS, doc="body that is pushed")
    stuck_joint: str = setting("", doc="joint that does not turn, or all, as if braked; empty: none")
    force_bias_n: Vector3 = setting(
        (0.0, 0.0, 0.0), unit="N", minimum=-200.0, maximum=200.0, doc="added to the sensor's force, in the F/T frame"
    )
    torque_bias_nm: Vector3 = setting(
        (0.0, 0.0, 0.0), unit="Nm", minimum=-50.0, maximum=50.0, doc="added to its torque, likewise"
    )
    wrench_dropout: bool = setting(False, doc="the force-torque sensor is silent")
    joint_state_dropout: bool = setting(False, doc="the joint states are silent")
    controller_inactive: bool = setting(False, doc="the controller listens to no command, and keeps its last one")
    joint_state_delay_s: float = setting(
        0.0, unit="s", minimum=0.0, maximum=2.0, doc="from the measurement of a joint state to its publication"
    )
    command_delay_s: float = setting(
        0.0, unit="s", minimum=0.0, maximum=2.0, doc="from the arrival of a target pose to the arm's heeding it"
    )


class DisturbedArm:
    """Applies a disturbance to the physics of one model of the arm."""

    def __init__(self, model: mujoco.MjModel, robot: RobotConfig) -> None:
        self._names = robot.joint_names
        self._damping = model.dof_damping[: len(self._names)].copy()
        self._bodies = {link: model.body(link).id for link in LINKS}

    def apply(self, disturbance: Disturbance, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Push, load and block from the next step on.

        Raises:
            ConfigError: no such joint.
        """
        model.dof_damping[: len(self._names)] = self._damping
        if disturbance.stuck_joint == ALL_JOINTS:
            model.dof_damping[: len(self._names)] = STUCK_NMS
        elif disturbance.stuck_joint:
            if disturbance.stuck_joint not in self._names:
                allowed = f"empty, {ALL_JOINTS} or one of {', '.join(self._names)}"
                raise ConfigError(f"stuck_joint is '{disturbance.stuck_joint}', must be {allowed}")
            model.dof_damping[self._names.index(disturbance.stuck_joint)] = STUCK_NMS
        data.xfrc_applied[:] = 0.0
        data.xfrc_applied[self._bodies["hand"], 2] = -GRAVITY_M_S2 * disturbance.payload_kg
        data.xfrc_applied[self._bodies[disturbance.push_link], :3] += disturbance.push_n

    def on_hand(self, disturbance: Disturbance) -> Array:
        """(3,) force [N] in the base frame that a disturbance puts on the hand, and so on the sensor."""
        force = np.array([0.0, 0.0, -GRAVITY_M_S2 * disturbance.payload_kg])
        return force + np.array(disturbance.push_n) if disturbance.push_link == "hand" else force
