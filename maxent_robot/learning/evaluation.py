"""Evaluation of a policy on held-out episodes of a vector environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from maxent_robot.learning.config import TrainerConfig
from maxent_robot.learning.environment import EpisodeSummary, StepResult, VectorEnvironment
from maxent_robot.learning.progress import format_time
from maxent_robot.trials.statistics import summarise, wilson_interval

Policy = Callable[[np.ndarray], np.ndarray]
"""(n, observation_size) float32 -> actions, (n, action_size) float32."""


@dataclass(frozen=True)
class SuccessFigures:
    """Where the task says of each episode whether it succeeded.

    Attributes:
        success: share of episodes that succeeded.
        interval: its 95 % Wilson interval.
        median_time_s: over the successes [s]; None if there are none.
        p95_force_n: 95th percentile of the peak force over all episodes [N].
    """

    successes: int
    success: float
    interval: tuple[float, float]
    median_time_s: float | None
    p95_force_n: float


@dataclass(frozen=True)
class EvaluationResult:
    """What a policy did in `episodes` episodes.

    Attributes:
        mean_return: undiscounted, without the force cost.
        returns: of each episode; empty where success is what counts.
        success: None where the task has no such notion.
    """

    episodes: int
    mean_return: float
    returns: tuple[float, ...]
    success: SuccessFigures | None

    def to_mapping(self) -> dict[str, Any]:
        """Plain data, on one level."""
        figures: dict[str, Any] = {"episodes": self.episodes, "mean_return": self.mean_return}
        if self.success is None:
            return {**figures, "returns": list(self.returns)}
        return {**figures, **asdict(self.success), "interval": list(self.success.interval)}

    def scalars(self) -> dict[str, float]:
        """What is drawn over the steps of a run."""
        scalars = {"return": self.mean_return}
        if self.success is not None:
            scalars.update(success=self.success.success, p95_force_n=self.success.p95_force_n)
            if self.success.median_time_s is not None:
                scalars["median_time_s"] = self.success.median_time_s
        return scalars


def describe_evaluation(record: Mapping[str, Any]) -> str:
    """The figures of an evaluation in a line, from its plain data."""
    if "success" not in record:
        return f"mean return {record['mean_return']:.1f} of {record['episodes']} episodes"
    low, high = record["interval"]
    return (
        f"success {record['successes']}/{record['episodes']} [{low:.3f}, {high:.3f}], "
        f"return {record['mean_return']:.3g}, median {format_time(record['median_time_s'])}, "
        f"peak force p95 {record['p95_force_n']:.1f} N"
    )


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
    returns = [episode.episode_return for episode in episodes]
    has_success = all(episode.success is not None for episode in episodes)
    return EvaluationResult(
        episodes=len(episodes),
        mean_return=summarise(returns).mean,
        returns=() if has_success else tuple(returns),
        success=_success_figures(episodes) if has_success else None,
    )


def evaluation_score(result: EvaluationResult, settings: TrainerConfig) -> float:
    """What the best policy is chosen by.

    Success, less the relative excess over the bounds on median time and on the 95th percentile of peak force; the mean
    return where there is no success, or where the settings say so.
    """
    if result.success is None or settings.best_by == "return":
        return result.mean_return
    score = result.success.success
    for value, bound in (
        (result.success.median_time_s, settings.target_time_s),
        (result.success.p95_force_n, settings.target_force_n),
    ):
        if bound > 0.0:
            score -= 1.0 if value is None else max(0.0, value / bound - 1.0)
    return score


def _success_figures(episodes: list[EpisodeSummary]) -> SuccessFigures:
    times = [episode.time_s for episode in episodes if episode.success]
    successes = len(times)
    return SuccessFigures(
        successes=successes,
        success=successes / len(episodes),
        interval=wilson_interval(successes, len(episodes)),
        median_time_s=summarise(times).median if times else None,
        p95_force_n=summarise([episode.peak_force_n for episode in episodes]).p95,
    )
