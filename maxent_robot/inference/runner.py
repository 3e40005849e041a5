"""A skill being run: observation history, actor, sampler and previous action, one policy step at a time. No clock."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maxent_robot.control.pose import Pose
from maxent_robot.inference.actor import OnnxActor
from maxent_robot.inference.sampler import EntropyAwareSampler, SampledAction
from maxent_robot.skill import ACTION_SIZE, Measurement, ObservationHistory, action_to_twist, observation_frame
from maxent_robot.skill.bundle import SkillBundle
from maxent_robot.skill.experience import Experience


@dataclass(frozen=True)
class PolicyStep:
    """What one step of a skill gave.

    Attributes:
        observation: (150,) float32, the frames of `HISTORY_AGES`, oldest first.
        sampled: the action with its log probability and the policy's entropy, for a batch of one.
        twist: (6,) in base axes, m/s and rad/s.
        novelty: how far the strangest quantity observed is outside of what the skill has met, as a share of that range
            (see `Experience.novelty`); NaN where the bundle does not say what it has met.
        strangest: its name; empty where it does not say.
    """

    observation: NDArray[np.float32]
    sampled: SampledAction
    twist: NDArray[np.float64]
    novelty: float
    strangest: str

    @property
    def action(self) -> NDArray[np.float64]:
        """(6,), in [-1, 1], socket axes."""
        return self.sampled.action[0]


class SkillRunner:
    """Runs a verified skill on one robot.

    Args:
        bundle: the skill.
        sampler: chooses the action.

    Raises:
        ContractError: what the bundle says that it has met can't be read.
    """

    def __init__(self, bundle: SkillBundle, sampler: EntropyAwareSampler) -> None:
        self.manifest = bundle.manifest
        self.sampler = sampler
        self._actor = OnnxActor(bundle)
        self._experience = Experience.of(bundle.manifest.evaluation)
        self._maximum = np.array([axis.maximum for axis in bundle.manifest.action])
        self._history = ObservationHistory()
        self._previous_action = np.zeros(ACTION_SIZE)
        self._actor(np.zeros((1, self._actor.observation_size), dtype=np.float32))  # the first run allocates

    def reset(self) -> None:
        """Begin a new episode: no history, and a previous action of zero. The sampler's sequence goes on."""
        self._history.reset()
        self._previous_action = np.zeros(ACTION_SIZE)

    def step(
        self,
        tcp: Pose,
        target: Pose,
        socket: Pose,
        wrench_tcp: NDArray[np.float64],
        allowed_force_n: float,
        calm: float = 1.0,
    ) -> PolicyStep:
        """One policy period.

        Args:
            tcp: T_base_tcp, measured.
            target: T_base_target, the last command after the leash.
            socket: T_base_socket, estimated.
            wrench_tcp: (6,) contact force [N] and torque [Nm] at the TCP, in its axes, tared and filtered.
            allowed_force_n: contact force that the user allows.
            calm: factor on the sampler's temperature, in [0, 1].

        Raises:
            ContractError: an input is not finite.
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
        sampled = self.sampler(*self._actor(observation[None]), calm)
        self._previous_action = sampled.action[0]
        novelty, strangest = (math.nan, "") if self._experience is None else self._experience.novelty(frame)
        twist = action_to_twist(sampled.action[0], socket, self._maximum)
        return PolicyStep(observation, sampled, twist, novelty, strangest)
