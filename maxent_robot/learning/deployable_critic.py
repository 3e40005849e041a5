"""The critic that goes into a skill bundle: it sees what the robot sees.

The critics of training also see the privileged vector, which no robot has. Once the actor is final, a second ensemble
learns the soft Q function of that actor from observation and action alone, by the same backup on the same replay.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from maxent_robot.learning.algorithms.sac import soft_value
from maxent_robot.learning.config import LearnerConfig
from maxent_robot.learning.networks import CriticEnsemble, SquashedGaussianActor
from maxent_robot.learning.optimised_network import AveragedNetwork
from maxent_robot.learning.progress import ScalarMeans
from maxent_robot.learning.replay import ReplayMemory


def make_deployable_critic(config: LearnerConfig, observation_scale: np.ndarray, action_size: int) -> CriticEnsemble:
    """An ensemble of Q(observation, action) of the sizes in `config`."""
    scales = [observation_scale, np.ones(action_size, np.float32)]
    return CriticEnsemble(scales, config.hidden_sizes, config.critic_heads, config.layer_norm)


def train_deployable_critic(
    config: LearnerConfig,
    actor: SquashedGaussianActor,
    replay: ReplayMemory,
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
        critic = AveragedNetwork(lambda: _critic_of(config, actor), config.critic_learning_rate, config.target_rate)
    means = ScalarMeans()
    for number in range(updates):
        (batch,) = replay.sample(1, config.batch_size, indices)
        noise = torch.randn(config.batch_size, actor.action_size, generator=generator)
        after = batch.next_observation
        value = soft_value(after, (after,), actor, critic.average, temperature, noise)
        paid = batch.reward - cost_weight * batch.cost + temperature * batch.surprisal
        target = paid + batch.discount * value
        loss = 0.5 * (critic.online(batch.observation, batch.action) - target.unsqueeze(-1)).square().mean()
        value_loss = critic.minimise(loss)
        critic.follow()
        if number >= updates - max(1, updates // 10):
            means.add({"critic_loss": value_loss})
        advance(1)
    return critic.online, means.read()["critic_loss"]


def _critic_of(config: LearnerConfig, actor: SquashedGaussianActor) -> CriticEnsemble:
    """A critic that normalises the observation as the actor does."""
    critic = make_deployable_critic(config, actor.observation_scale.numpy(), actor.action_size)
    critic.input_offset[: len(actor.observation_offset)] = actor.observation_offset
    return critic
