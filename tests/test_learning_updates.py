"""The update rules one by one, against what the equations say."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from maxent_robot.errors import ConfigError
from maxent_robot.learning.actor_update import update_actor
from maxent_robot.learning.config import CostRampConfig, SacConfig
from maxent_robot.learning.cost_ramp import CostRamp
from maxent_robot.learning.critic_update import soft_target, update_critic
from maxent_robot.learning.distribution import reparameterised_sample
from maxent_robot.learning.flat_parameters import flatten_parameters
from maxent_robot.learning.networks import CriticEnsemble
from maxent_robot.learning.replay import Batch
from maxent_robot.learning.sac import SoftActorCritic, adam, make_actor, move_average
from maxent_robot.learning.temperature_update import update_temperature

ACTIONS = 3


class Bowl(CriticEnsemble):
    """Q(s, a) = -10 |a - 0.3|^2, whose soft policy is known to be wider the higher the temperature."""

    def __init__(self) -> None:
        super().__init__([np.ones(ACTIONS)], (1,), heads=2)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        q = -10.0 * (inputs[-1] - 0.3).square().sum(-1, keepdim=True)
        return torch.cat([q, q], dim=-1)


def make_batch(size: int, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    a, b, c, d, e = (torch.randn(size, width, generator=generator) for width in (5, 2, ACTIONS, 5, 2))
    reward, cost = (torch.rand(size, generator=generator) for _ in range(2))
    discount = torch.where(torch.rand(size, generator=generator) < 0.3, 0.0, 0.9)
    return Batch(a, b, c, d, e, reward, cost, discount)


def make_learner(**settings: object) -> SoftActorCritic:
    config = SacConfig(hidden_sizes=(32, 32), **settings)  # type: ignore[arg-type]
    return SoftActorCritic(config, np.ones(5, np.float32), np.ones(2, np.float32), ACTIONS, seed=0)


def test_temperature_moves_the_entropy_to_its_target() -> None:
    torch.manual_seed(0)
    actor = make_actor(SacConfig(hidden_sizes=(32,)), np.ones(2, np.float32), ACTIONS)
    actor_optimiser = adam([flatten_parameters(actor)], 3e-3)
    observation = torch.randn(128, 2)
    for target in (-1.0, -4.0):
        log_temperature = torch.tensor(math.log(0.1))
        optimiser = adam([log_temperature], 1e-2)
        entropies = []
        for _ in range(900):
            alpha = log_temperature.exp()
            noise = torch.randn(128, ACTIONS)
            log_prob, info = update_actor(
                actor,
                actor_optimiser,
                Bowl(),
                observation,
                (observation,),
                alpha,
                noise,
            )
            update_temperature(log_temperature, optimiser, log_prob, target)
            entropies.append(float(info["entropy"]))
        assert np.mean(entropies[-200:]) == pytest.approx(target, abs=0.15)


def test_soft_target_is_the_backup_of_the_least_critic_less_the_log_probability() -> None:
    learner, batch = make_learner(), make_batch(16)
    noise = torch.randn(16, ACTIONS)
    alpha = torch.tensor(0.3)
    next_inputs = (batch.next_observation, batch.next_privileged)
    y = soft_target(batch, next_inputs, learner.actor, learner.target_critic, alpha, 0.5, noise)
    mean, log_std = learner.actor(batch.next_observation)
    action, log_prob = reparameterised_sample(mean, log_std, noise)
    q = learner.target_critic(batch.next_observation, batch.next_privileged, action)
    soft_value = torch.minimum(q[:, 0], q[:, 1]) - 0.3 * log_prob
    expected = batch.reward - 0.5 * batch.cost + batch.discount * soft_value
    torch.testing.assert_close(y, expected[:, None].detach())
    ended = batch.discount == 0.0
    torch.testing.assert_close(y[ended, 0], (batch.reward - 0.5 * batch.cost)[ended])


def test_critic_fits_a_fixed_target() -> None:
    batch = make_batch(64)
    critic = CriticEnsemble([np.ones(5), np.ones(2), np.ones(ACTIONS)], (64, 64), 2)
    optimiser = adam([flatten_parameters(critic)], 3e-3)
    inputs = (batch.observation, batch.privileged, batch.action)
    target = batch.reward[:, None]
    losses = [float(update_critic(critic, optimiser, inputs, target)["critic_loss"]) for _ in range(300)]
    assert losses[-1] < 1e-3 < losses[0]


def test_actor_update_changes_the_actor_alone_and_raises_q() -> None:
    learner, batch = make_learner(), make_batch(64)
    before = {name: value.clone() for name, value in learner.critic.state_dict().items()}
    state = (batch.observation, batch.privileged)
    alpha = torch.tensor(0.0)
    losses = []
    for _ in range(100):
        noise = torch.randn(64, ACTIONS)
        _, info = update_actor(
            learner.actor, learner.actor_optimiser, learner.critic, batch.observation, state, alpha, noise
        )
        losses.append(float(info["actor_loss"]))
    assert np.mean(losses[-10:]) < np.mean(losses[:10])
    gradient = learner.weights["critic"].grad
    assert gradient is not None
    assert not gradient.any()
    for name, value in learner.critic.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0.0, atol=0.0)


def test_targets_move_by_the_rate() -> None:
    learner = make_learner()
    with torch.no_grad():
        for parameter in learner.critic.parameters():
            parameter.add_(1.0)
    before = [parameter.clone() for parameter in learner.target_critic.parameters()]
    move_average(learner.weights["target_critic"], learner.weights["critic"], 0.25)
    for old, new in zip(before, learner.target_critic.parameters(), strict=True):
        torch.testing.assert_close(new, old + 0.25)


def test_learner_state_is_restored_bit_for_bit() -> None:
    first = make_learner()
    for number in range(5):
        first.update(make_batch(32, number), 0.1)
    second = make_learner()
    second.load_state_dict(first.state_dict())
    for number in range(5, 10):
        one, two = (learner.update(make_batch(32, number), 0.1) for learner in (first, second))
        assert all(torch.equal(one[name], two[name]) for name in one)
    observation = np.ones((4, 5), np.float32)
    np.testing.assert_array_equal(first.act(observation), second.act(observation))


def test_scales_are_inside_the_networks() -> None:
    scale = np.array([0.01, 2.0], np.float32)
    torch.manual_seed(0)
    raw = make_actor(SacConfig(), np.ones(2, np.float32), ACTIONS)
    torch.manual_seed(0)
    scaled = make_actor(SacConfig(), scale, ACTIONS)
    observation = torch.randn(8, 2)
    torch.testing.assert_close(scaled(observation * torch.from_numpy(scale)), raw(observation))
    with pytest.raises(ValueError, match="finite positive"):
        make_actor(SacConfig(), np.array([1.0, 0.0]), ACTIONS)


def test_weight_of_the_cost_rises_with_success_and_gives_way_without_it() -> None:
    ramp = CostRamp(CostRampConfig(maximum=2.0, success_from=0.5, success_to=0.9, rise_steps=1000))
    goals = [ramp.goal(success) for success in np.linspace(0.0, 1.0, 21)]
    assert goals == sorted(goals)
    assert (ramp.goal(0.5), ramp.goal(0.9)) == (0.0, pytest.approx(2.0))
    assert ramp.advance(1.0, 100) == pytest.approx(0.2)
    for _ in range(50):
        ramp.advance(1.0, 100)
    assert ramp.weight == pytest.approx(2.0)
    assert ramp.advance(0.0, 250) == pytest.approx(1.5)
    with pytest.raises(ConfigError, match=r"success_to is 0\.2"):
        CostRamp(CostRampConfig(success_from=0.5, success_to=0.2))
