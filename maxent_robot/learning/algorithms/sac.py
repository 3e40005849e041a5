"""Soft Actor-Critic (Haarnoja et al. 2018): temperature fixed, or found by dual ascent on the entropy constraint."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from maxent_robot.learning.algorithms.fast_sac import FastSacUpdate
from maxent_robot.learning.algorithms.maximum_entropy import MaximumEntropyLearner
from maxent_robot.learning.distribution import reparameterised_sample
from maxent_robot.learning.networks import CriticEnsemble, SquashedGaussianActor
from maxent_robot.learning.optimised_network import AveragedNetwork
from maxent_robot.learning.replay import Batch


class SoftActorCritic(MaximumEntropyLearner):
    """Value of the next state: min_i Q_i(s', a) - alpha log pi(a|s'), a ~ pi(.|s'), by the critics' averages.

    The gradients come from graphs, or by autograd with `fast_update` off.
    """

    critic: AveragedNetwork[CriticEnsemble]

    def build(self) -> None:
        super().build()
        self._threads = 1
        self._fast: FastSacUpdate | None = None  # made by the first update

    def make_critic(self, scales: Sequence[np.ndarray]) -> AveragedNetwork[CriticEnsemble]:
        return self.make_averaged_critic(scales)

    def next_value(self, batch: Batch) -> Tensor:
        state = batch.next_observation, batch.next_privileged
        noise = self.noise(len(batch.reward))
        return soft_value(*state[:1], state, self.actor.online, self.critic.average, self.temperature.value, noise)

    def use_threads(self, count: int) -> None:
        super().use_threads(1 if self.config.fast_update else count)
        self._threads, self._fast = count, None

    def update(self, batch: Batch, cost_weight: float) -> dict[str, float]:
        if not self.config.fast_update:
            return super().update(batch, cost_weight)
        if self._fast is None:
            self._fast = FastSacUpdate(self.actor, self.critic, self._threads)
        noises = [self.noise(len(batch.reward)) for _ in range(2)]
        info = self._fast(batch, self.temperature.value, cost_weight, *noises)
        self.temperature.update(info["entropy"])
        self.updates += 1
        self.follow()
        return {**info, "temperature": self.temperature.value}


@torch.no_grad()
def soft_value(
    observation: Tensor,
    critic_state: Sequence[Tensor],
    actor: SquashedGaussianActor,
    critic: CriticEnsemble,
    temperature: float,
    noise: Tensor,
) -> Tensor:
    """V(s) = min_i Q_i(s, a) - alpha log pi(a|s) for one a ~ pi(.|s), (batch,).

    The minimum over the critics is that of Fujimoto et al. 2018, equation 10; the entropy term is Haarnoja et al. 2018,
    equation 3.

    Args:
        critic_state: what the critics see of the state; it may be more than the actor's `observation`.
        noise: (batch, action_size), standard normal.
    """
    mean, log_std = actor(observation)
    action, log_prob = reparameterised_sample(mean, log_std, noise)
    value: Tensor = critic(*critic_state, action).amin(dim=-1) - temperature * log_prob
    return value
