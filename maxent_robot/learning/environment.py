"""What the trainer asks of a vector environment, and the plain data that passes between the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np


@dataclass(frozen=True)
class EpisodeSummary:
    """One finished episode.

    Attributes:
        success: whether the task was done within the limits; None where the task has no such notion.
        time_s: length of the episode [s].
        peak_force_n: largest filtered contact force [N].
        episode_return: undiscounted sum of the reward, without the force cost.
        length: policy steps.
        easy: whether the episode began from an assisted start, which is left out of every success rate.
        reward_terms: undiscounted sum of each named reward term, where the environment keeps them.
    """

    success: bool | None
    time_s: float
    peak_force_n: float
    episode_return: float
    length: int
    easy: bool
    reward_terms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class StepResult:
    """What one step of all `n` environments gave. Finished environments have already begun their next episode.

    Attributes:
        observation: (n, observation_size) float32, the first of the new episode where one has just finished.
        privileged: (n, privileged_size) float32, likewise.
        reward: (n,) float32, without the force cost.
        cost: (n,) float32, at least zero: the force cost, which the learner weights.
        terminated: (n,) bool, the episode reached an end state, whose value is zero.
        truncated: (n,) bool, the episode was cut by time, so its last state still has a value.
        final_observation: (n, observation_size) float32, the true last observation of finished episodes; the rows of
            the others are not read.
        final_privileged: (n, privileged_size) float32, likewise.
        episodes: one summary for each finished environment, in rising order of its index.
    """

    observation: np.ndarray
    privileged: np.ndarray
    reward: np.ndarray
    cost: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    final_observation: np.ndarray
    final_privileged: np.ndarray
    episodes: list[EpisodeSummary]


@dataclass(frozen=True)
class Spaces:
    """What passes between environment and learner.

    Attributes:
        observation_scale: (observation_size,) float32; networks divide by it.
        privileged_scale: (privileged_size,) float32, may be empty.
        action_size: numbers in an action: axes in [-1, 1], or 1 for the number of a discrete action.
        action_count: discrete actions; 0 where actions are continuous.
    """

    observation_scale: np.ndarray
    privileged_scale: np.ndarray
    action_size: int
    action_count: int = 0

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Sizes of observation, privileged vector and action."""
        return len(self.observation_scale), len(self.privileged_scale), self.action_size


class Script(Protocol):
    """A policy written by hand, with a memory of its own for each of n environments."""

    def __call__(self, observation: np.ndarray) -> np.ndarray:
        """Actions (n, action_size) for observations (n, observation_size)."""
        ...

    def reset(self, index: Any = ...) -> None:
        """Begin again at `index`."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """The memory."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        ...


@runtime_checkable
class SelfPlay(Protocol):
    """What may be played against policies that the learner had before."""

    def remember(self, policy: object) -> None:
        """Let the learner's policy, as it is now, be one of them; `policy` is copied."""
        ...


@runtime_checkable
class Rival(Script, SelfPlay, Protocol):
    """An opponent that is chosen by what the learner makes of it."""

    def count(self, index: np.ndarray, points: np.ndarray) -> None:
        """Take note of the learner's points (k,), 1 a win and 0.5 a draw, in the games `index` (k,) that have ended."""
        ...


class VectorEnvironment(Protocol):
    """`num_envs` copies of one task, stepped together, with the physics of a step running beside the caller.

    Everything it gives is finite. Deterministic: the same seed and the same actions give the same results, bit for bit,
    whatever the machine does.
    """

    num_envs: int
    spaces: Spaces

    def reset(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Begin new episodes everywhere. Returns observation and privileged vector, (n, size) float32."""
        ...

    def step_begin(self, action: np.ndarray) -> None:
        """Start one policy period with `action`, (n, action_size) float32, and return at once.

        Actions are in [-1, 1], or numbers of discrete actions.
        """
        ...

    def step_end(self) -> StepResult:
        """Wait for the step begun by `step_begin` and return what it gave."""
        ...

    def script(self) -> Script | None:
        """The script of the task, at its beginning; None where there is none."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on bit for bit, physics and random states included, between two steps."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to a state given by `state_dict`; the next step is the one that would have followed it."""
        ...

    def close(self) -> None:
        """End the threads of the environment."""
        ...
