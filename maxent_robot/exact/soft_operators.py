"""The soft maximum, its maximiser, and the two information measures, each along the last axis and in nats.

The identity behind everything in this package: for q over actions and alpha > 0,
max_pi { sum_a pi(a) q(a) + alpha H(pi) } = alpha log sum_a exp(q(a) / alpha), attained at pi = softmax(q / alpha) only
(B. Ziebart, "Modeling Purposeful Adaptive Behavior with the Principle of Maximum Causal Entropy", 2010).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from maxent_robot.exact.validation import Array, ExactError, check_temperature

ROUNDING = 2.0**-50
"""Relative error allowed for one evaluation of an operator: four units in the last place."""


def log_sum_exp(x: ArrayLike, axis: int | tuple[int, ...] = -1) -> Array:
    """log sum exp(x) without overflow; entries of -inf count as zero mass, and all of them give -inf."""
    values = np.asarray(x, dtype=np.float64)
    top = values.max(axis=axis, keepdims=True)
    shift = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(values - shift).sum(axis=axis)) + np.squeeze(shift, axis=axis)


def log_probability(p: ArrayLike) -> Array:
    """log p, elementwise, with -inf for 0 and no warning."""
    with np.errstate(divide="ignore"):
        return np.log(np.asarray(p, dtype=np.float64))


def soft_maximum(q: ArrayLike, temperature: float) -> Array:
    """alpha log sum_a exp(q(a) / alpha), (...) from (..., A); max_a q(a) at temperature 0.

    (T. Haarnoja et al., "Reinforcement Learning with Deep Energy-Based Policies", 2017, the soft value function.)
    """
    values = np.asarray(q, dtype=np.float64)
    top = values.max(axis=-1)
    if check_temperature(temperature) == 0.0:
        return top
    # The largest term is taken out before dividing, so that a small alpha costs no digits of it.
    return top + temperature * np.log(np.exp((values - top[..., None]) / temperature).sum(axis=-1))


def softmax_policy(q: ArrayLike, temperature: float) -> Array:
    """pi(a) = exp(q(a) / alpha) / sum_b exp(q(b) / alpha), (..., A); at temperature 0 all on the first maximiser.

    It is the soft policy improvement step: applied to the soft Q of any policy it gives one that is nowhere worse
    (T. Haarnoja et al., "Soft Actor-Critic", 2018, lemma 2).
    """
    values = np.asarray(q, dtype=np.float64)
    if check_temperature(temperature) == 0.0:
        return np.eye(values.shape[-1])[values.argmax(axis=-1)]
    weights = np.exp((values - values.max(axis=-1, keepdims=True)) / temperature)
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def entropy(p: ArrayLike) -> Array:
    """H(p) = -sum_a p(a) log p(a), (...) from (..., A), with 0 log 0 = 0."""
    mass = np.asarray(p, dtype=np.float64)
    return np.asarray(-(mass * np.log(np.where(mass > 0.0, mass, 1.0))).sum(axis=-1))


def divergence(p: ArrayLike, q: ArrayLike) -> Array:
    """KL(p || q) = sum_a p(a) log(p(a) / q(a)), (...) from (..., A); inf where p has mass that q lacks."""
    mass, other = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    counted = mass > 0.0
    with np.errstate(divide="ignore"):
        logs = np.log(np.where(counted, mass, 1.0)) - np.log(np.where(counted, other, 1.0))
    return np.asarray((mass * logs).sum(axis=-1))


def error_bound(residual: float, value: Array, modulus: float) -> float:
    """|x - x*| <= |T x - x| / (1 - modulus), plus what rounding in T, some units in the last place of x, may hide.

    (S. Banach, 1922, for an operator T that contracts by `modulus` in the maximum norm.)
    """
    return (residual + ROUNDING * float(np.abs(value).max(initial=0.0))) / (1.0 - modulus)


def iterate_contraction(
    operator: Callable[[Array], Array], start: Array, modulus: float, tolerance: float
) -> tuple[Array, float, int]:
    """Fixed point of an operator that contracts by `modulus` in the maximum norm: (value, error bound, steps).

    Stops when `error_bound`, with the residual of the last step, modulus |x_n - x_{n-1}|, is at most `tolerance`.

    Raises:
        ExactError: `tolerance` is not positive, or finer than rounding lets the iteration come.
    """
    if not tolerance > 0.0:
        raise ExactError(f"tolerance is {tolerance}; allowed are numbers > 0")
    value, steps, limit = start, 0, 1
    while True:
        new = operator(value)
        change = modulus * float(np.abs(new - value).max(initial=0.0))
        value, steps = new, steps + 1
        bound = error_bound(change, value, modulus)
        if bound <= tolerance:
            return value, bound, steps
        if steps == 1 and change > 0.0:
            # By then the changes are a hundredth of the tolerance; what is left is rounding.
            target = 0.01 * tolerance * (1.0 - modulus)
            limit = 2 + max(0, int(np.ceil(np.log(target / change) / np.log(modulus))))
        if steps > limit:
            raise ExactError(f"tolerance is {tolerance}, below rounding; reached is {bound:.1e}")
