"""What the recordings of trials tell of an arm: noise, bias and tare error of its sensor, and the friction of the plug.

Each quantity is estimated trial by trial; what is said of the arm is the median over the trials, with a bootstrap
interval. What needs a model of the arm's motion (delay, stiffness, damping, joint friction) is fitted by replaying the
targets in simulation: `sim.plug.replay`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.control import rotations
from maxent_robot.safety.wrench import FILTER_WINDOW_S
from maxent_robot.skill.observation import OBSERVATION_FIELDS, field_places
from maxent_robot.trials.arm_log import ArmLog

Array = NDArray[np.float64]

FREE_HEIGHT_M = 0.008
"""Above the believed mouth by so much, the plug touches nothing."""
STILL_RAD_S, STILL_S = 0.01, 0.1
_SMOOTH_S = 0.05
_SLIDING_N, _SLIDING_M_S = 3.0, 0.004
_NEAR_MOUTH_M = 0.004
_QUANTILE = 80.0
_FEWEST, _FEWEST_FRAMES = 20, 8
_PLACES = field_places(OBSERVATION_FIELDS)


@dataclass(frozen=True)
class Estimate:
    """One quantity of the arm.

    Attributes:
        value: median over the trials.
        low, high: of its 95 % bootstrap interval; NaN with fewer than 3 trials.
        trials: that it could be estimated in.
        unit: of all.
    """

    value: float
    low: float
    high: float
    trials: int
    unit: str


def combine(values: Sequence[float], unit: str, seed: int = 0, resamples: int = 2000) -> Estimate:
    """The estimate of values of single trials; those that are NaN could not be estimated."""
    known = np.array([value for value in values if not math.isnan(value)])
    value, low, high = _bootstrapped(known, np.median, seed, resamples).tolist()
    return Estimate(value, low, high, len(known), unit)


def _bootstrapped(values: Array, statistic: Callable[..., Any], seed: int, resamples: int) -> Array:
    """A statistic of values (n,) and its 95 % interval (3,): NaN without values, the interval with fewer than 3."""
    if not values.size:
        return np.full(3, math.nan)
    bounds = np.full(2, math.nan)
    if values.size >= 3:
        drawn = np.random.default_rng(seed).choice(values, (resamples, values.size))
        bounds = np.percentile(statistic(drawn, axis=1), [2.5, 97.5])
    return np.array([statistic(values), *bounds])


# The sensor


def still_and_free(log: ArmLog) -> NDArray[np.bool_]:
    """(n,) whether the arm stands, well above the socket."""
    speed = np.abs(_rate(log.time_s, log.positions, STILL_S)).max(axis=1)
    return np.asarray((speed < STILL_RAD_S) & (log.height_m > FREE_HEIGHT_M))


def wrench_bias(log: ArmLog) -> Array:
    """(6,) mean of the sensor where nothing touches, less the weight of the tool as described; NaN without such."""
    mean = log.wrench_at(log.time_s, FILTER_WINDOW_S)[still_and_free(log)]
    mean = mean[~np.isnan(mean).any(axis=1)]
    return mean.mean(axis=0) if len(mean) >= _FEWEST else np.full(6, math.nan)


def wrench_noise(log: ArmLog) -> Array:
    """(6,) standard deviation of a reading filtered over 10 ms, from neighbours that share no sample.

    Differences take slow drift out: their standard deviation is sqrt(2) times that of one.
    """
    steady = still_and_free(log)
    period_s = float(np.median(np.diff(log.wrench_s)))
    at = np.arange(log.wrench_s[0] + FILTER_WINDOW_S, log.wrench_s[-1], FILTER_WINDOW_S) + 0.5 * period_s
    windows = log.wrench_at(at, FILTER_WINDOW_S)
    usable = steady[np.clip(np.searchsorted(log.time_s, at), 0, len(steady) - 1)] & ~np.isnan(windows).any(axis=1)
    pairs = usable[:-1] & usable[1:]
    if pairs.sum() < _FEWEST:
        return np.full(6, math.nan)
    spread: Array = np.diff(windows, axis=0)[pairs].std(axis=0) / math.sqrt(2.0)
    return spread


def left_by_tare(frames: Array) -> tuple[Array, Array]:
    """Mean (6,) of the wrench that the policy saw until the plug came near the socket, and the variance of that mean.

    Nothing touches there, so it is what the tare has left: its noise, drift, a tool that weighs other than described.

    Args:
        frames: (steps, 25) newest frames of a trial.

    Returns:
        Force [N] and torque [Nm] in socket axes; NaN with fewer than 8 such frames.
    """
    near = np.flatnonzero(-frames[:, _PLACES["tcp_position"]][:, 2] < FREE_HEIGHT_M)
    free = frames[: near[0] if near.size else len(frames)]
    if len(free) < _FEWEST_FRAMES:
        return np.full(6, math.nan), np.full(6, math.nan)
    wrench = np.concatenate([free[:, _PLACES["force"]], free[:, _PLACES["torque"]]], axis=1)
    return wrench.mean(axis=0), wrench.var(axis=0, ddof=1) / len(wrench)


def half_width(means: Array, variances: Array, unit: str, seed: int = 0, resamples: int = 2000) -> Estimate:
    """Half the width of the uniform distribution about 0 that true means are from, by its second moment.

    Args:
        means, variances: (trials, axes) means that were measured and the variances of their errors, from
            `left_by_tare`; a trial with a NaN is left out.
    """
    seen = ~np.isnan(means).any(axis=1)
    moments = (means[seen] ** 2 - variances[seen]).mean(axis=1)
    moment = _bootstrapped(moments, np.mean, seed, resamples)
    value, low, high = np.sqrt(3.0 * np.maximum(moment, 0.0)).tolist()
    return Estimate(value, low, high, len(moments), unit)


# The contact


def sliding_ratios(log: ArmLog) -> Array:
    """(k,) drag over pressure of the plug at each moment at which it slides on the panel; empty if it does not.

    The drag is taken along the way that the plug slides, so the noise of the sensor across it does not count.
    """
    socket_base = log.socket.inverse()
    velocity = rotations.rotate(socket_base.quaternion, _rate(log.time_s, log.tcp.position, _SMOOTH_S))
    force = rotations.rotate(socket_base.quaternion, rotations.rotate(log.tcp.quaternion, _contact_force(log)))
    speed, pressed = np.linalg.norm(velocity[:, :2], axis=1), -force[:, 2]
    slides = (np.abs(log.height_m) < _NEAR_MOUTH_M) & (speed > _SLIDING_M_S) & (pressed > _SLIDING_N)
    drag: Array = -np.sum(force[slides, :2] * velocity[slides, :2], axis=1) / speed[slides] / pressed[slides]
    return drag


def sliding_friction(ratios: Sequence[Array], seed: int = 0, resamples: int = 500) -> Estimate:
    """The coefficient of friction from the `sliding_ratios` of each trial: their 80th percentile, all taken together.

    A grasp that gives way moves where the tip sticks, with less drag than friction, so it is not the median; edges of
    the hole hold the plug by more than friction, so it is not the greatest. It is a rough figure.
    """
    seen = [ratio for ratio in ratios if len(ratio)]
    if sum(map(len, seen)) < _FEWEST:
        return Estimate(math.nan, math.nan, math.nan, 0, "plug on panel")
    generator = np.random.default_rng(seed)
    drawn = [
        np.percentile(np.concatenate([seen[int(k)] for k in generator.integers(len(seen), size=len(seen))]), _QUANTILE)
        for _ in range(resamples)
    ]
    low, high = (float(bound) for bound in np.percentile(drawn, [2.5, 97.5]))
    return Estimate(float(np.percentile(np.concatenate(seen), _QUANTILE)), low, high, len(seen), "plug on panel")


def _contact_force(log: ArmLog) -> Array:
    """(n, 3) at the TCP, in its axes, less the bias; a mean over `_SMOOTH_S`."""
    bias = wrench_bias(log)
    wrench = log.wrench_at(log.time_s + 0.5 * _SMOOTH_S, _SMOOTH_S)
    force: Array = (wrench - bias)[:, :3]
    return force


def _rate(time_s: Array, values: Array, window_s: float) -> Array:
    """(n, k) central difference quotient over a window."""
    first = np.clip(np.searchsorted(time_s, time_s - 0.5 * window_s), 0, None)
    last = np.clip(np.searchsorted(time_s, time_s + 0.5 * window_s), None, len(time_s) - 1)
    rate: Array = (values[last] - values[first]) / np.maximum(time_s[last] - time_s[first], 1e-6)[:, None]
    return rate
