"""Training several skills side by side on one pool of experience.

Soft Qs can be added up only where all of them are right, also off their own policy's path. So the skills take turns in
one world, changing within an episode, and every critic learns from all that any of them has done, with its own reward.
One temperature for all, held fixed: Qs that are divided by temperatures of their own would drown each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from maxent_robot.config import setting
from maxent_robot.errors import ConfigError
from maxent_robot.learning.algorithms import make_learner
from maxent_robot.learning.algorithms.maximum_entropy import MaximumEntropyLearner
from maxent_robot.learning.checkpoint import CheckpointStore
from maxent_robot.learning.config import LearnerConfig
from maxent_robot.learning.environment import Spaces
from maxent_robot.learning.pooled.environment import FamilyEnvironment, FamilyStep
from maxent_robot.learning.pooled.replay import PooledReplay
from maxent_robot.learning.progress import ScalarMeans
from maxent_robot.learning.trainer import TrainingError, passed, require_finite


@dataclass(frozen=True)
class PooledConfig:
    """Settings of a pooled training."""

    seed: int = setting(0, minimum=0, doc="everything random follows from it")
    steps: int = setting(100_000, minimum=1, doc="environment steps")
    warmup_steps: int = setting(2_000, minimum=0, doc="steps of uniform actions, before any update")
    update_ratio: float = setting(0.25, minimum=0.0, doc="updates of every skill for each environment step")
    switch_probability: float = setting(
        0.05, minimum=0.0, maximum=1.0, doc="that another skill takes over, in a step of an environment"
    )
    alpha: float = setting(0.05, minimum=1e-8, doc="temperature of all skills, in units of their rewards")
    checkpoint_interval_s: float = setting(60.0, unit="s", minimum=0.0, doc="time between checkpoints")
    learner: LearnerConfig = setting(LearnerConfig(), doc="networks and update rule of every skill")


Behaviour = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""A policy that takes turns with the skills and learns nothing: observations (n, size) to actions (n, action_size)."""

Progress = Callable[[int, dict[str, float]], None]
"""Called with the steps done and with scalars by `skill/name`."""

REPORT_STEPS = 2_000


