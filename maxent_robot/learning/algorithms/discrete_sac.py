"""Soft Actor-Critic for discrete actions (Christodoulou 2019), where expectations over actions are sums."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from maxent_robot.learning.algorithms.discrete import DiscreteLearner
from maxent_robot.learning.networks import CategoricalActor
from maxent_robot.learning.optimised_network import AveragedNetwork, OptimisedNetwork
from maxent_robot.learning.replay import Batch
from maxent_robot.learning.temperature import Temperature


class DiscreteSoftActorCritic(DiscreteLearner):
    """Value of the next state: sum_a pi(a|s') (min_i Q_i(s', a) - alpha log pi(a|s'))."""

    sees_privileged = True
    temperature: Temperature

    def build(self) -> None:
        config, spaces = self.config, self.spaces
        self.heads = config.critic_heads
        super().build()
        self.actor = AveragedNetwork(
            lambda: CategoricalActor(spaces.observation_scale, spaces.action_count, config.hidden_sizes),
            config.actor_learning_rate,
            config.actor_average_rate,
            config.momentum,
        )
        self.temperature = Temperature(
            config.initial_temperature,
            config.target_entropy_share * math.log(spaces.action_count),
            config.temperature_learning_rate if config.automatic_temperature else None,
        )

    def networks(self) -> dict[str, OptimisedNetwork[Any]]:
        return {"actor": self.actor, "critic": self.critic}

    def next_value(self, batch: Batch) -> Tensor:
        log_prob = self.actor.online(batch.next_observation)
        return (log_prob.exp() * (self.next_q(batch) - self.temperature.value * log_prob)).sum(dim=-1)

    def improve_policy(self, batch: Batch) -> dict[str, float]:
        """Minimise E_s sum_a pi(a|s) (alpha log pi(a|s) - min_i Q_i(s, a)), then move alpha."""
        with torch.no_grad():
            q = self.action_values(self.critic.online, batch.observation, batch.privileged).amin(dim=1)
        log_prob = self.actor.online(batch.observation)
        prob = log_prob.exp()
        loss = (prob * (self.temperature.value * log_prob - q)).sum(dim=-1).mean()
        actor_loss = self.actor.minimise(loss)
        entropy = -(prob * log_prob).sum(dim=-1).mean().item()
        self.temperature.update(entropy)
        return {"actor_loss": actor_loss, "entropy": entropy, "temperature": self.temperature.value}

    @torch.no_grad()
    def act(self, observation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.draw(self.actor.online(torch.from_numpy(observation)))

    @property
    def judged(self) -> nn.Module:
        return self.actor.average

    def preferences(self, observation: Tensor) -> Tensor:
        return self.actor.average(observation)
