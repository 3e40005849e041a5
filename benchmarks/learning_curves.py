"""What is read off the results of returns.py: learning curves, scores, and the time to a return.

A score at N steps is the mean of the last three evaluations up to N, and a curve is smoothed by the same mean, so that
the end of a smoothed curve is the score.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from maxent_robot.errors import MaxentRobotError
from maxent_robot.learning.comparison import figures as comparison_figures
from maxent_robot.learning.comparison.run_groups import SCORED_EVALUATIONS

REFERENCE = "stable_baselines3"

Clock = Literal["wall_s", "cpu_s"]
Key = tuple[str, str, int]
"""Contender, environment and steps of the run."""


class ResultError(MaxentRobotError):
    """A result can't be read, or does not hold what is asked of it."""


@dataclass(frozen=True)
class LearningCurves:
    """The runs of one contender on one task, one row a seed and one column an evaluation."""

    seeds: tuple[int, ...]
    steps: np.ndarray  # (evaluations,)
    returns: np.ndarray  # (seeds, evaluations), means over the episodes of an evaluation
    wall_s: np.ndarray  # (seeds, evaluations), training only
    cpu_s: np.ndarray  # (seeds, evaluations), training only

    def of_seeds(self, seeds: Iterable[int]) -> LearningCurves:
        """The rows of these seeds."""
        wanted = set(seeds)
        rows = [row for row, seed in enumerate(self.seeds) if seed in wanted]
        chosen = tuple(self.seeds[row] for row in rows)
        return LearningCurves(chosen, self.steps, self.returns[rows], self.wall_s[rows], self.cpu_s[rows])

    def scores(self, steps: int) -> np.ndarray:
        """Score of each seed at `steps`, shape (seeds,).

        Raises:
            ResultError: there are fewer than three evaluations up to there.
        """
        returns = self.returns[:, self.steps <= steps]
        if returns.shape[1] < SCORED_EVALUATIONS:
            raise ResultError(f"{returns.shape[1]} evaluations up to {steps} steps; a score needs {SCORED_EVALUATIONS}")
        return np.asarray(returns[:, -SCORED_EVALUATIONS:].mean(axis=1))

    def time_to(self, level: float, clock: Clock) -> float | None:
        """Training time [s] at which the smoothed mean curve of the seeds first reaches `level`; None if it never does.

        Between two evaluations the curve is taken for a straight line.
        """
        smoothed = trailing_mean(self.returns.mean(axis=0))
        times = getattr(self, clock).mean(axis=0)[SCORED_EVALUATIONS - 1 :]
        reached = np.flatnonzero(smoothed >= level)
        if reached.size == 0:
            return None
        index = int(reached[0])
        if index == 0:
            return float(times[0])
        return float(np.interp(level, smoothed[index - 1 : index + 1], times[index - 1 : index + 1]))


def trailing_mean(values: np.ndarray) -> np.ndarray:
    """Means of the last three of `values` (n,) at each place that has three, shape (n - 2,)."""
    if values.size < SCORED_EVALUATIONS:
        return np.empty(0)
    return np.lib.stride_tricks.sliding_window_view(values, SCORED_EVALUATIONS).mean(axis=1)


def interquartile_mean(values: ArrayLike) -> float | None:
    """Mean of the middle half of `values`; None for fewer than four, which have no quarter to leave out."""
    array = np.asarray(values, dtype=float)
    return float(comparison_figures.interquartile_mean(array)) if array.size >= 4 else None


def load_results(directory: Path) -> list[dict[str, Any]]:
    """Every `<contender>/<env>/seed_*.json` under `directory`, with its `contender`.

    Raises:
        ResultError: a file is damaged.
    """
    results = []
    for path in sorted(directory.glob("*/*/seed_*.json")):
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ResultError(f"{path}: can't be read: {error}") from error
        results.append({**result, "contender": path.parent.parent.name})
    return results


def learning_curves(results: Iterable[dict[str, Any]]) -> dict[Key, LearningCurves]:
    """The curves of results, by contender, environment and steps; evaluations that some seed lacks are left out."""
    groups: dict[Key, list[dict[str, Any]]] = {}
    for result in results:
        groups.setdefault((result["contender"], result["env"], result["steps"]), []).append(result)
    return {key: _curves(sorted(group, key=lambda result: int(result["seed"]))) for key, group in groups.items()}


def _curves(results: list[dict[str, Any]]) -> LearningCurves:
    rows = [{evaluation["step"]: evaluation for evaluation in result["evaluations"]} for result in results]
    steps = sorted(set(rows[0]).intersection(*rows[1:]))

    def matrix(field: str) -> np.ndarray:
        return np.array([[row[step][field] for step in steps] for row in rows], dtype=float)

    seeds = tuple(int(result["seed"]) for result in results)
    return LearningCurves(seeds, np.array(steps), matrix("mean_return"), matrix("wall_s"), matrix("cpu_s"))
