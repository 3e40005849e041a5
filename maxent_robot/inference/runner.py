"""A skill being run: observation history, chooser and previous action, one policy step at a time. No clock."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maxent_robot.control.pose import Pose
from maxent_robot.errors import ContractError
from maxent_robot.inference.chooser import ActionChooser, Choice
from maxent_robot.skill import ACTION_SIZE, Measurement, ObservationHistory, action_to_twist, observation_frame
from maxent_robot.skill.bundle import SkillBundle
from maxent_robot.skill.experience import Experience
from maxent_robot.skill.layout import ObstacleMeasurement, obstacle_frame


@dataclass(frozen=True)
class PolicyStep:
    """What one step of a skill gave.

    Attributes:
        observation: (150,) float32, the frames of `HISTORY_AGES`, oldest first, and (6,) of the obstacle behind them
            where one was measured.
        choice: the action, and how it came about.
        twist: (6,) in base axes, m/s and rad/s.
        novelty: how far the strangest quantity observed is outside of what the skill has met, as a share of that range
            (see `Experience.novelty`); NaN where the bundle does not say what it has met.
        strangest: its name; empty where it does not say.
    """

    observation: NDArray[np.float32]
    choice: Choice
    twist: NDArray[np.float64]
    novelty: float
    strangest: str

    @property
    def action(self) -> NDArray[np.float64]:
        """(6,), in [-1, 1], socket axes."""
        return self.choice.action


class SkillRunner:
    """Runs a verified skill on one robot.

    Args:
        bundle: the skill, the primary one where several are composed.
        chooser: of the action; closed by the caller.

    Raises:
        ContractError: what the bundle says that it has met can't be read.
    """

    def __init__(self, bundle: SkillBundle, chooser: ActionChooser) -> None:
        self.manifest = bundle.manifest
        self.chooser = chooser
        self._experience = Experience.of(bundle.manifest.evaluation)
        self._maximum = np.array([axis.maximum for axis in bundle.manifest.action])
        self._history = ObservationHistory()
        self._previous_action = np.zeros(ACTION_SIZE)

    def reset(self) -> None:
        """Begin a new episode: no history, and a previous action of zero. The sequence of draws goes on."""
        self._history.reset()
        self.chooser.reset()
        self._previous_action = np.zeros(ACTION_SIZE)

    def step(
        self,
        tcp: Pose,
        target: Pose,
        socket: Pose,
        wrench_tcp: NDArray[np.float64],
        allowed_force_n: float,
        calm: float = 1.0,
        obstacle: ObstacleMeasurement | None = None,
    ) -> PolicyStep:
        """One policy period.

        Args:
            tcp: T_base_tcp, measured.
            target: T_base_target, the last command after the leash.
            socket: T_base_socket, estimated.
            wrench_tcp: (6,) contact force [N] and torque [Nm] at the TCP, in its axes, tared and filtered.
            allowed_force_n: contact force that the user allows.
            calm: factor on the sampler's temperature, in [0, 1].
            obstacle: to keep out of, where one is measured.

        Raises:
            ContractError: an input is not finite, or an obstacle is needed and not there.
            InferenceError: the network gives a value that is not finite.
        """
        frame = observation_frame(
            Measurement(
                tcp=tcp,
                target=target,
                socket=socket,
                wrench_tcp=wrench_tcp,
                previous_action=self._previous_action,
                allowed_force_n=np.asarray(allowed_force_n, dtype=np.float64),
            )
        )
        observation = self._history.push(frame)
        if obstacle is not None:
            observation = np.append(observation, obstacle_frame(obstacle, tcp, socket))
        elif self.chooser.sees_obstacle:
            raise ContractError(f"skill '{self.manifest.name}' acts by where an obstacle is, and none is measured")
        choice = self.chooser(observation, frame, calm)
        self._previous_action = choice.action
        novelty, strangest = (math.nan, "") if self._experience is None else self._experience.novelty(frame)
        twist = action_to_twist(choice.action, socket, self._maximum)
        return PolicyStep(observation, choice, twist, novelty, strangest)
