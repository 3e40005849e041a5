"""What all learners share: one minibatch moves the critics towards a backup, then the policy, then the averages.

The algorithms differ in `next_value`, what the backup takes the next state to be worth, and in the policy:

| algorithm | value of s' | policy |
| --- | --- | --- |
| dqn | max_a Q(s', a) | argmax_a Q(s, a) |
| soft_q | alpha log sum_a exp(Q(s', a) / alpha) | exp(Q(s, a) / alpha), normalised |
| discrete_sac | E_a~pi [min_i Q_i(s', a) - alpha log pi(a given s')] | a network moved towards exp(min_i Q_i / alpha) |
| ddpg | Q(s', mu(s')) | a network mu moved up Q(s, mu(s)) |
| td3 | min_i Q_i(s', mu(s') + noise) | as ddpg |
| sac | min_i Q_i(s', a) - alpha log pi(a given s'), a ~ pi | a network moved towards exp(min_i Q_i / alpha) |
| crossq | as sac, without targets | as sac, every few updates |

(B. Eysenbach, "Maximum Entropy RL", CMU 10-703.)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from maxent_robot.learning.config import LearnerConfig
from maxent_robot.learning.environment import Spaces
from maxent_robot.learning.evaluation import Policy
from maxent_robot.learning.normaliser import ObservationNormaliser
from maxent_robot.learning.optimised_network import OptimisedNetwork
from maxent_robot.learning.replay import Batch
from maxent_robot.learning.temperature import Temperature


class Learner(ABC):
    """Networks, optimisers and random state of one algorithm; `state_dict` holds everything that an update depends on.

    A subclass makes its networks in `build` and says in `networks` which they are.

    Args:
        config: settings.
        spaces: sizes and scales of observation, privileged vector and action.
        seed: of the initial weights and of all noise.
    """

    critic: OptimisedNetwork[Any]
    temperature: Temperature | None = None

    def __init__(self, config: LearnerConfig, spaces: Spaces, seed: int) -> None:
        self.config = config
        self.spaces = spaces
        self.updates = 0
        self.generator = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.build()
        places = [
            (module.get_buffer(f"{name}_offset"), module.get_buffer(f"{name}_scale"))
            for network in self.networks().values()
            for module in network.modules
            for name in ("observation", "input")
            if hasattr(module, f"{name}_scale")
        ]
        size = len(spaces.observation_scale)
        self.normaliser = ObservationNormaliser(places, size) if config.normalise_observation else None

    @abstractmethod
    def build(self) -> None:
        """Make the networks."""

    @abstractmethod
    def networks(self) -> dict[str, OptimisedNetwork[Any]]:
        """All networks by name."""

    @abstractmethod
    def act(self, observation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Actions to learn from, with exploration.

        Args:
            observation: (n, observation_size) float32.

        Returns:
            actions: (n, action_size) float32, in [-1, 1]; discrete actions as their numbers, (n, 1) float32.
            surprisal: (n,), -log pi(a|s), nats; 0 where the return has no entropy.
        """

    @property
    @abstractmethod
    def judged(self) -> nn.Module:
        """The network that `policy` runs."""

    @abstractmethod
    def policy(self) -> Policy:
        """What is judged: the policy without exploration, as it is now and as it changes."""

    @abstractmethod
    def next_value(self, batch: Batch) -> Tensor:
        """Value of the next states, (batch,)."""

    @abstractmethod
    def q(self, batch: Batch) -> Tensor:
        """Q of the actions taken by each head, (batch, heads), with its graph."""

    @property
    def entropy_weight(self) -> float:
        """Weight of the entropy in the return: alpha, or 0."""
        return 0.0 if self.temperature is None else self.temperature.value

    @property
    def policy_period(self) -> int:
        """Updates of the critics for each of the policy and the averages."""
        return 1

    def improve_policy(self, batch: Batch) -> dict[str, float]:
        """One step of what the policy has of its own. Returns scalars to log."""
        return {}

    def values(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """`q` of the batch, with its graph, and `next_value` without."""
        with torch.no_grad():
            next_value = self.next_value(batch)
        return self.q(batch), next_value

    def improve_critic(self, batch: Batch, cost_weight: float) -> dict[str, float]:
        """Minimise the mean squared error of each head to y = R - w C + alpha H + gamma^k V(s').

        R, C and H are sums over k <= n steps, H of the surprisal of the actions after the first; the discount is 0
        instead of gamma^k where the episode terminated.
        """
        q, next_value = self.values(batch)
        paid = batch.reward - cost_weight * batch.cost + self.entropy_weight * batch.surprisal
        target = paid + batch.discount * next_value
        loss = 0.5 * (q - target.unsqueeze(-1)).square().mean()
        return {"critic_loss": self.critic.minimise(loss), "q": q.mean().item()}

    def update(self, batch: Batch, cost_weight: float) -> dict[str, float]:
        """One step of critics and, when due, of policy and averages, in this order. Returns scalars to log."""
        info = self.improve_critic(batch, cost_weight)
        self.updates += 1
        if self.updates % self.policy_period == 0:
            info.update(self.improve_policy(batch))
            self.follow()
        return info

    def follow(self) -> None:
        """Move the averages."""
        for network in self.networks().values():
            network.follow()

    def use_threads(self, count: int) -> None:
        """Share the arithmetic of an update among threads."""
        torch.set_num_threads(count)

    def observe(self, observation: np.ndarray) -> None:
        """Take (n, observation_size) new observations into the normaliser, if there is one."""
        if self.normaliser is not None:
            self.normaliser.observe(observation)

    def noise(self, batch: int) -> Tensor:
        """Standard normal, (batch, action_size)."""
        return torch.randn(batch, self.spaces.action_size, generator=self.generator)

    def critic_scales(self) -> list[np.ndarray]:
        """Scales of observation and privileged vector."""
        return [self.spaces.observation_scale, self.spaces.privileged_scale]

    def weight_sums(self) -> dict[str, float]:
        """Sum of the weights of each network, which is not finite if one of them is not."""
        return {
            f"sum of the weights of {name}": float(net.weights.detach().sum()) for name, net in self.networks().items()
        }

    def state_dict(self) -> dict[str, Any]:
        """Weights, optimisers, temperature, normaliser and random state."""
        return {
            "networks": {name: network.state_dict() for name, network in self.networks().items()},
            "temperature": None if self.temperature is None else self.temperature.state_dict(),
            "normaliser": None if self.normaliser is None else self.normaliser.state_dict(),
            "generator": self.generator.get_state(),
            "updates": self.updates,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        for name, network in self.networks().items():
            network.load_state_dict(state["networks"][name])
        if self.temperature is not None:
            self.temperature.load_state_dict(state["temperature"])
        if self.normaliser is not None:
            self.normaliser.load_state_dict(state["normaliser"])
        self.generator.set_state(state["generator"])
        self.updates = int(state["updates"])
