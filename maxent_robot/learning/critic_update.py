"""One step of the critics towards the soft Bellman backup."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from maxent_robot.learning.distribution import reparameterised_sample
from maxent_robot.learning.flat_parameters import write_gradient
from maxent_robot.learning.networks import CriticEnsemble, SquashedGaussianActor
from maxent_robot.learning.replay import Batch


@torch.no_grad()
def soft_target(
    batch: Batch,
    next_inputs: Sequence[Tensor],
    actor: SquashedGaussianActor,
    target_critic: CriticEnsemble,
    temperature: Tensor,
    cost_weight: float,
    noise: Tensor,
) -> Tensor:
    """y = R - w C + discount (min_i Q_i(s', a') - alpha log pi(a'|s')), a' ~ pi(.|s'). Returns (batch, 1).

    R and C are n-step sums and `discount` is gamma^k, or 0 after termination. The minimum over the critics is that of
    Fujimoto et al. 2018, equation 10; the entropy term is Haarnoja et al. 2018, equation 3.

    Args:
        next_inputs: what the critic sees of the next state (observation, or observation and privileged vector).
        noise: (batch, action_size), standard normal.
    """
    mean, log_std = actor(batch.next_observation)
    next_action, next_log_prob = reparameterised_sample(mean, log_std, noise)
    next_value = target_critic(*next_inputs, next_action).amin(dim=-1) - temperature * next_log_prob
    target = batch.reward - cost_weight * batch.cost + batch.discount * next_value
    return target.unsqueeze(-1)


def update_critic(
    critic: CriticEnsemble, optimiser: torch.optim.Optimizer, inputs: Sequence[Tensor], target: Tensor
) -> dict[str, Tensor]:
    """Minimise the mean squared error of each head to `target`, (batch, 1). Returns scalars to log.

    The optimiser is that of the vector that `flatten_parameters` has made of the critic.
    """
    q = critic(*inputs)
    loss = 0.5 * (q - target).square().mean()
    write_gradient(critic, torch.autograd.grad(loss, list(critic.parameters())))
    optimiser.step()
    return {"critic_loss": loss.detach(), "q": q.detach().mean()}
