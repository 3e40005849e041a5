"""Learners and minibatches for the tests of learning."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from maxent_robot.learning.algorithms import Learner, make_learner
from maxent_robot.learning.config import DISCRETE_ALGORITHMS, LearnerConfig
from maxent_robot.learning.environment import Spaces
from maxent_robot.learning.replay import Batch

OBSERVATION, PRIVILEGED, ACTIONS, COUNT = 5, 2, 3, 4
CONTINUOUS = Spaces(np.ones(OBSERVATION, np.float32), np.ones(PRIVILEGED, np.float32), ACTIONS)
DISCRETE = Spaces(np.ones(OBSERVATION, np.float32), np.ones(PRIVILEGED, np.float32), 1, COUNT)


def make_batch(size: int, seed: int = 0, discrete: bool = False) -> Batch:
    """Noise; three in ten transitions end their episode."""
    generator = torch.Generator().manual_seed(seed)
    widths = (OBSERVATION, PRIVILEGED, ACTIONS, OBSERVATION, PRIVILEGED)
    observation, privileged, action, after, privileged_after = (
        torch.randn(size, width, generator=generator) for width in widths
    )
    if discrete:
        action = torch.randint(COUNT, (size, 1), generator=generator).float()
    reward, cost, surprisal = (torch.rand(size, generator=generator) for _ in range(3))
    discount = torch.where(torch.rand(size, generator=generator) < 0.3, 0.0, 0.9)
    return Batch(observation, privileged, action, after, privileged_after, reward, cost, surprisal, discount)


def small_learner(algorithm: str, seed: int = 0, **settings: Any) -> Learner:
    """A learner of two narrow layers, for actions of its kind."""
    config = LearnerConfig(**{"hidden_sizes": (32, 32), **settings, "algorithm": algorithm})
    return make_learner(config, DISCRETE if algorithm in DISCRETE_ALGORITHMS else CONTINUOUS, seed)
