"""Deep deterministic policy gradient (Lillicrap et al. 2016)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from maxent_robot.learning.algorithms.continuous import ContinuousLearner
from maxent_robot.learning.averaged_network import AveragedNetwork
from maxent_robot.learning.evaluation import Policy
from maxent_robot.learning.networks import DeterministicActor
from maxent_robot.learning.replay import Batch


class Ddpg(ContinuousLearner):
    """Value of the next state: Q(s', mu(s')), both from the moving averages. Explores with white noise on actions."""

    actor: AveragedNetwork[DeterministicActor]

    @property
    def heads(self) -> int:
        return 1

    def make_actor(self) -> AveragedNetwork[DeterministicActor]:
        config, spaces = self.config, self.spaces
        return AveragedNetwork(
            lambda: DeterministicActor(spaces.observation_scale, spaces.action_size, config.hidden_sizes),
            config.actor_learning_rate,
            config.target_rate,
        )

    def next_value(self, batch: Batch) -> Tensor:
        action = self.actor.average(batch.next_observation)
        return self.critic.average(batch.next_observation, batch.next_privileged, action).amin(dim=-1)

    def improve_policy(self, batch: Batch) -> dict[str, Tensor]:
        action = self.actor.online(batch.observation)
        loss = -self.critic.online(batch.observation, batch.privileged, action)[:, 0].mean()
        self.actor.minimise(loss)
        return {"actor_loss": loss.detach()}

    @torch.no_grad()
    def act(self, observation: np.ndarray) -> np.ndarray:
        action = self.actor.online(torch.from_numpy(observation))
        noise = self.config.exploration_noise * self.noise(len(observation))
        return (action + noise).clamp_(-1.0, 1.0).numpy()

    @property
    def judged(self) -> DeterministicActor:
        return self.actor.online

    def policy(self) -> Policy:
        @torch.no_grad()
        def policy(observation: np.ndarray) -> np.ndarray:
            return self.actor.online(torch.from_numpy(observation)).numpy()

        return policy
