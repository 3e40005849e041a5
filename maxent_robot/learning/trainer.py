"""The training loop: collect, learn, evaluate, checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from maxent_robot.errors import MaxentRobotError
from maxent_robot.learning.algorithms import make_learner
from maxent_robot.learning.algorithms.maximum_entropy import MaximumEntropyLearner
from maxent_robot.learning.checkpoint import CheckpointStore
from maxent_robot.learning.config import TrainConfig
from maxent_robot.learning.cost_ramp import CostRamp
from maxent_robot.learning.environment import SelfPlay, StepResult, VectorEnvironment
from maxent_robot.learning.evaluation import (
    describe_evaluation,
    evaluate_policy,
    evaluation_score,
)
from maxent_robot.learning.progress import ProgressLog, ScalarMeans, format_seconds
from maxent_robot.learning.recent_episodes import RecentEpisodes
from maxent_robot.learning.replay import NStepAssembler, ReplayMemory
from maxent_robot.learning.stopwatch import Stopwatch
from maxent_robot.learning.warm_up import WarmUp

_SHOWN = {
    "success": ("success", ".2f"),
    "return": ("ret", ".1f"),
    "temperature": ("alpha", ".3g"),
    "cost_weight": ("cost", ".2f"),
}
"""Scalars behind the progress bar, with their short names and forms."""


class TrainingError(MaxentRobotError):
    """Training can't go on."""


