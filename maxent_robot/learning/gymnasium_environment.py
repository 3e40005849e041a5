"""Any Gymnasium environment as the learner's vector environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, SupportsFloat

import gymnasium
import numpy as np
from gymnasium import spaces

from maxent_robot.config import setting
from maxent_robot.errors import ConfigError, MaxentRobotError
from maxent_robot.learning.environment import EpisodeSummary, Spaces, StepResult


@dataclass(frozen=True)
class GymnasiumConfig:
    """Settings of the task `gymnasium`."""

    id: str = setting(doc="registered id, such as HalfCheetah-v5; module:id imports the module first")
    arguments: Mapping[str, Any] = setting({}, doc="passed to gymnasium.make")
    frames: int = setting(1, minimum=1, doc="newest observations stacked into one")


class ReplayMismatchError(MaxentRobotError):
    """An environment did not do again what it did with the same seed and the same actions."""


class GymnasiumEnvironment:
    """`num_envs` copies stepped one after the other; a finished episode is followed by the next in the same step.

    The `j`-th episode in place `i` after `reset(seed)` is seeded by (seed, i, j) alone. So the state of a copy is the
    number of its episode and the actions since that began, which holds for every environment that its seed and its
    actions determine; going back to a state runs these actions again and compares the observation.

    Raises:
        ConfigError: no such environment, or spaces that no algorithm here has a use for.
    """

    def __init__(self, config: GymnasiumConfig, num_envs: int) -> None:
        self.config, self.num_envs = config, num_envs
        self._copies = [_make(config) for _ in range(num_envs)]
        first = self._copies[0]
        assert isinstance(first.observation_space, spaces.Box)
        scale = np.ones(first.observation_space.shape[0], np.float32)
        if isinstance(first.action_space, spaces.Discrete):
            size, count, self._first_action = 1, int(first.action_space.n), int(first.action_space.start)
        else:
            assert isinstance(first.action_space, spaces.Box)
            size, count, self._first_action = first.action_space.shape[0], 0, 0
        self.spaces = Spaces(scale, np.ones(0, np.float32), size, count)
        self._seed = 0
        self._episode = np.zeros(num_envs, dtype=np.int64)
        self._returns = np.zeros(num_envs)
        self._actions: list[list[np.ndarray]] = [[] for _ in range(num_envs)]
        self._observation = np.zeros((num_envs, len(scale)), np.float32)
        self._pending: np.ndarray | None = None

    def reset(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Begin the first episodes of `seed`. Returns observation and empty privileged vector, (n, size) float32."""
        self._seed = seed
        self._episode[:] = 0
        for index in range(self.num_envs):
            self._begin(index)
        return self._observation.copy(), self._privileged()

    def step_begin(self, action: np.ndarray) -> None:
        """Take note of the actions; the copies are stepped by `step_end`."""
        assert self._pending is None, "step_begin before step_end of the last step"
        self._pending = np.array(action, dtype=np.float32)

    def step_end(self) -> StepResult:
        """Step all copies."""
        assert self._pending is not None, "step_end without step_begin"
        action, self._pending = self._pending, None
        n = self.num_envs
        reward = np.zeros(n, np.float32)
        terminated, truncated = np.zeros(n, bool), np.zeros(n, bool)
        final = np.empty_like(self._observation)
        episodes = []
        for index in range(n):
            final[index], value, terminated[index], truncated[index], info = self._step(index, action[index])
            reward[index] = value
            self._returns[index] += float(value)
            if terminated[index] or truncated[index]:
                episodes.append(self._summary(index, info))
                self._episode[index] += 1
                self._begin(index)
            else:
                self._observation[index] = final[index]
        return StepResult(
            observation=self._observation.copy(),
            privileged=self._privileged(),
            reward=reward,
            cost=np.zeros(n, np.float32),
            terminated=terminated,
            truncated=truncated & ~terminated,
            final_observation=final,
            final_privileged=self._privileged(),
            episodes=episodes,
        )

    def script(self) -> None:
        """There is none."""

    def state_dict(self) -> dict[str, Any]:
        """The seed, the episodes' numbers and their actions so far, and what they led to."""
        return {
            "seed": self._seed,
            "episode": self._episode.copy(),
            "returns": self._returns.copy(),
            "actions": [np.array(actions).reshape(-1, self.spaces.action_size) for actions in self._actions],
            "observation": self._observation.copy(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to a state given by `state_dict` by running its actions again.

        Raises:
            ReplayMismatchError: they lead elsewhere.
        """
        self._seed = int(state["seed"])
        self._episode[:] = state["episode"]
        for index, actions in enumerate(state["actions"]):
            self._begin(index)
            for action in actions:
                self._observation[index], *_ = self._step(index, action)
            if not np.array_equal(self._observation[index], state["observation"][index]):
                raise ReplayMismatchError(
                    f"{self.config.id}: the same seed and the same {len(actions)} actions gave another observation, so "
                    "a run of it can't be resumed"
                )
        self._returns[:] = state["returns"]

    def close(self) -> None:
        """Close the copies."""
        for copy in self._copies:
            copy.close()

    def _begin(self, index: int) -> None:
        words = np.random.SeedSequence((self._seed, index, int(self._episode[index]))).generate_state(1)
        self._observation[index], _ = self._copies[index].reset(seed=int(words[0]))
        self._returns[index] = 0.0
        self._actions[index].clear()

    def _step(self, index: int, action: np.ndarray) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        self._actions[index].append(action)
        taken = int(action[0]) + self._first_action if self.spaces.action_count else action
        return self._copies[index].step(taken)

    def _summary(self, index: int, info: Mapping[str, Any]) -> EpisodeSummary:
        success = info.get("is_success", info.get("success"))
        length = len(self._actions[index])
        period_s = getattr(self._copies[index].unwrapped, "dt", 0.0)
        return EpisodeSummary(
            success=None if success is None else bool(success),
            time_s=float(length * period_s),
            peak_force_n=0.0,
            episode_return=float(self._returns[index]),
            length=length,
            easy=False,
        )

    def _privileged(self) -> np.ndarray:
        return np.zeros((self.num_envs, 0), np.float32)


def _make(config: GymnasiumConfig) -> gymnasium.Env[Any, Any]:
    """One copy: observations flat and stacked, continuous actions in [-1, 1]."""
    try:
        environment: gymnasium.Env[Any, Any] = gymnasium.make(config.id, disable_env_checker=True, **config.arguments)
    except (gymnasium.error.Error, ModuleNotFoundError, TypeError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"environment.id is {config.id!r}: {first_line}") from error
    action = environment.action_space
    if isinstance(action, spaces.Box):
        if len(action.shape) != 1 or not action.is_bounded():
            raise ConfigError(f"{config.id}: actions are {action}, must be a bounded vector or discrete")
        if np.any(action.low != -1.0) or np.any(action.high != 1.0):
            environment = gymnasium.wrappers.RescaleAction(environment, np.float32(-1.0), np.float32(1.0))
    elif not isinstance(action, spaces.Discrete):
        raise ConfigError(f"{config.id}: actions are {action}, must be a bounded vector or discrete")
    if config.frames > 1:
        environment = gymnasium.wrappers.FrameStackObservation(environment, config.frames)
    if not isinstance(environment.observation_space, spaces.Box) or len(environment.observation_space.shape) != 1:
        try:
            environment = gymnasium.wrappers.FlattenObservation(environment)
        except NotImplementedError as error:
            raise ConfigError(
                f"{config.id}: observations {environment.observation_space} can't be made flat"
            ) from error
    return environment
