"""What DQN, soft Q-learning and discrete SAC share: critics that give one value for each action."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from maxent_robot.learning.algorithms.learner import Learner
from maxent_robot.learning.evaluation import Policy
from maxent_robot.learning.networks import CriticEnsemble
from maxent_robot.learning.optimised_network import AveragedNetwork, OptimisedNetwork
from maxent_robot.learning.replay import Batch


class DiscreteLearner(Learner):
    """`critic`, Q(state) for all actions; actions travel as (n, 1) float32 numbers."""

    critic: AveragedNetwork[CriticEnsemble]
    heads = 1
    sees_privileged = False
    """Whether the critics see the privileged vector; not where they are the policy."""

    def build(self) -> None:
        config = self.config
        scales = self.critic_scales()[: 2 if self.sees_privileged else 1]
        self.critic = AveragedNetwork(
            lambda: CriticEnsemble(
                scales, config.hidden_sizes, self.heads, config.layer_norm, outputs=self.spaces.action_count
            ),
            config.critic_learning_rate,
            config.target_rate,
            config.momentum,
        )

    def networks(self) -> dict[str, OptimisedNetwork[Any]]:
        return {"critic": self.critic}

    def action_values(self, critic: CriticEnsemble, observation: Tensor, privileged: Tensor) -> Tensor:
        """(batch, heads, action_count)."""
        state = (observation, privileged) if self.sees_privileged else (observation,)
        return critic(*state).view(len(observation), self.heads, self.spaces.action_count)

    def next_q(self, batch: Batch) -> Tensor:
        """The least of the target critics in the next states, (batch, action_count)."""
        return self.action_values(self.critic.average, batch.next_observation, batch.next_privileged).amin(dim=1)

    def q(self, batch: Batch) -> Tensor:
        q = self.action_values(self.critic.online, batch.observation, batch.privileged)
        number = batch.action.long().unsqueeze(1).expand(-1, self.heads, 1)
        return q.gather(2, number).squeeze(2)

    def preferences(self, observation: Tensor) -> Tensor:
        """What the policy without exploration takes the greatest of, (n, action_count)."""
        return self.action_values(self.critic.online, observation, observation[:, :0]).amin(dim=1)

    @property
    def judged(self) -> nn.Module:
        return self.critic.online

    def policy(self) -> Policy:
        @torch.no_grad()
        def policy(observation: np.ndarray) -> np.ndarray:
            best = self.preferences(torch.from_numpy(observation)).argmax(dim=-1, keepdim=True)
            return best.float().numpy()

        return policy

    def draw(self, logits: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """One action from each row of unnormalised log probabilities, the greatest after adding Gumbel noise.

        Returns as `act`.
        """
        exponential = torch.empty_like(logits).exponential_(generator=self.generator)
        action = (logits - exponential.log()).argmax(dim=-1, keepdim=True)
        surprisal = -torch.log_softmax(logits, dim=-1).gather(1, action)[:, 0]
        return action.float().numpy(), surprisal.numpy()
