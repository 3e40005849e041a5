"""Twin delayed deterministic policy gradient (Fujimoto et al. 2018)."""

from __future__ import annotations

from torch import Tensor

from maxent_robot.learning.algorithms.ddpg import Ddpg
from maxent_robot.learning.replay import Batch


class Td3(Ddpg):
    """DDPG with the least of several critics, noise on the target's action, and a slower actor.

    Value of the next state: min_i Q_i(s', clip(mu(s') + clip(noise))), equations 10 and 14 of the paper.
    """

    @property
    def heads(self) -> int:
        return self.config.critic_heads

    @property
    def policy_period(self) -> int:
        return self.config.policy_delay

    def next_value(self, batch: Batch) -> Tensor:
        bound = self.config.target_noise_bound
        noise = (self.config.target_noise * self.noise(len(batch.reward))).clamp_(-bound, bound)
        action = (self.actor.average(batch.next_observation) + noise).clamp_(-1.0, 1.0)
        return self.critic.average(batch.next_observation, batch.next_privileged, action).amin(dim=-1)
