"""Plug insertion with an obstacle on the way, for skills that are composed with an insertion: `avoid` and `gentle`.

An observation is the full one (156): that of the insertion, and the frame of the obstacle. `avoid` sees the newest
frame and the obstacle, `gentle` the newest frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.learning.pooled.environment import FamilySpaces, FamilyStep, SkillView
from maxent_robot.skill import ACTION_SIZE
from maxent_robot.skill.layout import INSERTION_LAYOUTS
from sim.episode_ledger import EpisodeLedger
from sim.plug.config import PlugConfig
from sim.plug.task import Outcome, PlugTask

_, _NEWEST, _WITH_OBSTACLE = INSERTION_LAYOUTS
SKILLS = (SkillView("avoid", _WITH_OBSTACLE.columns), SkillView("gentle", _NEWEST.columns))


class VectorPlugFamily:
    """`num_envs` episodes for pooled training; a finished one is followed by the next in the same step.

    The reward of `avoid` is minus the nearness of the obstacle in the step, that of `gentle` minus the force cost of
    the insertion. Nothing terminates them: an episode that ends is cut.
    """

    def __init__(self, config: PlugConfig, num_envs: int, threads: int = 1) -> None:
        self.config, self.num_envs = config, num_envs
        self.task = PlugTask(config, num_envs, threads)
        self.spaces = FamilySpaces(self.task.observation_scale, ACTION_SIZE, SKILLS)
        self._ledger = EpisodeLedger(num_envs)
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="physics")
        self._pending: Future[Outcome] | None = None

    def reset(self, seed: int) -> NDArray[np.float32]:
        """See `FamilyEnvironment`."""
        self._ledger.reset(seed)
        for index in range(self.num_envs):
            self.task.begin(index, self._ledger.name(index))
        return self.task.observe_full()

    def step_begin(self, action: NDArray[Any]) -> None:
        """See `FamilyEnvironment`."""
        assert self._pending is None, "step_begin before step_end of the last step"
        self._pending = self._executor.submit(self.task.advance, np.array(action, dtype=np.float64))

    def step_end(self) -> FamilyStep:
        """See `FamilyEnvironment`."""
        assert self._pending is not None, "step_end without step_begin"
        outcome, self._pending = self._pending.result(), None
        assert self.task.course is not None
        reward = np.stack([-self.task.course.nearness(), -outcome.cost], axis=1)
        ended = outcome.success | outcome.failure | outcome.timeout
        final = self.task.observe_full()
        observation = final.copy()
        done = np.flatnonzero(ended)
        if done.size:
            self._ledger.begin_next(done)
            for index in done:
                self.task.begin(int(index), self._ledger.name(int(index)))
            observation[done] = self.task.observe_full(done)
        return FamilyStep(
            observation=observation,
            reward=reward.astype(np.float32),
            terminated=np.zeros(reward.shape, dtype=bool),
            ended=ended,
            final_observation=final,
        )

    def state_dict(self) -> dict[str, Any]:
        """See `FamilyEnvironment`."""
        return {"task": self.task.state_dict(), **self._ledger.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `FamilyEnvironment`."""
        self.task.load_state_dict(state["task"])
        self._ledger.load_state_dict(state)

    def close(self) -> None:
        """End the physics thread."""
        self._executor.shutdown(wait=True)
