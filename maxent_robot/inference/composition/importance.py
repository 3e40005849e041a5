"""Self-normalised importance sampling: weights of the candidates, their effective number, and the pick."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_LEAST_STD = 1e-3
"""Of a Gaussian that is fitted to candidates, which may be as few as one."""


@dataclass(frozen=True)
class WeightedCandidates:
    """Candidates with what is known of them.

    Attributes:
        u: (K, A), before the tanh.
        energy: (K,), log of the wanted density of tanh(u), up to a constant.
        correction: (K,), log of the Jacobian of the tanh less that of the density that u was drawn with.
    """

    u: Array
    energy: Array
    correction: Array

    @cached_property
    def shares(self) -> Array:
        """Weights (K,) of wanted over proposed density, with a sum of 1."""
        logs = self.energy + self.correction
        weights = np.exp(logs - logs.max())
        result: Array = weights / weights.sum()
        return result

    @property
    def effective(self) -> float:
        """Effective sample size: 1 where one candidate has all the weight, K where all have the same (Kong, 1992)."""
        return float(1.0 / (self.shares**2).sum())

    @property
    def log_normaliser(self) -> float:
        """Estimate of log integral exp(energy) da: the soft value of the composition, over alpha."""
        return float(np.logaddexp.reduce(self.energy + self.correction) - math.log(len(self.energy)))

    @property
    def entropy(self) -> float:
        """Estimate of the entropy of the wanted density [nat]."""
        return float(self.log_normaliser - self.shares @ self.energy)

    @property
    def mean_action(self) -> Array:
        """Estimate of the mean (A,) of tanh(u) over the wanted density."""
        return np.asarray(self.shares @ np.tanh(self.u))

    def pick(self, gumbel: Array, temperature: float) -> int:
        """A candidate by its weight, from Gumbel noise (K,); `temperature` as of `Composer`, above 0."""
        return int(np.argmax(self.energy / temperature**2 + self.correction + gumbel))

    def fitted(self, widening: float) -> tuple[Array, Array]:
        """Mean and log standard deviation (A,) of the weighted candidates, the latter `widening` times as wide."""
        shares = self.shares
        mean = shares @ self.u
        deviation = np.sqrt(shares @ (self.u - mean) ** 2)
        return mean, np.log(np.maximum(widening * deviation, _LEAST_STD))