class Trainer:
    """Trains one policy on one vector environment.

    While the physics of a step runs beside it, the learner does the updates that are due, on data of earlier steps. The
    actions of a step are chosen before these updates and the transitions stored after them, so the order of everything
    random is fixed and a run depends on its seed alone.

    Args:
        config: the run.
        environment: where data come from.
        evaluation_environment: where the policy is judged, on the same held-out episodes each time; all hard.
        directory: of the run; checkpoints go into its `checkpoint`.
    """

    def __init__(
        self,
        config: TrainConfig,
        environment: VectorEnvironment,
        evaluation_environment: VectorEnvironment,
        directory: Path,
    ) -> None:
        self.config = config
        self.environment = environment
        self.evaluation_environment = evaluation_environment
        self.store = CheckpointStore(directory / "checkpoint")
        streams = np.random.SeedSequence(config.seed).generate_state(6)
        self._learner_seed, self._environment_seed, self.evaluation_seed, self.critic_seed = map(int, streams[:4])
        self._warm_up = WarmUp(environment, config.trainer.demonstrations, int(streams[4]))
        self._sampler = np.random.default_rng(streams[5])
        spaces = environment.spaces
        if not config.learner.privileged_critic:
            spaces = replace(spaces, privileged_scale=spaces.privileged_scale[:0])
        self.learner = make_learner(config.learner, spaces, self._learner_seed)
        self.learner.use_threads(config.trainer.threads)
        self.replay = ReplayMemory(config.learner.replay_capacity, *spaces.sizes)
        learner = config.learner
        self._assembler = NStepAssembler(environment.num_envs, learner.n_step, learner.discount, sum(spaces.sizes))
        self.cost_ramp = CostRamp(config.trainer.cost_ramp)
        self.steps = 0
        self.saved_steps = 0
        self.elapsed_s = 0.0
        self.training = Stopwatch()
        self.pace = Stopwatch()
        self.evaluations: list[dict[str, Any]] = []
        self.best: dict[str, Any] | None = None
        self.target_met = ""
        self.recent = RecentEpisodes(config.trainer.success_window)
        self._means = ScalarMeans()
        self._observation, privileged = environment.reset(self._environment_seed)
        self._privileged = self._seen(privileged)
        self.learner.observe(self._observation)
        self._remember()

    @property
    def updates(self) -> int:
        """Updates done."""
        return self.learner.updates

    @property
    def makes_skill(self) -> bool:
        """Whether what is trained can become a skill bundle."""
        return self.config.task != "gymnasium" and isinstance(self.learner, MaximumEntropyLearner)

    def run(self, log: ProgressLog, stopped: Callable[[], bool]) -> bool:
        """Train until a budget is spent or the target is met, or `stopped()` is true, and checkpoint.

        Returns:
            Whether training came to its end; False if it was stopped and may be resumed.
        """
        settings = self.config.trainer
        began = time.monotonic() - self.elapsed_s
        saved = time.monotonic()
        shown_steps, shown = self.steps, time.monotonic()
        while not self.finished and not stopped():
            before = self.steps
            with self.training, self.pace if self.updates else nullcontext():
                self._step()
            log.advance(self.steps - before)
            self.elapsed_s = time.monotonic() - began
            if passed(before, self.steps, settings.log_interval_steps):
                now = time.monotonic()
                self._report(log, (self.steps - shown_steps) / (now - shown))
                shown_steps, shown = self.steps, now
            if passed(before, self.steps, settings.evaluation_interval_steps):
                self._evaluate(log)
                self.elapsed_s = time.monotonic() - began
            if time.monotonic() - saved >= settings.checkpoint_interval_s:
                self.save()
                saved = time.monotonic()
        if self.finished and (not self.evaluations or self.evaluations[-1]["step"] < self.steps):
            self._evaluate(log)
            self.elapsed_s = time.monotonic() - began
        self.save()
        return bool(self.finished)

    def _step(self) -> None:
        """One policy period of all environments, with the updates that are due."""
        environment = self.environment
        if self.steps < self.config.trainer.warmup_steps:
            action, surprisal = self._warm_up.act(self._observation)
        else:
            action, surprisal = self.learner.act(self._observation)
            self._require_finite({"the sum of the actions": float(action.sum())})
        head = np.concatenate([self._observation, self._privileged, action], axis=1)
        environment.step_begin(action)
        self._update()
        self._store(head, surprisal, environment.step_end())
        self.cost_ramp.advance(self.recent.success, environment.num_envs)

    def _update(self) -> None:
        settings = self.config.trainer
        due = int(settings.update_ratio * max(0, self.steps - settings.warmup_steps)) - self.updates
        if due <= 0 or len(self.replay) == 0:
            return
        for batch in self.replay.sample(due, self.config.learner.batch_size, self._sampler):
            self._means.add(self.learner.update(batch, self.cost_ramp.weight))

    def _store(self, head: np.ndarray, surprisal: np.ndarray, result: StepResult) -> None:
        privileged = self._seen(result.privileged)
        following = np.concatenate([result.observation, privileged], axis=1)
        ended = result.terminated | result.truncated
        if ended.any():
            final = [result.final_observation, self._seen(result.final_privileged)]
            following[ended] = np.concatenate(final, axis=1)[ended]
        rows = self._assembler.push(
            head, result.reward, result.cost, surprisal, following, result.terminated, result.truncated
        )
        if not np.isfinite(rows).all():
            raise TrainingError(f"after {self.steps} steps the environment gave a value that is not finite")
        self.replay.add(rows)
        self._warm_up.end_episodes(ended)
        self.recent.add(result.episodes)
        self._observation, self._privileged = result.observation, privileged
        self.learner.observe(self._observation)
        self.steps += self.environment.num_envs

    def _seen(self, privileged: np.ndarray) -> np.ndarray:
        """What the critics see of the privileged vectors."""
        return privileged[:, : len(self.learner.spaces.privileged_scale)]

    @property
    def finished(self) -> str:
        """Why training is over; empty while it is not. More steps or minutes let it go on, a met target does not."""
        settings = self.config.trainer
        if self.target_met:
            return self.target_met
        if self.steps >= settings.steps:
            return f"{self.steps} steps done"
        if settings.wall_minutes > 0.0 and self.elapsed_s >= 60.0 * settings.wall_minutes:
            return f"{settings.wall_minutes:g} minutes used"
        return ""

    def _evaluate(self, log: ProgressLog) -> None:
        settings = self.config.trainer
        result = evaluate_policy(
            self.evaluation_environment, self.learner.policy(), settings.evaluation_episodes, self.evaluation_seed
        )
        record = {
            "step": self.steps,
            "wall_s": round(self.elapsed_s, 3),
            "training_s": round(self.training.wall_s, 3),
            "cpu_s": round(self.training.cpu_s, 3),
            **result.to_mapping(),
        }
        self._remember()
        self.evaluations.append(record)
        log.scalars("evaluation", result.scalars(), self.steps)
        mark = ""
        score = evaluation_score(result, settings)
        if self.best is None or score >= self.best["score"]:
            mark = "  best so far"
            temperature = self.learner.temperature
            self.best = {
                "score": score,
                "policy": {name: value.clone() for name, value in self.learner.judged.state_dict().items()},
                "temperature": None if temperature is None else temperature.value,
                "cost_weight": self.cost_ramp.weight,
                "evaluation": record,
            }
        log.say(f"{format_seconds(self.elapsed_s):>6} {self.steps:>9} steps: {describe_evaluation(record)}{mark}")
        if result.success is not None and self.steps >= settings.minimum_steps and score >= settings.target_success:
            self.target_met = f"evaluated success {result.success.success:.3f} within the bounds asked for"

    def _remember(self) -> None:
        """Let later policies meet the present one."""
        if isinstance(self.environment, SelfPlay):
            self.environment.remember(self.learner.judged)

    def _report(self, log: ProgressLog, steps_per_s: float) -> None:
        means = self._means.read()
        self._require_finite(means)
        figures = {"cost_weight": self.cost_ramp.weight, "steps_per_s": steps_per_s, "updates": float(self.updates)}
        figures.update(self.recent.figures())
        log.scalars("train", figures, self.steps)
        log.scalars(self.config.learner.algorithm, means, self.steps)
        log.scalars("reward", self.recent.read_reward_terms(), self.steps)
        settings = self.config.trainer
        left = (settings.steps - self.steps) / steps_per_s
        if settings.wall_minutes > 0.0:
            left = min(left, 60.0 * settings.wall_minutes - self.elapsed_s)
        values = {**figures, **means}
        texts = {key: f"{values[name]:{form}}" for name, (key, form) in _SHOWN.items() if name in values}
        log.show(**texts, ends=format_seconds(max(0.0, left)))

    def _require_finite(self, means: dict[str, float]) -> None:
        """Raise TrainingError if a loss or another scalar is NaN or infinite."""
        saved = f"; the last checkpoint, {self.saved_steps} steps, is whole" if self.store.exists() else ""
        require_finite(means, self.steps, saved)

    def save(self) -> None:
        """Write a checkpoint.

        Raises:
            TrainingError: training has broken down, so the last checkpoint is kept.
            CheckpointError: the disk refused; the last checkpoint is kept.
        """
        self._require_finite(self.learner.weight_sums())
        self.store.save(self.state_dict(), self.replay)
        self.saved_steps = self.steps

    def resume(self) -> None:
        """Go back to the last checkpoint."""
        self.load_state_dict(self.store.load(self.replay))

    def state_dict(self) -> dict[str, Any]:
        """Everything but the replay memory."""
        return {
            "learner": self.learner.state_dict(),
            "environment": self.environment.state_dict(),
            "assembler": self._assembler.state_dict(),
            "warm_up": self._warm_up.state_dict(),
            "sampler": self._sampler.bit_generator.state,
            "observation": self._observation,
            "privileged": self._privileged,
            "cost_weight": self.cost_ramp.weight,
            "steps": self.steps,
            "elapsed_s": self.elapsed_s,
            "training": self.training.state_dict(),
            "pace": self.pace.state_dict(),
            "evaluations": self.evaluations,
            "best": self.best,
            "target_met": self.target_met,
            "recent": self.recent.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        self.learner.load_state_dict(state["learner"])
        self.environment.load_state_dict(state["environment"])
        self._assembler.load_state_dict(state["assembler"])
        self._warm_up.load_state_dict(state["warm_up"])
        self._sampler.bit_generator.state = state["sampler"]
        self._observation, self._privileged = state["observation"], state["privileged"]
        self.cost_ramp.weight = state["cost_weight"]
        self.steps = state["steps"]
        self.elapsed_s = state["elapsed_s"]
        self.training.load_state_dict(state["training"])
        self.pace.load_state_dict(state["pace"])
        self.saved_steps = self.steps
        self.evaluations, self.best = state["evaluations"], state["best"]
        self.target_met = state["target_met"]
        self.recent.load_state_dict(state["recent"])


def configure_torch() -> None:
    """One thread leaves the other cores to the physics and to other runs; no denormals, which are slow."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def require_finite(scalars: Mapping[str, float], steps: int, saved: str = "") -> None:
    """Raise TrainingError if one of these is NaN or infinite; `saved` ends its message."""
    broken = [f"{name} is {value}" for name, value in scalars.items() if not math.isfinite(value)]
    if broken:
        raise TrainingError(f"training broke down by step {steps}: {', '.join(broken)}{saved}")


def passed(before: int, after: int, interval: int) -> bool:
    """Whether a multiple of `interval` lies in (before, after]."""
    return before // interval != after // interval