class PooledTrainer:
    """Trains the skills of one environment.

    Args:
        config: the run. Of `learner`, `n_step` is taken as 1 and the temperature as `alpha`, held.
        environment: where the experience comes from.
        directory: of the run; checkpoints go into its `checkpoint`.
        behaviours: who else acts, so that the skills know where those go.

    Raises:
        ConfigError: an algorithm that has no soft Q.
    """

    def __init__(
        self,
        config: PooledConfig,
        environment: FamilyEnvironment,
        directory: Path,
        behaviours: Sequence[Behaviour] = (),
    ) -> None:
        self.config, self.environment = config, environment
        self._behaviours = tuple(behaviours)
        self.store = CheckpointStore(directory / "checkpoint")
        spaces, n = environment.spaces, environment.num_envs
        seeds = np.random.SeedSequence(config.seed).generate_state(2 + len(spaces.skills))
        settings = replace(
            config.learner,
            n_step=1,
            privileged_critic=False,
            automatic_temperature=False,
            initial_temperature=config.alpha,
        )
        nothing = np.zeros(0, dtype=np.float32)
        self.learners: dict[str, MaximumEntropyLearner] = {}
        for skill, seed in zip(spaces.skills, seeds[2:], strict=True):
            seen = spaces.observation_scale[skill.columns]
            learner = make_learner(settings, Spaces(seen, nothing, spaces.action_size), int(seed))
            if not isinstance(learner, MaximumEntropyLearner):
                raise ConfigError(f"learner.algorithm is {settings.algorithm}, must be sac or crossq: soft Qs add up")
            self.learners[skill.name] = learner
        self.replay = PooledReplay(
            settings.replay_capacity, len(spaces.observation_scale), spaces.action_size, spaces.skills
        )
        self._generator = np.random.default_rng(seeds[1])
        self._actors = len(spaces.skills) + len(self._behaviours)
        self._acting = self._generator.integers(self._actors, size=n)
        self._observation = environment.reset(int(seeds[0]))
        self._means = {name: ScalarMeans() for name in self.learners}
        self.steps = self.updates = 0
        self.elapsed_s = 0.0

    def run(self, progress: Progress, stopped: Callable[[], bool]) -> bool:
        """Train to the end, or until `stopped()` is true, and checkpoint.

        Returns:
            Whether training came to its end.

        Raises:
            TrainingError: a loss or an observation is not finite; the last checkpoint is whole.
        """
        began = saved = time.monotonic()
        began -= self.elapsed_s
        while self.steps < self.config.steps and not stopped():
            self._step()
            self.elapsed_s = time.monotonic() - began
            if passed(self.steps - self.environment.num_envs, self.steps, REPORT_STEPS):
                progress(self.steps, self._scalars())
            if time.monotonic() - saved >= self.config.checkpoint_interval_s:
                self.save()
                saved = time.monotonic()
        self.save()
        return self.steps >= self.config.steps

    def act(self) -> np.ndarray:
        """One step of all environments that nobody learns from; the observations (n, size) that it was chosen at."""
        observation = self._observation
        self.environment.step_begin(self._act(observation))
        self._turn(self.environment.step_end())
        return observation

    def _step(self) -> None:
        config, environment = self.config, self.environment
        observation = self._observation
        action = self._act(observation)
        environment.step_begin(action)
        self._update()
        result = environment.step_end()
        discount = np.where(result.terminated, 0.0, config.learner.discount)
        rows = np.concatenate(
            [observation, action, result.final_observation, result.reward, discount], axis=1, dtype=np.float32
        )
        if not np.isfinite(rows).all():
            raise TrainingError(f"after {self.steps} steps the environment gave a value that is not finite")
        self.replay.add(rows)
        self._turn(result)
        self.steps += environment.num_envs

    def _turn(self, result: FamilyStep) -> None:
        """Where a step has led to, and who acts there."""
        self._observation = result.observation
        switch = result.ended | (self._generator.random(len(result.ended)) < self.config.switch_probability)
        fresh = self._generator.integers(self._actors, size=len(result.ended))
        self._acting = np.where(switch, fresh, self._acting)

    def _act(self, observation: np.ndarray) -> np.ndarray:
        spaces = self.environment.spaces
        shape = (len(observation), spaces.action_size)
        if self.steps < self.config.warmup_steps:
            return self._generator.uniform(-1.0, 1.0, shape).astype(np.float32)
        action = np.empty(shape, dtype=np.float32)
        for number, skill in enumerate(spaces.skills):
            chosen, _ = self.learners[skill.name].act(np.ascontiguousarray(observation[:, skill.columns]))
            rows = self._acting == number
            action[rows] = chosen[rows]
        for number, behaviour in enumerate(self._behaviours, start=len(spaces.skills)):
            rows = self._acting == number
            action[rows] = behaviour(observation, self._generator)[rows]
        return action

    def _update(self) -> None:
        config = self.config
        due = int(config.update_ratio * max(0, self.steps - config.warmup_steps)) - self.updates
        for _ in range(max(0, due)):
            batches = self.replay.sample(config.learner.batch_size, self._generator)
            for (name, learner), batch in zip(self.learners.items(), batches, strict=True):
                self._means[name].add(learner.update(batch, 0.0))
            self.updates += 1

    def _scalars(self) -> dict[str, float]:
        scalars = {f"{name}/{key}": value for name, means in self._means.items() for key, value in means.read().items()}
        require_finite(scalars, self.steps)
        return scalars

    def save(self) -> None:
        """Write a checkpoint.

        Raises:
            TrainingError: training has broken down, so the last checkpoint is kept.
            CheckpointError: the disk refused; the last checkpoint is kept.
        """
        for name, learner in self.learners.items():
            require_finite({f"{name}: {key}": value for key, value in learner.weight_sums().items()}, self.steps)
        self.store.save(self.state_dict(), self.replay)

    def resume(self) -> None:
        """Go back to the last checkpoint."""
        self.load_state_dict(self.store.load(self.replay))

    def state_dict(self) -> dict[str, Any]:
        """Everything but the replay memory."""
        return {
            "learners": {name: learner.state_dict() for name, learner in self.learners.items()},
            "environment": self.environment.state_dict(),
            "generator": self._generator.bit_generator.state,
            "acting": self._acting,
            "observation": self._observation,
            "steps": self.steps,
            "updates": self.updates,
            "elapsed_s": self.elapsed_s,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        for name, learner in self.learners.items():
            learner.load_state_dict(state["learners"][name])
        self.environment.load_state_dict(state["environment"])
        self._generator.bit_generator.state = state["generator"]
        self._acting, self._observation = state["acting"], state["observation"]
        self.steps, self.updates = int(state["steps"]), int(state["updates"])
        self.elapsed_s = float(state["elapsed_s"])
