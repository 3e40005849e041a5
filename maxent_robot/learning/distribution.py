"""The squashed Gaussian policy: a = tanh(u), u ~ N(mean, std^2).

The density of `a` needs log(1 - tanh^2 u), which is lost to rounding once |u| passes about 9 in float32. With `u` kept,
log(1 - tanh^2 u) = 2 (log 2 - u - softplus(-2 u)) is exact for every u, so tanh is never inverted here.
(Haarnoja et al., "Soft Actor-Critic Algorithms and Applications", 2018, appendix C.)
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as functional
from torch import Tensor

HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)
LOG_2 = math.log(2.0)


def log_tanh_derivative(u: Tensor) -> Tensor:
    """log(1 - tanh(u)^2), elementwise, without cancellation."""
    return 2.0 * (LOG_2 - u - functional.softplus(-2.0 * u))


def log_prob(u: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """Log density of a = tanh(u) in action space. All (..., n); returns (...)."""
    standard = (u - mean) * torch.exp(-log_std)
    gaussian = -0.5 * standard.square() - log_std - HALF_LOG_2PI
    return (gaussian - log_tanh_derivative(u)).sum(-1)


def reparameterised_sample(mean: Tensor, log_std: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Action and its log density, both differentiable in `mean` and `log_std`.

    Args:
        mean: (batch, n), before tanh.
        log_std: (batch, n).
        noise: (batch, n), standard normal draws.

    Returns:
        action: (batch, n) in (-1, 1).
        log_prob: (batch,).
    """
    u = torch.addcmul(mean, log_std.exp(), noise)
    constant = -0.5 * noise.square() - (HALF_LOG_2PI + 2.0 * LOG_2)
    density = constant - log_std + 2.0 * (u + functional.softplus(-2.0 * u))
    return torch.tanh(u), density.sum(-1)
