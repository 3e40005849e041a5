"""What SAC and CrossQ share: a squashed Gaussian, its temperature, and how both improve."""

from __future__ import annotations

import numpy as np

from maxent_robot.inference.squashed_gaussian import squashed_log_prob
from maxent_robot.learning.algorithms.continuous import ContinuousLearner
from maxent_robot.learning.config import LearnerConfig
from maxent_robot.learning.distribution import reparameterised_sample
from maxent_robot.learning.evaluation import Policy
from maxent_robot.learning.networks import SquashedGaussianActor
from maxent_robot.learning.numpy_actor import NumpyActor, split_gaussian
from maxent_robot.learning.optimised_network import AveragedNetwork
from maxent_robot.learning.replay import Batch
from maxent_robot.learning.temperature import Temperature


class MaximumEntropyLearner(ContinuousLearner):
    """The policy moves towards exp(min_i Q_i / alpha); alpha is fixed, or found by dual ascent (Haarnoja et al. 2018).

    The actor's average is not a target; it is what is judged and kept.
    """

    actor: AveragedNetwork[SquashedGaussianActor]
    temperature: Temperature

    def build(self) -> None:
        super().build()
        config = self.config
        self.temperature = Temperature(
            config.initial_temperature,
            config.target_entropy_per_action * self.spaces.action_size,
            config.temperature_learning_rate if config.automatic_temperature else None,
        )
        self._acting = NumpyActor.of(self.actor.online)

    def make_actor(self) -> AveragedNetwork[SquashedGaussianActor]:
        config, spaces = self.config, self.spaces
        return AveragedNetwork(
            lambda: make_actor(config, spaces.observation_scale, spaces.action_size),
            config.actor_learning_rate,
            config.actor_average_rate,
            config.momentum,
        )

    def improve_policy(self, batch: Batch) -> dict[str, float]:
        """Minimise E[alpha log pi(a|s) - min_i Q_i(s, a)] by the reparameterised gradient, then move alpha.

        Equations 7 to 9 of the paper. The critics pass the gradient on to the action and get none themselves.
        """
        noise = self.noise(len(batch.reward))
        mean, log_std = self.actor.online(batch.observation)
        action, log_prob = reparameterised_sample(mean, log_std, noise)
        q = self.critic.online(batch.observation, batch.privileged, action).amin(dim=-1)
        loss = (self.temperature.value * log_prob - q).mean()
        info = {"actor_loss": self.actor.minimise(loss), "entropy": -log_prob.mean().item()}
        self.temperature.update(info["entropy"])
        return {**info, "temperature": self.temperature.value}

    def act(self, observation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        actor, noise = self.actor.online, self.noise(len(observation)).numpy()
        mean, log_std = split_gaussian(self._acting(observation), actor.log_std_minimum, actor.log_std_half_range)
        u = mean + np.exp(log_std) * noise
        return np.tanh(u), -squashed_log_prob(u, mean, log_std)

    @property
    def judged(self) -> SquashedGaussianActor:
        return self.actor.average

    def policy(self) -> Policy:
        return mean_policy(self.actor.average)


def make_actor(config: LearnerConfig, observation_scale: np.ndarray, action_size: int) -> SquashedGaussianActor:
    """The actor that `config` describes."""
    return SquashedGaussianActor(
        observation_scale,
        action_size,
        config.hidden_sizes,
        config.log_std_minimum,
        config.log_std_maximum,
        config.log_std_initial,
    )


def mean_policy(actor: SquashedGaussianActor) -> Policy:
    """The deterministic policy tanh(mean); the actor's parameters must stay where they are."""
    output = NumpyActor.of(actor)

    def policy(observation: np.ndarray) -> np.ndarray:
        return np.tanh(output(observation)[:, : actor.action_size])

    return policy
