"""Deep Q-learning (Mnih et al. 2015)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from maxent_robot.learning.algorithms.discrete import DiscreteLearner
from maxent_robot.learning.replay import Batch


class DeepQLearning(DiscreteLearner):
    """Value of the next state: max_a Q(s', a). Explores by a random action now and then."""

    def next_value(self, batch: Batch) -> Tensor:
        return self.next_q(batch).amax(dim=-1)

    @torch.no_grad()
    def act(self, observation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        best = self.policy()(observation)
        n, count = len(observation), self.spaces.action_count
        random = torch.randint(count, (n, 1), generator=self.generator).float().numpy()
        explores = torch.rand(n, 1, generator=self.generator).numpy() < self.config.exploration_rate
        return np.where(explores, random, best), np.zeros(n)
