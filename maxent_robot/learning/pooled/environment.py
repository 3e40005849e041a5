"""What the pooled trainer asks of a vector environment: one world, and the reward of every skill in each step of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class SkillView:
    """One skill of a family.

    Attributes:
        name: of the skill.
        columns: (k,) indices of what it sees of an observation.
    """

    name: str
    columns: np.ndarray


@dataclass(frozen=True)
class FamilySpaces:
    """What passes between environment and learners.

    Attributes:
        observation_scale: (observation_size,) float32; networks divide by it.
        action_size: axes, in [-1, 1].
        skills: those whose rewards a step gives, in their order.
    """

    observation_scale: np.ndarray
    action_size: int
    skills: tuple[SkillView, ...]


@dataclass(frozen=True)
class FamilyStep:
    """What one step of all `n` environments gave. Finished environments have already begun their next episode.

    Attributes:
        observation: (n, observation_size) float32, the first of the new episode where one has just finished.
        reward: (n, skills) float32.
        terminated: (n, skills) bool: for this skill nothing follows. What ends one skill need not end another.
        ended: (n,) bool, the episode is over, for whatever reason.
        final_observation: (n, observation_size) float32, the true last observation of finished episodes; the rows of
            the others are those of `observation`.
    """

    observation: np.ndarray
    reward: np.ndarray
    terminated: np.ndarray
    ended: np.ndarray
    final_observation: np.ndarray


class FamilyEnvironment(Protocol):
    """`num_envs` copies of one world, stepped together; deterministic as `VectorEnvironment` is."""

    num_envs: int
    spaces: FamilySpaces

    def reset(self, seed: int) -> np.ndarray:
        """Begin new episodes everywhere. Returns observations (n, size) float32."""
        ...

    def step_begin(self, action: np.ndarray) -> None:
        """Start one policy period with `action`, (n, action_size) in [-1, 1], and return at once."""
        ...

    def step_end(self) -> FamilyStep:
        """Wait for the step begun by `step_begin` and return what it gave."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on bit for bit between two steps."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to a state given by `state_dict`."""
        ...

    def close(self) -> None:
        """End the threads of the environment."""
        ...
