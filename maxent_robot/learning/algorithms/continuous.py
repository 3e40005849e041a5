"""What DDPG, TD3 and SAC share: critics that see the action, and an actor."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from maxent_robot.learning.algorithms.learner import Learner
from maxent_robot.learning.networks import CriticEnsemble
from maxent_robot.learning.optimised_network import AveragedNetwork, OptimisedNetwork
from maxent_robot.learning.replay import Batch


class ContinuousLearner(Learner):
    """`critic`, Q(observation, privileged, action), and `actor`, which sees the observation alone."""

    actor: AveragedNetwork[Any]
    critic: OptimisedNetwork[Any]

    @property
    def heads(self) -> int:
        """Number of Q functions."""
        return self.config.critic_heads

    def build(self) -> None:
        self.actor = self.make_actor()
        self.critic = self.make_critic([*self.critic_scales(), np.ones(self.spaces.action_size, np.float32)])

    @abstractmethod
    def make_actor(self) -> AveragedNetwork[Any]:
        """The actor with its average."""

    @abstractmethod
    def make_critic(self, scales: Sequence[np.ndarray]) -> OptimisedNetwork[Any]:
        """The critics, with or without targets; `scales` of observation, privileged vector and action."""

    def make_averaged_critic(self, scales: Sequence[np.ndarray]) -> AveragedNetwork[CriticEnsemble]:
        """Critics with their moving averages as targets."""
        config = self.config
        return AveragedNetwork(
            lambda: CriticEnsemble(scales, config.hidden_sizes, self.heads, config.layer_norm),
            config.critic_learning_rate,
            config.target_rate,
            config.momentum,
        )

    def networks(self) -> dict[str, OptimisedNetwork[Any]]:
        return {"actor": self.actor, "critic": self.critic}

    def q(self, batch: Batch) -> Tensor:
        q: Tensor = self.critic.online(batch.observation, batch.privileged, batch.action)
        return q
