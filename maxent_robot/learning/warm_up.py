"""What acts before the first update: uniform noise, or in some of the environments the script of the task."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from maxent_robot.errors import ConfigError
from maxent_robot.learning.environment import VectorEnvironment


class WarmUp:
    """Actions of the warm-up, which fill the replay memory.

    What the script does are the demonstrations; they are worth what it is, and stay in the replay as all else does.

    Args:
        environment: where the actions go.
        demonstrations: share of its environments that its script steers, in [0, 1].
        seed: of the noise.

    Raises:
        ConfigError: demonstrations are asked for, and the environment has no script.
    """

    def __init__(self, environment: VectorEnvironment, demonstrations: float, seed: int) -> None:
        self._spaces, self._size = environment.spaces, environment.num_envs
        self._scripted = round(demonstrations * self._size)
        self._script = environment.script() if self._scripted else None
        if self._scripted and self._script is None:
            raise ConfigError(f"trainer.demonstrations is {demonstrations:g}, must be 0: this task has no script")
        self._generator = np.random.default_rng(seed)

    def act(self, observation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Actions and their surprisal, as `Learner.act`; a script has no surprisal."""
        spaces = self._spaces
        shape = (self._size, spaces.action_size)
        if spaces.action_count:
            number = self._generator.integers(spaces.action_count, size=shape)
            action, surprisal = number.astype(np.float32), np.full(self._size, math.log(spaces.action_count))
        else:
            action = self._generator.uniform(-1.0, 1.0, shape).astype(np.float32)
            surprisal = np.full(self._size, spaces.action_size * math.log(2.0))
        if self._script is not None:
            action[: self._scripted] = self._script(observation)[: self._scripted]
            surprisal[: self._scripted] = 0.0
        return action, surprisal

    def end_episodes(self, ended: np.ndarray) -> None:
        """Take (n,) bool, the environments in which an episode has just ended."""
        if self._script is not None and ended.any():
            self._script.reset(np.flatnonzero(ended))

    def state_dict(self) -> dict[str, Any]:
        """Random state and where the script is."""
        return {
            "generator": self._generator.bit_generator.state,
            "script": None if self._script is None else self._script.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        self._generator.bit_generator.state = state["generator"]
        if self._script is not None:
            self._script.load_state_dict(state["script"])
