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
from maxent_robot.learning.fast_update import FastUpdate
from maxent_robot.learning.flat_parameters import flatten_parameters
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
        self.averaged_actor = make_actor(config, observation_scale, action_size)
        self.averaged_actor.load_state_dict(self.actor.state_dict())
        self.averaged_actor.requires_grad_(False)
        self.log_temperature = torch.tensor(math.log(config.initial_temperature))
        self.weights = {
            name: flatten_parameters(getattr(self, name))
            for name in ("actor", "averaged_actor", "critic", "target_critic")
        }
        self.actor_optimiser = adam([self.weights["actor"]], config.actor_learning_rate)
        self.critic_optimiser = adam([self.weights["critic"]], config.critic_learning_rate)
        self.temperature_optimiser = adam([self.log_temperature], config.temperature_learning_rate)
        self._fast = FastUpdate(self.actor, self.critic, self.target_critic) if config.fast_update else None

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
        noises = self._noise(len(batch.reward)), self._noise(len(batch.reward))
        step = self._fast_step if self._fast is not None else self._reference_step
        log_prob, info = step(batch, temperature, cost_weight, noises)
        info.update(update_temperature(self.log_temperature, self.temperature_optimiser, log_prob, self.target_entropy))
        move_average(self.weights["target_critic"], self.weights["critic"], self.config.target_rate)
        move_average(self.weights["averaged_actor"], self.weights["actor"], self.config.actor_average_rate)
        return info

    def _fast_step(
        self, batch: Batch, temperature: Tensor, cost_weight: float, noises: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        assert self._fast is not None
        info = self._fast.critic_gradient(batch, temperature, cost_weight, noises[0])
        self.critic_optimiser.step()
        log_prob, actor_info = self._fast.actor_gradient(temperature, noises[1])
        self.actor_optimiser.step()
        return log_prob, {**info, **actor_info}

    def _reference_step(
        self, batch: Batch, temperature: Tensor, cost_weight: float, noises: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        next_state, state = (batch.next_observation, batch.next_privileged), (batch.observation, batch.privileged)
        target = soft_target(batch, next_state, self.actor, self.target_critic, temperature, cost_weight, noises[0])
        info = update_critic(self.critic, self.critic_optimiser, (*state, batch.action), target)
        log_prob, actor_info = update_actor(
            self.actor, self.actor_optimiser, self.critic, batch.observation, state, temperature, noises[1]
        )
        return log_prob, {**info, **actor_info}

    def _noise(self, batch: int) -> Tensor:
        return torch.randn(batch, self.action_size, generator=self.generator)

    def state_dict(self) -> dict[str, Any]:
        """Weights, optimisers, temperature and random state."""
        return {
            "actor": self.actor.state_dict(),
            "averaged_actor": self.averaged_actor.state_dict(),
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
        self.averaged_actor.load_state_dict(state["averaged_actor"])
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
def move_average(average: Tensor, online: Tensor, rate: float) -> None:
    """average <- (1 - rate) average + rate online, for the weights of two networks."""
    average.lerp_(online, rate)
