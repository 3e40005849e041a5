"""Soft Actor-Critic: the learner that wires networks, optimisers and the update rules together."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maxent_robot.learning.actor_update import update_actor
from maxent_robot.learning.config import SacConfig
from maxent_robot.learning.critic_update import soft_target, update_critic
from maxent_robot.learning.networks import CriticEnsemble, SquashedGaussianActor
from maxent_robot.learning.replay import Batch
from maxent_robot.learning.temperature_update import update_temperature


class SoftActorCritic:
    """An actor that sees the observation, and critics that also see the privileged vector.

    All randomness comes from one torch generator, so that `state_dict` holds everything that an update depends on.

    Args:
        config: settings.
        observation_scale: (observation_size,), see `SquashedGaussianActor`.
        privileged_scale: (privileged_size,), may be empty.
        action_size: number of action axes.
        seed: of the initial weights and of all noise.
    """

    def __init__(
        self,
        config: SacConfig,
        observation_scale: np.ndarray,
        privileged_scale: np.ndarray,
        action_size: int,
        seed: int,
    ) -> None:
        self.config = config
        self.action_size = action_size
        self.target_entropy = config.target_entropy_per_action * action_size
        self.generator = torch.Generator().manual_seed(seed)
        action_scale = np.ones(action_size, np.float32)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.actor = make_actor(config, observation_scale, action_size)
            scales = [observation_scale, privileged_scale, action_scale]
            self.critic = CriticEnsemble(scales, config.hidden_sizes, config.critic_heads)
            self.target_critic = CriticEnsemble(scales, config.hidden_sizes, config.critic_heads)
        self.target_critic.load_state_dict(self.critic.state_dict())
        self.target_critic.requires_grad_(False)
        self.log_temperature = torch.tensor(math.log(config.initial_temperature))
        self.actor_optimiser = adam(self.actor.parameters(), config.actor_learning_rate)
        self.critic_optimiser = adam(self.critic.parameters(), config.critic_learning_rate)
        self.temperature_optimiser = adam([self.log_temperature], config.temperature_learning_rate)

    @property
    def temperature(self) -> float:
        """alpha."""
        return math.exp(self.log_temperature.item())

    @torch.no_grad()
    def act(self, observation: np.ndarray) -> np.ndarray:
        """Sample actions for (n, observation_size) float32. Returns (n, action_size) float32."""
        mean, log_std = self.actor(torch.from_numpy(observation))
        u = torch.addcmul(mean, log_std.exp(), self._noise(len(observation)))
        return torch.tanh(u).numpy()

    def update(self, batch: Batch, cost_weight: float) -> dict[str, Tensor]:
        """One step of critics, actor, temperature and target critics, in this order. Returns scalars to log."""
        temperature = self.log_temperature.exp()
        target = soft_target(
            batch,
            (batch.next_observation, batch.next_privileged),
            self.actor,
            self.target_critic,
            temperature,
            cost_weight,
            self._noise(len(batch.reward)),
        )
        state = (batch.observation, batch.privileged)
        info = update_critic(self.critic, self.critic_optimiser, (*state, batch.action), target)
        log_prob, actor_info = update_actor(
            self.actor,
            self.actor_optimiser,
            self.critic,
            batch.observation,
            state,
            temperature,
            self._noise(len(batch.reward)),
        )
        temperature_info = update_temperature(
            self.log_temperature, self.temperature_optimiser, log_prob, self.target_entropy
        )
        move_targets(self.target_critic, self.critic, self.config.target_rate)
        return {**info, **actor_info, **temperature_info}

    def _noise(self, batch: int) -> Tensor:
        return torch.randn(batch, self.action_size, generator=self.generator)

    def state_dict(self) -> dict[str, Any]:
        """Weights, optimisers, temperature and random state."""
        return {
            "actor": self.actor.state_dict(),
            "critic": self.critic.state_dict(),
            "target_critic": self.target_critic.state_dict(),
            "log_temperature": self.log_temperature.clone(),
            "actor_optimiser": self.actor_optimiser.state_dict(),
            "critic_optimiser": self.critic_optimiser.state_dict(),
            "temperature_optimiser": self.temperature_optimiser.state_dict(),
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        self.log_temperature.copy_(state["log_temperature"])
        self.generator.set_state(state["generator"])
        self.actor.load_state_dict(state["actor"])
        self.critic.load_state_dict(state["critic"])
        self.target_critic.load_state_dict(state["target_critic"])
        self.actor_optimiser.load_state_dict(copy.deepcopy(state["actor_optimiser"]))  # it keeps the tensors given
        self.critic_optimiser.load_state_dict(copy.deepcopy(state["critic_optimiser"]))
        self.temperature_optimiser.load_state_dict(copy.deepcopy(state["temperature_optimiser"]))


def make_actor(config: SacConfig, observation_scale: np.ndarray, action_size: int) -> SquashedGaussianActor:
    """The actor that `config` describes."""
    return SquashedGaussianActor(
        observation_scale, action_size, config.hidden_sizes, config.log_std_minimum, config.log_std_maximum
    )


def adam(parameters: Any, learning_rate: float) -> torch.optim.Adam:
    """Adam whose whole step is one fused kernel."""
    return torch.optim.Adam(parameters, lr=learning_rate, fused=True)


@torch.no_grad()
def move_targets(target: CriticEnsemble, online: CriticEnsemble, rate: float) -> None:
    """target <- (1 - rate) target + rate online, in one call for all parameters."""
    torch._foreach_lerp_(list(target.parameters()), list(online.parameters()), rate)
