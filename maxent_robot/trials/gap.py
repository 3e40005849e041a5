"""The gap between simulation and arm: the same protocol run on both, condition by condition and channel by channel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.skill.observation import FRAME_SIZE, OBSERVATION_FIELDS
from maxent_robot.trials.experiment_files import ExperimentFiles
from maxent_robot.trials.outcome import TrialResult
from maxent_robot.trials.recordings import newest_frames
from maxent_robot.trials.statistics import StatisticsError, summarise, wilson_interval

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RateDifference:
    """Of two independent success rates: first minus second, with its interval and p-value."""

    difference: float
    low: float
    high: float
    p_value: float


def rate_difference(first: tuple[int, int], second: tuple[int, int], confidence: float = 0.95) -> RateDifference:
    """Compare (successes, trials) of two independent groups.

    The interval is Newcombe's, from the Wilson intervals of both (R. Newcombe, Statistics in Medicine 17, 1998, method
    10); the p-value Barnard's unconditional exact test.
    """
    from scipy.stats import barnard_exact

    (k, n), (j, m) = first, second
    if not n or not m:
        return RateDifference(math.nan, math.nan, math.nan, 1.0)
    (low_a, high_a), (low_b, high_b) = (wilson_interval(*group, confidence) for group in (first, second))
    p, q = k / n, j / m
    p_value = 1.0 if p == q else float(barnard_exact([[k, j], [n - k, m - j]]).pvalue)
    return RateDifference(
        p - q, p - q - math.hypot(p - low_a, high_b - q), p - q + math.hypot(high_a - p, q - low_b), p_value
    )


@dataclass(frozen=True)
class ChannelDrift:
    """One number that the policy sees, on the arm and in simulation.

    Attributes:
        name: field and axis.
        unit: of the means.
        arm, simulation: means.
        shift: of the mean, in standard deviations of the simulation.
        spread: standard deviation on the arm over that in simulation.
        distance: largest difference of the two distribution functions (Kolmogorov and Smirnov), 0 to 1.
    """

    name: str
    unit: str
    arm: float
    simulation: float
    shift: float
    spread: float
    distance: float


def channel_names() -> list[tuple[str, str]]:
    """Name and unit of each number of a frame, in order."""
    names = []
    for field in OBSERVATION_FIELDS:
        axes = ("x", "y", "z", "rx", "ry", "rz")[: field.size] if field.size > 1 else ("",)
        names += [(f"{field.name} {axis}".strip(), field.unit) for axis in axes]
    return names


def observation_drift(arm: Array, simulation: Array) -> list[ChannelDrift]:
    """How far what the policy sees on the arm is from what it sees in simulation, the farthest channel first.

    Args:
        arm, simulation: (steps, 25) newest frames.

    Raises:
        StatisticsError: no steps.
    """
    from scipy.stats import ks_2samp

    if not len(arm) or not len(simulation):
        raise StatisticsError(
            f"drift: {len(arm)} steps of the arm, {len(simulation)} of the simulation; needed are both"
        )
    drifts = []
    for number, (name, unit) in enumerate(channel_names()):
        a, b = arm[:, number], simulation[:, number]
        spread = float(b.std())
        shift = float(a.mean() - b.mean())
        drifts.append(
            ChannelDrift(
                name,
                unit,
                float(a.mean()),
                float(b.mean()),
                shift / spread if spread > 0.0 else (0.0 if shift == 0.0 else math.copysign(math.inf, shift)),
                float(a.std()) / spread if spread > 0.0 else math.nan,
                float(ks_2samp(a, b, method="asymp").statistic),
            )
        )
    return sorted(drifts, key=lambda drift: -drift.distance)


def gap_figures(
    arm: ExperimentFiles,
    on_arm: Mapping[str, Sequence[TrialResult]],
    simulation: ExperimentFiles,
    simulated: Mapping[str, Sequence[TrialResult]],
) -> dict[str, Any]:
    """The gap as plain data: `conditions` by name, each with `arm`, `simulation`, their `success` difference, `time_s`
    and `peak_force_n` with medians and a Mann-Whitney p-value; and `drift`, the channels, the farthest first.

    Args:
        arm, simulation: where the recordings are.
        on_arm, simulated: results by condition.

    Raises:
        StatisticsError: the two have no condition in common.
        RecordingError: a recording can't be read.
    """
    names = [name for name in on_arm if name in simulated]
    if not names:
        raise StatisticsError(f"{simulation.directory}: has none of the conditions {', '.join(on_arm)}")
    conditions = {}
    for name in names:
        a, b = on_arm[name], simulated[name]
        conditions[name] = {
            "arm": _inserted(a),
            "simulation": _inserted(b),
            "success": vars(rate_difference(_inserted(a), _inserted(b))),
            "time_s": _shift([r.time_s for r in a if r.succeeded], [r.time_s for r in b if r.succeeded]),
            "peak_force_n": _shift([r.peak_force_n for r in a], [r.peak_force_n for r in b]),
        }
    frames = [
        np.concatenate([np.zeros((0, FRAME_SIZE)), *(_frames(files, r) for name in names for r in results[name])])
        for files, results in ((arm, on_arm), (simulation, simulated))
    ]
    drift = [vars(channel) for channel in observation_drift(*frames)] if all(map(len, frames)) else []
    return {"conditions": conditions, "drift": drift, "steps": [len(one) for one in frames]}


def _inserted(results: Sequence[TrialResult]) -> tuple[int, int]:
    return sum(result.succeeded for result in results), len(results)


def _shift(first: Sequence[float], second: Sequence[float]) -> Mapping[str, Any]:
    from scipy.stats import mannwhitneyu

    a, b = summarise(first), summarise(second)
    p = float(mannwhitneyu(first, second).pvalue) if a.count and b.count else 1.0
    medians = [None if math.isnan(one.median) else one.median for one in (a, b)]
    return {"arm": medians[0], "simulation": medians[1], "p": p}


def _frames(files: ExperimentFiles, result: TrialResult) -> Array:
    path = files.recording(result.trial, result.attempt)
    return newest_frames(path) if path.is_file() else np.zeros((0, FRAME_SIZE))
