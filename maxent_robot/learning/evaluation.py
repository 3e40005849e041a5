"""Evaluation of a policy on held-out episodes of a vector environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from maxent_robot.learning.environment import EpisodeSummary, StepResult, VectorEnvironment
from maxent_robot.learning.networks import SquashedGaussianActor
from maxent_robot.trials.statistics import summarise, wilson_interval

Policy = Callable[[np.ndarray], np.ndarray]
"""(n, observation_size) float32 -> (n, action_size) float32 in [-1, 1]."""


@dataclass(frozen=True)
class EvaluationResult:
    """What a policy did in `episodes` episodes.

    Attributes:
        success: share of episodes that succeeded.
        interval: its 95 % Wilson interval.
        median_time_s: over the successes [s]; None if there are none.
        p95_force_n: 95th percentile of the peak force over all episodes [N].
        mean_return: undiscounted, without the force cost.
    """

    episodes: int
    successes: int
    success: float
    interval: tuple[float, float]
    median_time_s: float | None
    p95_force_n: float
    mean_return: float

    def to_mapping(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "interval": list(self.interval)}


def evaluate_policy(environment: VectorEnvironment, policy: Policy, episodes: int, seed: int) -> EvaluationResult:
    """Run exactly `episodes` episodes of `policy`.

    Each environment has a quota of episodes fixed beforehand. Taking whichever episodes finish first would favour
    short ones, and so the successes.
    """
    n = environment.num_envs
    quota = episodes // n + (np.arange(n) < episodes % n)
    finished: list[EpisodeSummary] = []
    observation, _ = environment.reset(seed)
    while quota.any():
        environment.step_begin(policy(observation))
        result = environment.step_end()
        for index, summary in finished_episodes(result):
            if quota[index] > 0:
                quota[index] -= 1
                finished.append(summary)
        observation = result.observation
    return summarise_episodes(finished)


def finished_episodes(result: StepResult) -> list[tuple[int, EpisodeSummary]]:
    """The episodes that a step ended, each with the index of its environment."""
    indices = np.flatnonzero(result.terminated | result.truncated)
    return [(int(index), summary) for index, summary in zip(indices, result.episodes, strict=True)]


def summarise_episodes(episodes: list[EpisodeSummary]) -> EvaluationResult:
    """Figures of a set of episodes."""
    times = [episode.time_s for episode in episodes if episode.success]
    successes = len(times)
    return EvaluationResult(
        episodes=len(episodes),
        successes=successes,
        success=successes / len(episodes),
        interval=wilson_interval(successes, len(episodes)),
        median_time_s=summarise(times).median if times else None,
        p95_force_n=summarise([episode.peak_force_n for episode in episodes]).p95,
        mean_return=summarise([episode.episode_return for episode in episodes]).mean,
    )


def mean_policy(actor: SquashedGaussianActor) -> Policy:
    """The deterministic policy tanh(mean)."""

    @torch.no_grad()
    def policy(observation: np.ndarray) -> np.ndarray:
        mean, _ = actor(torch.from_numpy(observation))
        return torch.tanh(mean).numpy()

    return policy
