"""CrossQ (Bhatt et al. 2024): Soft Actor-Critic without target networks, on critics with batch normalisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from maxent_robot.learning.algorithms.maximum_entropy import MaximumEntropyLearner
from maxent_robot.learning.distribution import reparameterised_sample
from maxent_robot.learning.networks import BatchNormCritics
from maxent_robot.learning.optimised_network import OptimisedNetwork
from maxent_robot.learning.replay import Batch


class CrossQ(MaximumEntropyLearner):
    """Value of the next state: min_i Q_i(s', a) - alpha log pi(a|s'), a ~ pi(.|s'), by the critics themselves.

    Q(s, a) and Q(s', a') are one pass through the critics, so that their statistics are those of both: the actions of
    the replay and of the policy are distributed differently, and statistics of one kind alone would not fit the other
    (equation 3 of the paper). With that the values stay bounded without targets, at three times the learning rate.
    """

    critic: OptimisedNetwork[BatchNormCritics]

    def make_critic(self, scales: Sequence[np.ndarray]) -> OptimisedNetwork[BatchNormCritics]:
        config = self.config
        return OptimisedNetwork(
            lambda: BatchNormCritics(scales, config.hidden_sizes, self.heads),
            config.critic_learning_rate,
            config.momentum,
        )

    @property
    def policy_period(self) -> int:
        return self.config.policy_delay

    def next_value(self, batch: Batch) -> Tensor:
        return self.values(batch)[1]

    def values(self, batch: Batch) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            mean, log_std = self.actor.online(batch.next_observation)
            action, log_prob = reparameterised_sample(mean, log_std, self.noise(len(batch.reward)))
        states = (batch.observation, batch.next_observation), (batch.privileged, batch.next_privileged)
        critics = self.critic.online.train()
        q = critics(*(torch.cat(parts) for parts in (*states, (batch.action, action))))
        critics.eval()  # elsewhere the running statistics hold
        q, next_q = q.chunk(2)
        return q, next_q.detach().amin(dim=-1) - self.temperature.value * log_prob
