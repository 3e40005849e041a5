"""A policy in evaluation that keeps what it meets: the ranges of all, and states for the calibration of its critic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.inference.actor import OnnxActor
from maxent_robot.inference.chooser import CriticDoubt
from maxent_robot.inference.sampler import EntropyAwareSampler
from maxent_robot.skill import FRAME_SIZE, OBSERVATION_SIZE
from maxent_robot.skill.bundle import SkillBundle
from maxent_robot.skill.experience import Experience, ExperienceRecorder

HELD_OUT_STATES = 2000
"""Of each mode, kept for the calibration of the critic."""


@dataclass(frozen=True)
class Met:
    """What a skill met in the episodes of a mode: the ranges of all, and observations (n, 150) drawn from them."""

    experience: Experience
    states: NDArray[np.float32]


class WatchedPolicy:
    """The policy that the node would run with this sampler mode and seed, for a batch of observations (n, 150)."""

    def __init__(self, bundle: SkillBundle, mode: str, seed: int) -> None:
        self._actor, self._doubt = OnnxActor(bundle), CriticDoubt(bundle)
        self._sampler = EntropyAwareSampler(mode, seed=seed)
        self._observation: NDArray[np.float32] = np.zeros((0, OBSERVATION_SIZE), dtype=np.float32)
        self._entropy = self._disagreement = np.zeros(0)
        self._reservoir = Reservoir(HELD_OUT_STATES, OBSERVATION_SIZE, seed)
        self._recorder = ExperienceRecorder()

    def reset(self, index: Any) -> None:
        """Begin a new episode in these places of the batch."""
        self._sampler.reset(index)

    def __call__(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        mean, log_std = self._actor(observation)
        self._disagreement = self._doubt.critic.disagreement(observation, np.tanh(mean))
        doubt = self._doubt.share(self._disagreement)
        sampled = self._sampler(mean, log_std, observation[:, -FRAME_SIZE:], disagreement=doubt)
        self._observation, self._entropy = observation, sampled.entropy
        return sampled.action.astype(np.float32)

    def watch(self, active: NDArray[np.bool_]) -> None:
        """Record what was met by those of the batch that are within an episode."""
        met = self._observation[active]
        self._recorder.add(met[:, -FRAME_SIZE:], self._entropy[active], self._disagreement[active])
        self._reservoir.add(met)

    def met(self) -> Met:
        """What was met so far."""
        return Met(self._recorder.experience(), self._reservoir.rows)


class Reservoir:
    """A uniform sample of rows of which nobody knows how many will come (Vitter, 1985, algorithm R)."""

    def __init__(self, size: int, width: int, seed: int) -> None:
        self._rows = np.zeros((size, width), dtype=np.float32)
        self._seen = 0
        self._generator = np.random.default_rng([seed, 11])

    @property
    def rows(self) -> NDArray[np.float32]:
        """Those kept."""
        return self._rows[: self._seen]

    def add(self, rows: NDArray[np.float32]) -> None:
        """See some more."""
        for row in rows:
            place = self._seen if self._seen < len(self._rows) else int(self._generator.integers(self._seen + 1))
            if place < len(self._rows):
                self._rows[place] = row
            self._seen += 1
