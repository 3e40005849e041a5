"""What DDPG, TD3 and SAC share: critics that see the action, and an actor."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from torch import Tensor

from maxent_robot.learning.algorithms.learner import Learner
from maxent_robot.learning.averaged_network import AveragedNetwork
from maxent_robot.learning.networks import CriticEnsemble
from maxent_robot.learning.replay import Batch


class ContinuousLearner(Learner):
    """`critic`, Q(observation, privileged, action), and `actor`, which sees the observation alone."""

    actor: AveragedNetwork[Any]

    @property
    def heads(self) -> int:
        """Number of Q functions."""
        return self.config.critic_heads

    def build(self) -> None:
        config = self.config
        scales = [*self.critic_scales(), np.ones(self.spaces.action_size, np.float32)]
        self.actor = self.make_actor()
        self.critic = AveragedNetwork(
            lambda: CriticEnsemble(scales, config.hidden_sizes, self.heads, config.layer_norm),
            config.critic_learning_rate,
            config.target_rate,
        )

    @abstractmethod
    def make_actor(self) -> AveragedNetwork[Any]:
        """The actor with its average."""

    def networks(self) -> dict[str, AveragedNetwork[Any]]:
        return {"actor": self.actor, "critic": self.critic}

    def q(self, batch: Batch) -> Tensor:
        q: Tensor = self.critic.online(batch.observation, batch.privileged, batch.action)
        return q
