"""The pool: one replay memory for several skills, each of which reads it as its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from maxent_robot.learning.pooled.environment import SkillView
from maxent_robot.learning.replay import Batch, TransitionRing


class PooledReplay(TransitionRing):
    """Ring of single-step transitions with the reward and the discount of every skill.

    Row order: observation, action, next observation, the rewards, the discounts. A discount is gamma, or 0 where the
    step terminated that skill.

    Args:
        capacity: transitions kept.
        observation_size, action_size: sizes of the vectors.
        skills: who reads it.
    """

    def __init__(self, capacity: int, observation_size: int, action_size: int, skills: Sequence[SkillView]) -> None:
        self._sizes = [observation_size, action_size, observation_size, len(skills), len(skills)]
        super().__init__(capacity, sum(self._sizes))
        self._columns = [torch.from_numpy(np.ascontiguousarray(skill.columns)) for skill in skills]

    def sample(self, batch_size: int, generator: np.random.Generator) -> list[Batch]:
        """One minibatch for each skill, of the same transitions, drawn uniformly with replacement."""
        observation, action, following, rewards, discounts = self._draw(batch_size, generator)
        nothing, zeros = torch.zeros(batch_size, 0), torch.zeros(batch_size)
        return [
            Batch(
                observation=observation.index_select(1, columns),
                privileged=nothing,
                action=action,
                next_observation=following.index_select(1, columns),
                next_privileged=nothing,
                reward=rewards[:, number].contiguous(),
                cost=zeros,
                surprisal=zeros,
                discount=discounts[:, number].contiguous(),
            )
            for number, columns in enumerate(self._columns)
        ]

    def sample_joint(self, batch_size: int, generator: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Observations, actions, next observations, and the least discount of all skills, of drawn transitions."""
        observation, action, following, _, discounts = self._draw(batch_size, generator)
        return observation, action, following, discounts.amin(dim=1)

    def _draw(self, batch_size: int, generator: np.random.Generator) -> list[Tensor]:
        rows = torch.from_numpy(self.rows[generator.integers(0, len(self), size=batch_size)])
        return [part.contiguous() for part in torch.split(rows, self._sizes, dim=1)]
