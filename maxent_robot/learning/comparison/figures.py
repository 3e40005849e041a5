"""Figures of groups of runs: scores, success, interquartile means over seeds and their bootstrap intervals.

The interquartile mean, the mean of the middle half, has a percentile bootstrap interval (Agarwal et al., Deep
Reinforcement Learning at the Edge of the Statistical Precipice, NeurIPS 2021).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from maxent_robot.learning.comparison.run_groups import RunGroup
from maxent_robot.trials.statistics import wilson_interval

MINIMUM_SEEDS = 3
"""Fewer values than this have no bootstrap interval: resamples of two numbers are these two and their mean."""

CONFIDENCE, RESAMPLES = 0.95, 5000


def interquartile_mean(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Mean of the middle half of `values` along an axis; of all where there are fewer than four."""
    from scipy.stats import trim_mean

    return np.asarray(trim_mean(values, 0.25, axis=axis))


def bootstrap_interval(*samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % percentile bootstrap interval of the interquartile mean of all samples together, along their last axis.

    Args:
        samples: shapes (..., n_i). Each is resampled by itself, so tasks of different difficulty are strata.

    Returns:
        Lower and upper bounds, shape (...).
    """
    from scipy.stats import bootstrap

    def statistic(*resamples: np.ndarray, axis: int) -> np.ndarray:
        return interquartile_mean(np.concatenate(resamples, axis=axis), axis)

    interval = bootstrap(
        samples,
        statistic,
        axis=-1,
        vectorized=True,
        method="percentile",
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(0),
    ).confidence_interval
    return np.asarray(interval.low), np.asarray(interval.high)


def group_figures(group: RunGroup) -> dict[str, Any]:
    """The figures of a group as plain data.

    `interval` is None for fewer than three seeds. For tasks with success there are `success_last` and `success_best`,
    see `success_figures`.
    """
    scores = group.scores
    interval = None
    if scores.size >= MINIMUM_SEEDS:
        interval = [float(bound) for bound in bootstrap_interval(scores)]
    figures = {
        "task": group.task,
        "method": group.method,
        "differences": dict(group.differences),
        "seeds": [run.seed for run in group.runs],
        "runs": [str(run.directory) for run in group.runs],
        "scores": [float(score) for score in scores],
        "mean_score": float(scores.mean()),
        "interquartile_mean": float(interquartile_mean(scores)),
        "interval": interval,
        "steps": float(np.median([run.evaluations[-1]["step"] for run in group.runs])),
        "training_min": float(np.mean([run.training_s for run in group.runs])) / 60.0,
    }
    if group.has_success:
        figures["success_last"] = success_figures([run.evaluations[-1] for run in group.runs])
        figures["success_best"] = success_figures([run.best for run in group.runs])
    return figures


def success_figures(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Success over the episodes of one evaluation of each seed, with its Wilson interval; else medians over seeds.

    Args:
        records: evaluations of a task with success.
    """
    successes, episodes = (int(sum(record[name] for record in records)) for name in ("successes", "episodes"))
    times = [record["median_time_s"] for record in records if record["median_time_s"] is not None]
    return {
        "successes": successes,
        "episodes": episodes,
        "success": successes / episodes,
        "interval": list(wilson_interval(successes, episodes)),
        "median_time_s": float(np.median(times)) if times else None,
        "p95_force_n": float(np.median([record["p95_force_n"] for record in records])),
    }


def overall_figures(groups: Sequence[RunGroup]) -> list[dict[str, Any]]:
    """Methods over several tasks: interquartile mean of all their scores as shares of the first method's mean.

    Empty unless two methods have one group of runs in each of two tasks or more, and unless the first one's mean is
    positive in each: a share of a negative score says nothing.
    """
    table: dict[str, dict[str, np.ndarray]] = {}
    for group in groups:
        scores_of = table.setdefault(_method_key(group), {})
        if group.task in scores_of:
            return []
        scores_of[group.task] = group.scores
    tasks = list(dict.fromkeys(group.task for group in groups))
    names = {_method_key(group): group.method for group in reversed(groups)}
    complete = {key: scores for key, scores in table.items() if len(scores) == len(tasks)}
    if len(tasks) < 2 or len(complete) < 2:
        return []
    reference = next(iter(complete.values()))
    means = {task: float(reference[task].mean()) for task in tasks}
    if min(means.values()) <= 0.0:
        return []
    figures = []
    for key, scores in complete.items():
        shares = [scores[task] / means[task] for task in tasks]
        enough = all(share.size >= MINIMUM_SEEDS for share in shares)
        figures.append(
            {
                "method": names[key],
                "tasks": tasks,
                "runs": int(sum(share.size for share in shares)),
                "interquartile_mean": float(interquartile_mean(np.concatenate(shares))),
                "interval": [float(bound) for bound in bootstrap_interval(*shares)] if enough else None,
            }
        )
    return figures


def _method_key(group: RunGroup) -> str:
    """What a method is, whatever the task: algorithm and settings of learner and trainer."""
    settings = group.runs[0].settings
    return json.dumps({key: value for key, value in settings.items() if key.startswith(("learner.", "trainer."))})
