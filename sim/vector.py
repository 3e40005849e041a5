"""Plug insertion as the learner's vector environment: n episodes in lock step, physics beside the caller's own work."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.learning.environment import EpisodeSummary, Spaces, StepResult
from maxent_robot.skill import ACTION_SIZE
from sim.episode_ledger import EpisodeLedger
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
        self._ledger = EpisodeLedger(num_envs)
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="physics")
        self._pending: Future[Outcome] | None = None

    def reset(self, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Begin the first episodes of ``seed``. Returns observation and privileged vector, (n, size) float32."""
        self._ledger.reset(seed)
        for index in range(self.num_envs):
            self.task.begin(index, self._ledger.name(index))
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
        self._ledger.count(reward, {**outcome.terms, "force_cost": -outcome.cost})
        terminated = outcome.success | outcome.failure
        done = np.flatnonzero(terminated | outcome.timeout)
        episodes = [self._summary(int(index), bool(outcome.success[index])) for index in done]
        observation, privileged = self.task.observe_full(), self.task.privileged()
        final_observation, final_privileged = observation.copy(), privileged.copy()
        if done.size:
            self._ledger.begin_next(done)
            for index in done:
                self.task.begin(int(index), self._ledger.name(int(index)))
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
        return {"task": self.task.state_dict(), **self._ledger.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to a state given by ``state_dict``."""
        self.task.load_state_dict(state["task"])
        self._ledger.load_state_dict(state)

    def close(self) -> None:
        """End the physics thread."""
        self._executor.shutdown(wait=True)

    def _summary(self, index: int, success: bool) -> EpisodeSummary:
        scenario = self.task.scenarios[index]
        assert scenario is not None
        return EpisodeSummary(
            success=success and not (self.task.course is not None and self.task.course.collided[index]),
            time_s=float(self.task.time_s[index]),
            peak_force_n=float(self.task.peak_force_n[index]),
            episode_return=float(self._ledger.returns[index]),
            length=int(self._ledger.lengths[index]),
            easy=scenario.on_axis,
            reward_terms=self._ledger.terms(index),
        )
