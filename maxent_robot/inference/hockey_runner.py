"""A hockey skill being run: observation history, chooser and previous action, one policy step at a time. No clock."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from maxent_robot.control import rotations
from maxent_robot.control.pose import Pose
from maxent_robot.inference.chooser import ActionChooser
from maxent_robot.inference.runner import PolicyStep
from maxent_robot.skill.bundle import SkillBundle
from maxent_robot.skill.hockey import (
    HOCKEY_AGES,
    HOCKEY_AXES,
    HOCKEY_FRAME_SIZE,
    HockeyMeasurement,
    hockey_frame,
    hockey_velocity,
)
from maxent_robot.skill.observation import ObservationHistory

FLAT = np.array([1.0, 0.0, 0.0, 0.0])
"""Orientation (x, y, z, w) of a TCP in the frame `player` whose mallet is flat on the table: z down."""

KEEP_FLAT_1_S = 2.0
"""Rate at which a target that is off the plane, or tilted, is brought back."""


class HockeyRunner:
    """Runs a verified hockey skill on one robot; see `SkillRunner`.

    Args:
        bundle: the skill.
        chooser: of the action; closed by the caller.
    """

    def __init__(self, bundle: SkillBundle, chooser: ActionChooser) -> None:
        self.manifest, self.chooser = bundle.manifest, chooser
        self._history = ObservationHistory(frame_size=HOCKEY_FRAME_SIZE, ages=HOCKEY_AGES)
        self._previous_action = np.zeros(len(HOCKEY_AXES))

    def reset(self) -> None:
        """Begin a new rally: no history, and a previous action of zero. The sequence of draws goes on."""
        self._history.reset()
        self.chooser.reset()
        self._previous_action = np.zeros(len(HOCKEY_AXES))

    def step(
        self, measurement: HockeyMeasurement, T_base_player: Pose, T_base_target: Pose, calm: float = 1.0
    ) -> PolicyStep:
        """One policy period. The skill moves the target in the plane; what it is off the plane is brought back.

        Args:
            measurement: in the frame `player`; its previous action is not used.
            T_base_player: where that frame is.
            T_base_target: the last one commanded.
            calm: factor on the sampler's temperature, in [0, 1].

        Raises:
            ContractError: an input is not finite.
            InferenceError: the network gives a value that is not finite.
        """
        frame = hockey_frame(dataclasses.replace(measurement, previous_action=self._previous_action), 1.0)
        observation = self._history.push(frame)
        choice = self.chooser(observation, frame, calm)
        self._previous_action = choice.action
        off = T_base_player.inverse() @ T_base_target
        velocity = np.append(hockey_velocity(choice.action, 1.0), -KEEP_FLAT_1_S * off.position[2])
        turn = -KEEP_FLAT_1_S * rotations.difference(off.quaternion, FLAT)
        twist = np.concatenate([T_base_player.rotate(velocity), T_base_player.rotate(turn)])
        return PolicyStep(observation, choice, twist, math.nan, "")
