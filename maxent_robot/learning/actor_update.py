"""One step of the policy towards the softmax of the critics."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from maxent_robot.learning.distribution import reparameterised_sample
from maxent_robot.learning.flat_parameters import write_gradient
from maxent_robot.learning.networks import CriticEnsemble, SquashedGaussianActor


def update_actor(
    actor: SquashedGaussianActor,
    optimiser: torch.optim.Optimizer,
    critic: CriticEnsemble,
    observation: Tensor,
    critic_state: Sequence[Tensor],
    temperature: Tensor,
    noise: Tensor,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Minimise E[alpha log pi(a|s) - min_i Q_i(s, a)] by the reparameterised gradient.

    Haarnoja et al. 2018, equations 7 to 9. The gradient is taken for the actor's parameters only: the critics pass it
    on to the action and get none themselves.

    Args:
        optimiser: that of the vector that `flatten_parameters` has made of the actor.
        critic_state: what the critic sees of the state; it may be more than the actor's `observation`.
        noise: (batch, action_size), standard normal.

    Returns:
        log_prob: (batch,), detached, for the temperature.
        info: scalars to log.
    """
    mean, log_std = actor(observation)
    action, log_prob = reparameterised_sample(mean, log_std, noise)
    loss = (temperature * log_prob - critic(*critic_state, action).amin(dim=-1)).mean()
    write_gradient(actor, torch.autograd.grad(loss, list(actor.parameters())))
    optimiser.step()
    return log_prob.detach(), {"actor_loss": loss.detach(), "entropy": -log_prob.detach().mean()}
