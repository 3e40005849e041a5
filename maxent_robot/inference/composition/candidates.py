"""Candidate actions: drawn from a mixture that leaves out no region of the action space, with their density.

All is before the tanh. (The deterministic mixture with a defensive part: Owen and Zhou, 2000.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maxent_robot.inference.squashed_gaussian import log_tanh_derivative

Array = NDArray[np.float64]

_HALF_LOG_2_PI = 0.5 * math.log(2.0 * math.pi)
_LOG_2 = math.log(2.0)


class Noise:
    """What the candidates of a round are made of: standard normal (K, A), logistic (K, A) and Gumbel (K,) numbers."""

    def __init__(self, generator: np.random.Generator, candidates: int, actions: int) -> None:
        self.normal = generator.standard_normal((candidates, actions))
        self.logistic = generator.logistic(scale=0.5, size=(candidates, actions))
        self.gumbel = generator.gumbel(size=candidates)


@dataclass(frozen=True)
class Proposal:
    """A mixture of Gaussians before the tanh and of the uniform distribution of actions, in fixed counts.

    tanh(u) is uniform in (-1, 1) for logistic u of scale 1/2.

    Attributes:
        mean: (C, A), of the Gaussians.
        log_std: (C, A).
        counts: (C,) candidates of each Gaussian; one of none is left out.
        broad: uniform candidates.
    """

    mean: Array
    log_std: Array
    counts: NDArray[np.int64]
    broad: int

    def draw(self, noise: Noise) -> Array:
        """Candidates (K, A), those of the Gaussians first, from noise for at least as many."""
        component = np.repeat(np.arange(len(self.counts)), self.counts)
        normal = noise.normal[: len(component)]
        gaussian = self.mean[component] + np.exp(self.log_std[component]) * normal
        return np.concatenate([gaussian, noise.logistic[: self.broad]])

    def log_density(self, u: Array, log_jacobian: Array | None = None) -> Array:
        """Log density (K,) of the mixture at u (K, A).

        Args:
            u: candidates.
            log_jacobian: (K,) sums over the axes of `log_tanh_derivative(u)`, where they are known already.
        """
        used = self.counts > 0
        mean, log_std = self.mean[used], self.log_std[used]
        standardised = (u[:, None, :] - mean) * np.exp(-log_std)
        constant = np.log(self.counts[used]) - log_std.sum(axis=1) - u.shape[1] * _HALF_LOG_2_PI
        logs = constant - 0.5 * np.einsum("kca,kca->kc", standardised, standardised)
        if self.broad:
            if log_jacobian is None:
                log_jacobian = log_tanh_derivative(u).sum(axis=1)
            uniform = log_jacobian + (math.log(self.broad) - u.shape[1] * _LOG_2)
            logs = np.concatenate([logs, uniform[:, None]], axis=1)
        greatest = logs.max(axis=1)
        total = np.exp(logs - greatest[:, None]).sum(axis=1)
        result: Array = greatest + np.log(total) - math.log(int(self.counts.sum()) + self.broad)
        return result
