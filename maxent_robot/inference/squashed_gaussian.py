"""The squashed Gaussian: the law of tanh(u) for a Gaussian u, which is what the actors are."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_LOG_2 = float(np.log(2.0))
_HALF_LOG_2_PI = 0.5 * float(np.log(2.0 * np.pi))
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(64)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


def log_tanh_derivative(pre_tanh: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(1 - tanh(u)^2) = 2 (log 2 - u - softplus(-2 u)), elementwise; it is even in u, and |u| keeps it exact."""
    magnitude = np.abs(pre_tanh)
    result: NDArray[np.float64] = 2.0 * (_LOG_2 - magnitude - np.log1p(np.exp(-2.0 * magnitude)))
    return result


def squashed_log_prob(pre_tanh: ArrayLike, mean: ArrayLike, log_std: ArrayLike) -> NDArray[np.float64]:
    """log pi(tanh(u) | state), (..., actions) -> (...); Haarnoja et al. 2018, appendix C, eq. 26.

    Takes u and not the action: tanh can't be inverted near its ends.
    """
    u, mu, log_sigma = (np.asarray(value, dtype=np.float64) for value in (pre_tanh, mean, log_std))
    standardised = (u - mu) * np.exp(-log_sigma)
    gaussian = -0.5 * standardised**2 - log_sigma - _HALF_LOG_2_PI
    result: NDArray[np.float64] = np.sum(gaussian - log_tanh_derivative(u), axis=-1)
    return result


def squashed_entropy(mean: ArrayLike, log_std: ArrayLike) -> NDArray[np.float64]:
    """Entropy of a squashed Gaussian in nats, (..., actions) -> (...); at most log 2 an axis.

    H(tanh u) = H(u) + E[log(1 - tanh(u)^2)]: the Gaussian's entropy in closed form, and the expectation by 64-point
    Gauss-Hermite quadrature, so it is deterministic. Error below 1e-4 nats an axis for log std <= 1, below 0.03 at the
    upper limit of 2.
    """
    mu, log_sigma = (np.asarray(value, dtype=np.float64) for value in (mean, log_std))
    nodes = mu[..., None] + np.exp(log_sigma)[..., None] * _NODES
    correction = log_tanh_derivative(nodes) @ _WEIGHTS
    result: NDArray[np.float64] = np.sum(log_sigma + 0.5 + _HALF_LOG_2_PI + correction, axis=-1)
    return result
