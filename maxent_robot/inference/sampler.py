"""The entropy-aware sampler: chooses an action from the actor's squashed Gaussian, and says how random that was."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxent_robot.inference.session import InferenceError, check_finite
from maxent_robot.inference.squashed_gaussian import squashed_entropy, squashed_log_prob

SAMPLER_MODES = ("mean", "sample", "tempered")
"""`mean`: tanh of the mean. `sample`: a draw from the policy. `tempered`: a draw with the standard deviation scaled."""

MAXIMUM_TEMPERATURE = 2.0
"""Largest factor on the standard deviation that `tempered` takes."""

LOG_STD_RANGE = (-20.0, 2.0)
"""Limits on log std: the upper one is the limit usual in SAC, at which a squashed Gaussian is nearly its two ends."""

MEAN_LIMIT = 1e6
"""Limit on the pre-tanh mean, far past the point (19.1) where tanh is 1 in double precision: keeps sums finite."""


@dataclass(frozen=True)
class SampledAction:
    """What the sampler chose, for a batch of n states.

    `log_prob` and `entropy` belong to the policy itself (temperature 1), whatever the mode, so they stay finite in the
    deterministic modes and can be compared between modes.
    """

    action: NDArray[np.float64]
    """(n, actions), in [-1, 1]."""
    log_prob: NDArray[np.float64]
    """(n,), log pi(action | state), nats, with respect to the squashed action."""
    entropy: NDArray[np.float64]
    """(n,), differential entropy of pi(. | state), nats: see :func:`squashed_entropy`."""
    temperature: float
    """Factor on the standard deviation: 0 in mode `mean`, 1 in mode `sample`."""
    mode: str
    """One of :data:`SAMPLER_MODES`."""


class EntropyAwareSampler:
    """Chooses actions from a squashed Gaussian; one generator for its life, so a seed fixes the whole sequence.

    Args:
        mode: one of :data:`SAMPLER_MODES`.
        temperature: factor on the standard deviation in mode `tempered`, in [0, MAXIMUM_TEMPERATURE].
        seed: of the generator, non-negative; drawn from the operating system's entropy when not given.

    Attributes:
        seed: the seed in use: log it, and the run can be repeated.

    Raises:
        InferenceError: unknown mode, or a temperature or seed out of range.
    """

    def __init__(self, mode: str = "mean", temperature: float = 1.0, seed: int | None = None) -> None:
        if mode not in SAMPLER_MODES:
            raise InferenceError(f"sampler mode is '{mode}', must be one of {', '.join(SAMPLER_MODES)}")
        if not 0.0 <= temperature <= MAXIMUM_TEMPERATURE:
            raise InferenceError(f"sampler temperature is {temperature}, must be in [0, {MAXIMUM_TEMPERATURE}]")
        self.mode = mode
        self.temperature = {"mean": 0.0, "sample": 1.0, "tempered": float(temperature)}[mode]
        self.seed = seed_in_use(seed)
        self._generator = np.random.default_rng(self.seed)

    def __call__(self, mean: ArrayLike, log_std: ArrayLike, calm: float = 1.0) -> SampledAction:
        """Choose an action for each state.

        Args:
            mean: (n, actions), before the tanh.
            log_std: (n, actions), limited to LOG_STD_RANGE.
            calm: factor on the temperature of this call, in [0, 1]: 0 is the mean. The sequence of draws does not
                depend on it.

        Raises:
            InferenceError: shapes differ, a value is not finite, or `calm` is out of range.
        """
        mean, log_std = within_limits(mean, log_std)
        if not 0.0 <= calm <= 1.0:
            raise InferenceError(f"sampler calm is {calm}, must be in [0, 1]")
        temperature = calm * self.temperature
        pre_tanh = mean
        if self.mode != "mean":
            pre_tanh = mean + temperature * np.exp(log_std) * self._generator.standard_normal(mean.shape)
        return SampledAction(
            action=np.tanh(pre_tanh),
            log_prob=squashed_log_prob(pre_tanh, mean, log_std),
            entropy=squashed_entropy(mean, log_std),
            temperature=temperature,
            mode=self.mode,
        )


def seed_in_use(seed: int | None) -> int:
    """The seed, or one drawn from the operating system's entropy.

    Raises:
        InferenceError: it is negative.
    """
    if seed is not None and seed < 0:
        raise InferenceError(f"sampler seed is {seed}, must not be negative")
    return secrets.randbits(32) if seed is None else int(seed)


def within_limits(mean: ArrayLike, log_std: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What an actor gave, each (n, actions), as float64 and within MEAN_LIMIT and LOG_STD_RANGE.

    Raises:
        InferenceError: shapes differ, or a value is not finite.
    """
    mu, log_sigma = np.asarray(mean, dtype=np.float64), np.asarray(log_std, dtype=np.float64)
    if mu.ndim != 2 or mu.shape != log_sigma.shape:
        raise InferenceError(f"mean has shape {mu.shape} and log_std {log_sigma.shape}, must both be (n, actions)")
    check_finite("mean", mu)
    check_finite("log_std", log_sigma)
    return np.clip(mu, -MEAN_LIMIT, MEAN_LIMIT), np.clip(log_sigma, *LOG_STD_RANGE)
