"""A small vector environment for the tests of learning: a point in the plane drives to a target known with an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from maxent_robot.learning.environment import EpisodeSummary, Spaces, StepResult


class Weave:
    """A script for `PointReach`: to the target, swaying from side to side."""

    def __init__(self, n: int) -> None:
        self.age = np.zeros(n, int)

    def __call__(self, observation: np.ndarray) -> np.ndarray:
        self.age += 1
        velocity = 5.0 * (observation[:, 2:] - observation[:, :2])
        velocity[:, 0] += np.sin(self.age)
        return np.clip(velocity, -1.0, 1.0).astype(np.float32)

    def reset(self, index: Any = ...) -> None:
        self.age[index] = 0

    def state_dict(self) -> dict[str, Any]:
        return {"age": self.age.copy()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.age[:] = state["age"]


class PointReach:
    """Velocity-driven point in [-1, 1]^2, as `VectorEnvironment`.

    The observation is position and estimated target (4), the privileged vector the error of the estimate (2), the
    action a velocity (2). An episode ends within 0.12 of the true target, or is cut after 40 steps. The cost is the
    square of the speed. With `easy_share` an episode begins close to its target.
    """

    spaces = Spaces(np.array([1.0, 1.0, 0.5, 0.5], np.float32), np.array([0.05, 0.05], np.float32), action_size=2)
    limit = 40

    def __init__(self, num_envs: int, easy_share: float = 0.0) -> None:
        self.num_envs = num_envs
        self.easy_share = easy_share

    def reset(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        self.generator = np.random.default_rng(seed)
        n = self.num_envs
        self.position, self.target, self.error = np.zeros((n, 2)), np.zeros((n, 2)), np.zeros((n, 2))
        self.age, self.total, self.peak = np.zeros(n, int), np.zeros(n), np.zeros(n)
        self.easy = np.zeros(n, bool)
        self._begin(np.ones(n, bool))
        return self._observation(), self._privileged()

    def step_begin(self, action: np.ndarray) -> None:
        assert action.shape == (self.num_envs, 2)
        assert np.all(np.abs(action) <= 1.0)
        self.position = np.clip(self.position + 0.1 * action, -1.0, 1.0)
        self.speed = np.linalg.norm(action, axis=1)

    def step_end(self) -> StepResult:
        distance = np.linalg.norm(self.position - self.target, axis=1)
        terminated = distance < 0.12
        self.age += 1
        truncated = (self.age >= self.limit) & ~terminated
        reward = terminated - 0.1 * distance - 0.02
        self.total += reward
        self.peak = np.maximum(self.peak, self.speed)
        final = self._observation(), self._privileged()
        ended = terminated | truncated
        episodes = [
            EpisodeSummary(
                success=bool(terminated[i]),
                time_s=0.1 * int(self.age[i]),
                peak_force_n=float(self.peak[i]),
                episode_return=float(self.total[i]),
                length=int(self.age[i]),
                easy=bool(self.easy[i]),
                reward_terms={"total": float(self.total[i])},
            )
            for i in np.flatnonzero(ended)
        ]
        self._begin(ended)
        return StepResult(
            self._observation(),
            self._privileged(),
            reward.astype(np.float32),
            (self.speed**2).astype(np.float32),
            terminated,
            truncated,
            *final,
            episodes,
        )

    def _begin(self, which: np.ndarray) -> None:
        n = self.num_envs
        target = self.generator.uniform(-0.8, 0.8, (n, 2))
        error = self.generator.uniform(-0.05, 0.05, (n, 2))
        easy = self.generator.random(n) < self.easy_share
        start = np.where(easy[:, None], np.clip(target + 0.15, -1.0, 1.0), self.generator.uniform(-1.0, 1.0, (n, 2)))
        for name, value in (("position", start), ("target", target), ("error", error)):
            setattr(self, name, np.where(which[:, None], value, getattr(self, name)))
        self.easy = np.where(which, easy, self.easy)
        for name in ("age", "total", "peak"):
            setattr(self, name, np.where(which, 0, getattr(self, name)))

    def _observation(self) -> np.ndarray:
        return np.concatenate([self.position, self.target + self.error], axis=1).astype(np.float32)

    def _privileged(self) -> np.ndarray:
        return self.error.astype(np.float32)

    def script(self) -> Weave:
        return Weave(self.num_envs)

    def state_dict(self) -> dict[str, Any]:
        names = ("position", "target", "error", "age", "total", "peak", "easy")
        return {"generator": self.generator.bit_generator.state, **{name: getattr(self, name).copy() for name in names}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for name, value in state.items():
            if name == "generator":
                self.generator.bit_generator.state = value
            else:
                setattr(self, name, np.array(value))

    def close(self) -> None:
        pass
