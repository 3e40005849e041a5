"""Soft Q-learning (Haarnoja et al. 2017, "RL with Deep Energy-Based Policies") for discrete actions."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from maxent_robot.learning.algorithms.discrete import DiscreteLearner
from maxent_robot.learning.replay import Batch


class SoftQLearning(DiscreteLearner):
    """Value of the next state: alpha log sum_a exp(Q(s', a) / alpha). The policy is the softmax of Q / alpha."""

    def next_value(self, batch: Batch) -> Tensor:
        return self.entropy_weight * torch.logsumexp(self.next_q(batch) / self.entropy_weight, dim=-1)

    @property
    def entropy_weight(self) -> float:
        return self.config.initial_temperature

    @torch.no_grad()
    def act(self, observation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.draw(self.preferences(torch.from_numpy(observation)) / self.entropy_weight)
