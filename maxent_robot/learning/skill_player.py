"""A hockey skill as a player: what a node would run, for n games at once, by ONNX Runtime and without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from maxent_robot.inference.actor import OnnxActor
from maxent_robot.inference.sampler import EntropyAwareSampler
from maxent_robot.skill.bundle import SkillBundle


class SkillPlayer:
    """Plays by a skill's actor (see `maxent_robot.learning.environment.Script`).

    Args:
        bundle: of a hockey skill.
        mode: one of `HISTORY_FREE_MODES`.
        seed: of the sampler.
    """

    def __init__(self, bundle: SkillBundle, mode: str, seed: int) -> None:
        self._actor = OnnxActor(bundle)
        self._sampler = EntropyAwareSampler(mode, seed=seed)

    def __call__(self, observation: np.ndarray) -> np.ndarray:
        """Actions (n, 2) for observations (n, 75)."""
        mean, log_std = self._actor(observation)
        return self._sampler(mean, log_std).action

    def reset(self, index: Any = ...) -> None:
        """Begin again in the games `index`."""
        self._sampler.reset(index)

    def state_dict(self) -> dict[str, Any]:
        """An actor has no memory; the sequence of draws goes on."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to put back."""
