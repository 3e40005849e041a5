"""Deep deterministic policy gradient (Lillicrap et al. 2016)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from maxent_robot.learning.algorithms.continuous import ContinuousLearner
from maxent_robot.learning.evaluation import Policy
from maxent_robot.learning.networks import CriticEnsemble, DeterministicActor
from maxent_robot.learning.numpy_actor import NumpyActor
from maxent_robot.learning.optimised_network import AveragedNetwork
from maxent_robot.learning.replay import Batch


class Ddpg(ContinuousLearner):
    """Value of the next state: Q(s', mu(s')), both from the moving averages. Explores with white noise on actions."""

    actor: AveragedNetwork[DeterministicActor]
    critic: AveragedNetwork[CriticEnsemble]

    @property
    def heads(self) -> int:
        return 1

    def make_actor(self) -> AveragedNetwork[DeterministicActor]:
        config, spaces = self.config, self.spaces
        return AveragedNetwork(
            lambda: DeterministicActor(spaces.observation_scale, spaces.action_size, config.hidden_sizes),
            config.actor_learning_rate,
            config.target_rate,
            config.momentum,
        )

    def make_critic(self, scales: Sequence[np.ndarray]) -> AveragedNetwork[CriticEnsemble]:
        return self.make_averaged_critic(scales)

    def next_value(self, batch: Batch) -> Tensor:
        action = self.actor.average(batch.next_observation)
        return self.critic.average(batch.next_observation, batch.next_privileged, action).amin(dim=-1)

    def improve_policy(self, batch: Batch) -> dict[str, float]:
        action = self.actor.online(batch.observation)
        loss = -self.critic.online(batch.observation, batch.privileged, action)[:, 0].mean()
        return {"actor_loss": self.actor.minimise(loss)}

    def build(self) -> None:
        super().build()
        self._acting = NumpyActor.of(self.actor.online)

    def act(self, observation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        noise = self.noise(len(observation)).numpy()
        action = np.tanh(self._acting(observation)) + np.float32(self.config.exploration_noise) * noise
        return np.clip(action, -1.0, 1.0), np.zeros(len(observation))

    @property
    def judged(self) -> DeterministicActor:
        return self.actor.online

    def policy(self) -> Policy:
        def policy(observation: np.ndarray) -> np.ndarray:
            return np.tanh(self._acting(observation))

        return policy
