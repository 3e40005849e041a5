"""Plug insertion as the learner's vector environment: n episodes in lock step, physics beside the caller's own work."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.learning.environment import EpisodeSummary, Spaces, StepResult
from maxent_robot.skill import ACTION_SIZE
from sim.plug.config import PlugConfig
from sim.plug.privileged import PRIVILEGED_SCALE
from sim.plug.spiral import SPIRAL, SpiralSearch
from sim.plug.task import Outcome, PlugTask


class VectorPlugInsertion:
    """``num_envs`` episodes; a finished one is followed by the next in the same step.

    The ``j``-th episode in place ``i`` after ``reset(seed)`` is number ``j * num_envs + i`` of that seed, whatever
    the actions were, so two policies meet the same episodes.
    """

    def __init__(self, config: PlugConfig, num_envs: int, threads: int = 1) -> None:
        self.config, self.num_envs = config, num_envs
        self.task = PlugTask(config, num_envs, threads)
        self.spaces = Spaces(self.task.observation_scale, PRIVILEGED_SCALE, ACTION_SIZE)
        self._seed = 0
        self._episode = np.zeros(num_envs, dtype=np.int64)
        self._returns, self._lengths = np.zeros(num_envs), np.zeros(num_envs, dtype=np.int64)
        self._terms: dict[str, NDArray[np.float64]] = {}
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="physics")
        self._pending: Future[Outcome] | None = None

    def reset(self, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Begin the first episodes of ``seed``. Returns observation and privileged vector, (n, size) float32."""
        self._seed = seed
        self._episode[:] = 0
        self._returns[:], self._lengths[:] = 0.0, 0
        self._terms = {}
        for index in range(self.num_envs):
            self.task.begin(index, self._name(index))
        return self.task.observe_full(), self.task.privileged()

    def step_begin(self, action: NDArray[np.float32]) -> None:
        """Start one policy period and return at once."""
        assert self._pending is None, "step_begin before step_end of the last step"
        self._pending = self._executor.submit(self.task.advance, np.array(action, dtype=np.float64))

    def step_end(self) -> StepResult:
        """Wait for the period begun by ``step_begin``."""
        assert self._pending is not None, "step_end without step_begin"
        outcome, self._pending = self._pending.result(), None
        reward = outcome.reward
        self._returns += reward
        self._lengths += 1
        for name, value in outcome.terms.items():
            self._terms[name] = self._terms.get(name, 0.0) + value
        self._terms["force_cost"] = self._terms.get("force_cost", 0.0) - outcome.cost
        terminated = outcome.success | outcome.failure
        done = np.flatnonzero(terminated | outcome.timeout)
        episodes = [self._summary(int(index), bool(outcome.success[index])) for index in done]
        observation, privileged = self.task.observe_full(), self.task.privileged()
        final_observation, final_privileged = observation.copy(), privileged.copy()
        if done.size:
            for index in done:
                self._restart(int(index))
            observation[done] = self.task.observe_full(done)
            privileged = self.task.privileged()
        return StepResult(
            observation=observation,
            privileged=privileged,
            reward=reward.astype(np.float32),
            cost=outcome.cost.astype(np.float32),
            terminated=terminated,
            truncated=outcome.timeout,
            final_observation=final_observation,
            final_privileged=final_privileged,
            episodes=episodes,
        )

    def script(self) -> SpiralSearch:
        """The spiral search with the settings found for the connector."""
        return SpiralSearch(self.num_envs, self.config.policy_period_s, SPIRAL[self.config.connector])

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on bit for bit, between two steps."""
        return {
            "task": self.task.state_dict(),
            "seed": self._seed,
            "episode": self._episode.copy(),
            "returns": self._returns.copy(),
            "lengths": self._lengths.copy(),
            "terms": {name: value.copy() for name, value in self._terms.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to a state given by ``state_dict``."""
        self.task.load_state_dict(state["task"])
        self._seed = int(state["seed"])
        self._episode = np.array(state["episode"])
        self._returns, self._lengths = np.array(state["returns"]), np.array(state["lengths"])
        self._terms = {name: np.array(value) for name, value in state["terms"].items()}

    def close(self) -> None:
        """End the physics thread."""
        self._executor.shutdown(wait=True)

    def _name(self, index: int) -> tuple[int, ...]:
        return (self._seed, int(self._episode[index]) * self.num_envs + index)

    def _restart(self, index: int) -> None:
        self._episode[index] += 1
        self._returns[index], self._lengths[index] = 0.0, 0
        for value in self._terms.values():
            value[index] = 0.0
        self.task.begin(index, self._name(index))

    def _summary(self, index: int, success: bool) -> EpisodeSummary:
        scenario = self.task.scenarios[index]
        assert scenario is not None
        return EpisodeSummary(
            success=success and not (self.task.course is not None and self.task.course.collided[index]),
            time_s=float(self.task.time_s[index]),
            peak_force_n=float(self.task.peak_force_n[index]),
            episode_return=float(self._returns[index]),
            length=int(self._lengths[index]),
            easy=scenario.on_axis,
            reward_terms={name: float(value[index]) for name, value in self._terms.items()},
        )
