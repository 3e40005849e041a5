"""The hockey tasks as the learner's vector environment: n episodes in lock step, on the caller's own thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.learning.environment import EpisodeSummary, Rival, Spaces, StepResult
from maxent_robot.skill.hockey import HOCKEY_AXES, hockey_scale
from sim.episode_ledger import EpisodeLedger
from sim.hockey.opponents import make_player
from sim.hockey.players import Player
from sim.hockey.task import SCRIPTS, HockeyTask
from sim.hockey.tasks import Task


class VectorHockey:
    """`num_envs` episodes; a finished one is followed by the next in the same step.

    The `j`-th episode in place `i` after `reset(seed)` begins as number `j * num_envs + i` of that seed, whatever the
    actions were; noise and drop-outs of the senses are drawn step by step.

    Args:
        task: of `num_envs` episodes.
    """

    def __init__(self, task: Task) -> None:
        self.task, self.config, self.num_envs = task, task.config, task.n
        self.spaces = Spaces(hockey_scale(), task.privileged_scale, len(HOCKEY_AXES))
        self._ledger = EpisodeLedger(task.n)
        self._pending: NDArray[np.float32] | None = None
        opponent = task.opponent if isinstance(task, HockeyTask) else None
        self._rival = opponent if isinstance(opponent, Rival) else None

    def remember(self, policy: object) -> None:
        """See `SelfPlay`."""
        if self._rival is not None:
            self._rival.remember(policy)

    def reset(self, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Begin the first episodes of `seed`. Returns observation and privileged vector, (n, size) float32."""
        self._ledger.reset(seed)
        self.task.seed(seed)
        self._begin(np.arange(self.num_envs))
        return self.task.observe(), self.task.privileged()

    def step_begin(self, action: NDArray[np.float32]) -> None:
        """Take note of the actions; the tables are stepped by `step_end`."""
        assert self._pending is None, "step_begin before step_end of the last step"
        self._pending = np.array(action, dtype=np.float32)

    def step_end(self) -> StepResult:
        """Step all tables."""
        assert self._pending is not None, "step_end without step_begin"
        action, self._pending = self._pending, None
        outcome = self.task.advance(action)
        self._ledger.count(outcome.reward, outcome.terms)
        terminated = outcome.success | outcome.failure | outcome.drawn
        done = np.flatnonzero(terminated | outcome.timeout)
        if self._rival is not None:
            self._rival.count(done, outcome.success[done] + 0.5 * ~(outcome.success | outcome.failure)[done])
        episodes = [self._summary(int(index), bool(outcome.success[index])) for index in done]
        observation, privileged = self.task.observe(), self.task.privileged()
        final_observation, final_privileged = observation.copy(), privileged.copy()
        if done.size:
            self._ledger.begin_next(done)
            self._begin(done)
            observation, privileged = self.task.observe(), self.task.privileged()
        return StepResult(
            observation=observation,
            privileged=privileged,
            reward=outcome.reward.astype(np.float32),
            cost=np.zeros(self.num_envs, dtype=np.float32),
            terminated=terminated,
            truncated=outcome.timeout & ~outcome.drawn,
            final_observation=final_observation,
            final_privileged=final_privileged,
            episodes=episodes,
        )

    def script(self) -> Player:
        """The best player written by hand for the task."""
        return make_player(SCRIPTS[self.config.task], self.config.table, self.num_envs)

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on bit for bit, between two steps."""
        return {"task": self.task.state_dict(), **self._ledger.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to a state given by `state_dict`."""
        self.task.load_state_dict(state["task"])
        self._ledger.load_state_dict(state)

    def close(self) -> None:
        """It has no threads."""

    def _begin(self, index: NDArray[np.intp]) -> None:
        self.task.begin(index, [self._ledger.name(int(place)) for place in index])

    def _summary(self, index: int, success: bool) -> EpisodeSummary:
        return EpisodeSummary(
            success=success,
            time_s=float(self.task.time_s[index]),
            peak_force_n=0.0,
            episode_return=float(self._ledger.returns[index]),
            length=int(self._ledger.lengths[index]),
            easy=False,
            reward_terms=self._ledger.terms(index),
        )
