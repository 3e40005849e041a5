"""The entropy-aware sampler: chooses an action from the actor's squashed Gaussian, and says how random that was."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxent_robot.inference.noise import ColouredNoise
from maxent_robot.inference.session import InferenceError, check_finite
from maxent_robot.inference.squashed_gaussian import squashed_entropy, squashed_log_prob
from maxent_robot.inference.temperature import TemperatureControl

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
    """(n,), log pi of what was drawn, nats, with respect to the squashed action."""
    entropy: NDArray[np.float64]
    """(n,), differential entropy of pi(. | state), nats: see :func:`squashed_entropy`."""
    temperature: NDArray[np.float64]
    """(n,) factor on the standard deviation: 0 in mode `mean`, 1 in mode `sample`."""


class EntropyAwareSampler:
    """Chooses actions from a squashed Gaussian; one generator for its life, so a seed fixes the whole sequence.

    Args:
        mode: one of `SAMPLER_MODES`.
        temperature: factor on the standard deviation in modes `tempered`, `gated` and `retry`, in
            [0, MAXIMUM_TEMPERATURE].
        seed: of the generator, non-negative; drawn from the operating system's entropy when not given.
        noise: its colour and memory; white when not given.

    Attributes:
        control: mode and temperature.
        seed: the seed in use: log it, and the run can be repeated.

    Raises:
        InferenceError: unknown mode, or a temperature or seed out of range.
    """

    def __init__(
        self, mode: str = "mean", temperature: float = 1.0, seed: int | None = None, noise: ColouredNoise | None = None
    ) -> None:
        self.control = TemperatureControl(mode, temperature)
        self.seed = seed_in_use(seed)
        self.noise = noise or ColouredNoise()
        self._generator = np.random.default_rng(self.seed)

    def reset(self, index: Any = ...) -> None:
        """Begin a new episode in these rows of the batch; the sequence of draws goes on."""
        self.control.reset(index)

    def __call__(
        self,
        mean: ArrayLike,
        log_std: ArrayLike,
        frames: NDArray[Any] | None = None,
        calm: float = 1.0,
        disagreement: NDArray[np.float64] | None = None,
    ) -> SampledAction:
        """Choose an action for each state.

        Args:
            mean: (n, actions), before the tanh.
            log_std: (n, actions), limited to LOG_STD_RANGE.
            frames: (n, 25) newest frame of each observation; modes `gated` and `retry` need it.
            calm: factor on the temperature of this call, in [0, 1]: 0 is the mean. The sequence of draws does not
                depend on it.
            disagreement: (n,) of the critics, as a share of the greatest that was usual; mode `gated` heeds it.

        Raises:
            InferenceError: shapes differ, a value is not finite, or `calm` is out of range.
        """
        mean, log_std = within_limits(mean, log_std)
        guidance = self.control(len(mean), frames, calm, disagreement)
        pre_tanh = mean
        if self.control.draws:
            noise = self.noise.draw(self._generator, (len(mean), mean.shape[1]))
            pre_tanh = mean + guidance.temperature[:, None] * np.exp(log_std) * noise
        return SampledAction(
            action=guidance.overrule(np.tanh(pre_tanh)),
            log_prob=squashed_log_prob(pre_tanh, mean, log_std),
            entropy=squashed_entropy(mean, log_std),
            temperature=guidance.temperature,
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
