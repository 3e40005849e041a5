"""The gradients of Soft Actor-Critic by hand: the mathematics of `sac`, in less time.

That module by autograd is the reference; `tests/test_learning_fast_update.py` holds this one to it. What is saved: no
graph is kept, observations are scaled once for actor and critics, and the actor's gradient passes only through the
critic that gave the least value, and there only to the columns of the action.
"""

from __future__ import annotations

import torch
from torch import Tensor

from maxent_robot.learning.dense_pass import DensePass
from maxent_robot.learning.distribution import reparameterised_sample
from maxent_robot.learning.networks import CriticEnsemble, SquashedGaussianActor
from maxent_robot.learning.replay import Batch


class FastSacUpdate:
    """Fills the `grad`s of the actor and of the critics, which `flatten_parameters` has made.

    The calls belong together and come in this order: `critic_gradient`, a step of the critics, `actor_gradient`, a step
    of the actor.

    Args:
        actor: the policy.
        critic, target_critic: ensembles that see the observation, the privileged vector and the action, scaled for the
            observation as the actor is.
    """

    def __init__(self, actor: SquashedGaussianActor, critic: CriticEnsemble, target_critic: CriticEnsemble) -> None:
        self._actor = actor
        self._actor_pass = DensePass([*actor.trunk, actor.head])
        self._critic_passes = [DensePass(head.children()) for head in critic.heads]
        self._target_passes = [DensePass(head.children()) for head in target_critic.heads]
        self._offset, self._scale = critic.input_offset, critic.input_scale
        self._observation = slice(0, len(actor.observation_scale))
        self._state = slice(0, len(self._scale) - actor.action_size)
        self._action = slice(self._state.stop, len(self._scale))
        if not torch.equal(self._scale[self._observation], actor.observation_scale):
            raise ValueError("actor and critics must scale the observation alike")
        self._inputs = self._next_inputs = torch.empty(0)

    @torch.no_grad()
    def critic_gradient(
        self, batch: Batch, temperature: Tensor, cost_weight: float, noise: Tensor
    ) -> dict[str, Tensor]:
        """As `Learner.improve_critic` with the value of `SoftActorCritic`. Returns scalars to log."""
        target = self._target(batch, temperature, cost_weight, noise)
        self._inputs = self._scaled(self._inputs, batch.observation, batch.privileged)
        self._put_action(self._inputs, batch.action)
        q = torch.cat([one.forward(self._inputs) for one in self._critic_passes], dim=-1)
        error = q - target
        gradient = error / error.numel()
        for number, one in enumerate(self._critic_passes):
            one.backward_parameters(gradient[:, number : number + 1])
        return {"critic_loss": 0.5 * error.square().mean(), "q": q.mean()}

    @torch.no_grad()
    def actor_gradient(self, temperature: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """As `SoftActorCritic.improve_policy`, for the batch of the last `critic_gradient`. Returns scalars to log.

        With action a = tanh(u), u = mean + std noise, the density of `reparameterised_sample` has the derivatives
        d log pi / d u = 2 a and d log pi / d log std = -1 + 2 a std noise.
        """
        output = self._actor_pass.forward(self._inputs[:, self._observation])
        mean, log_std = self._actor.distribution(output)
        action, log_prob = reparameterised_sample(mean, log_std, noise)
        self._put_action(self._inputs, action)
        q = torch.cat([one.forward(self._inputs) for one in self._critic_passes], dim=-1)
        least, winner = q.min(dim=-1)
        share = 1.0 / len(q)
        q_action = torch.empty_like(action)  # gradient of the mean of min Q
        for number, one in enumerate(self._critic_passes):
            rows = (winner == number).nonzero().squeeze(1)
            gradient = one.backward_inputs(q.new_full((len(rows), 1), share), self._action, rows)
            q_action.index_copy_(0, rows, gradient)
        q_action /= self._scale[self._action]
        entropy_part = (2.0 * share) * temperature * action
        pre_tanh = entropy_part - q_action * (1.0 - action.square())
        of_log_std = pre_tanh * (log_std.exp() * noise) - share * temperature
        squashed = torch.tanh(output[:, self._actor.action_size :])
        of_raw = of_log_std * self._actor.log_std_half_range * (1.0 - squashed.square())
        self._actor_pass.backward_parameters(torch.cat([pre_tanh, of_raw], dim=-1))
        entropy = -log_prob.mean()
        return {"actor_loss": -temperature * entropy - least.mean(), "entropy": entropy}

    def _target(self, batch: Batch, temperature: Tensor, cost_weight: float, noise: Tensor) -> Tensor:
        inputs = self._next_inputs = self._scaled(self._next_inputs, batch.next_observation, batch.next_privileged)
        mean, log_std = self._actor.distribution(self._actor_pass.forward(inputs[:, self._observation]))
        action, log_prob = reparameterised_sample(mean, log_std, noise)
        self._put_action(inputs, action)
        q = torch.cat([one.forward(inputs) for one in self._target_passes], dim=-1)
        value = q.amin(dim=-1) - temperature * log_prob
        return (batch.reward - cost_weight * batch.cost + batch.discount * value).unsqueeze(-1)

    def _scaled(self, buffer: Tensor, observation: Tensor, privileged: Tensor) -> Tensor:
        """Scaled observation and privileged vector in the first columns of a buffer whose last are for the action."""
        if len(buffer) != len(observation):
            buffer = torch.empty(len(observation), len(self._scale), dtype=observation.dtype)
        state = buffer[:, self._state]
        torch.cat([observation, privileged], dim=1, out=state)
        state.sub_(self._offset[self._state]).div_(self._scale[self._state])
        return buffer

    def _put_action(self, inputs: Tensor, action: Tensor) -> None:
        """Write the scaled action into the last columns."""
        torch.div(action, self._scale[self._action], out=inputs[:, self._action])
