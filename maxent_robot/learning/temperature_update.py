"""One step of dual ascent on the temperature, the multiplier of the constraint E[-log pi] >= target entropy."""

from __future__ import annotations

import torch
from torch import Tensor


def update_temperature(
    log_temperature: Tensor, optimiser: torch.optim.Optimizer, log_prob: Tensor, target_entropy: float
) -> dict[str, Tensor]:
    """Raise log alpha while the entropy is under its target and lower it while it is over.

    The gradient of -log alpha E[log pi + target entropy], which is that of Haarnoja et al. 2018, equation 18, in log
    space: alpha stays positive and a step changes it by a ratio.

    Args:
        log_temperature: (), the variable.
        log_prob: (batch,), detached.
        target_entropy: in nats, for all action axes together.
    """
    log_temperature.grad = -(log_prob.mean() + target_entropy)
    optimiser.step()
    return {"temperature": log_temperature.detach().exp()}
