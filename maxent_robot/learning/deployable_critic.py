"""The critic that goes into a skill bundle: it sees what the robot sees.

The critics of training also see the privileged vector, which no robot has. Once the actor is final, a second ensemble
learns the soft Q function of that actor from observation and action alone, by the same backup on the same replay.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from maxent_robot.learning.config import SacConfig
from maxent_robot.learning.critic_update import soft_target, update_critic
from maxent_robot.learning.flat_parameters import flatten_parameters
from maxent_robot.learning.networks import CriticEnsemble, SquashedGaussianActor
from maxent_robot.learning.progress import ScalarMeans
from maxent_robot.learning.replay import ReplayMemory
from maxent_robot.learning.sac import adam, move_average


def make_deployable_critic(config: SacConfig, observation_scale: np.ndarray, action_size: int) -> CriticEnsemble:
    """An ensemble of Q(observation, action) of the sizes in `config`."""
    scales = [observation_scale, np.ones(action_size, np.float32)]
    return CriticEnsemble(scales, config.hidden_sizes, config.critic_heads)


def train_deployable_critic(
    config: SacConfig,
    actor: SquashedGaussianActor,
    replay: ReplayMemory,
    observation_scale: np.ndarray,
    temperature: float,
    cost_weight: float,
    updates: int,
    seed: int,
    advance: Callable[[int], None],
) -> tuple[CriticEnsemble, float]:
    """Train from nothing for `updates` updates, with the actor, the temperature and the cost weight held.

    Args:
        advance: called with the number of updates done since the last call.

    Returns:
        The critic, and the mean of its loss over the last tenth of the updates.
    """
    generator = torch.Generator().manual_seed(seed)
    indices = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        critic = make_deployable_critic(config, observation_scale, actor.action_size)
        target_critic = make_deployable_critic(config, observation_scale, actor.action_size)
    target_critic.load_state_dict(critic.state_dict())
    target_critic.requires_grad_(False)
    weights, target_weights = flatten_parameters(critic), flatten_parameters(target_critic)
    optimiser = adam([weights], config.critic_learning_rate)
    alpha = torch.tensor(temperature)
    means = ScalarMeans()
    for number in range(updates):
        (batch,) = replay.sample(1, config.batch_size, indices)
        noise = torch.randn(config.batch_size, actor.action_size, generator=generator)
        target: Tensor = soft_target(batch, (batch.next_observation,), actor, target_critic, alpha, cost_weight, noise)
        info = update_critic(critic, optimiser, (batch.observation, batch.action), target)
        move_average(target_weights, weights, config.target_rate)
        if number >= updates - max(1, updates // 10):
            means.add(info)
        advance(1)
    return critic, means.read()["critic_loss"]
