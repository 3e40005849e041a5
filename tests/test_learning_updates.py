"""The update rules one by one, against what the equations say."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import pytest
import torch
from learners import ACTIONS, CONTINUOUS, COUNT, DISCRETE, OBSERVATION, make_batch, small_learner

from maxent_robot.errors import ConfigError
from maxent_robot.learning.algorithms import ALGORITHMS, make_learner
from maxent_robot.learning.algorithms.continuous import ContinuousLearner
from maxent_robot.learning.algorithms.crossq import CrossQ
from maxent_robot.learning.algorithms.ddpg import Ddpg
from maxent_robot.learning.algorithms.discrete import DiscreteLearner
from maxent_robot.learning.algorithms.discrete_sac import DiscreteSoftActorCritic
from maxent_robot.learning.algorithms.maximum_entropy import make_actor
from maxent_robot.learning.algorithms.sac import SoftActorCritic
from maxent_robot.learning.algorithms.td3 import Td3
from maxent_robot.learning.config import DISCRETE_ALGORITHMS, CostRampConfig, LearnerConfig
from maxent_robot.learning.cost_ramp import CostRamp
from maxent_robot.learning.distribution import log_prob, reparameterised_sample
from maxent_robot.learning.networks import CriticEnsemble
from maxent_robot.learning.normaliser import ObservationNormaliser
from maxent_robot.learning.optimised_network import AveragedNetwork
from maxent_robot.learning.replay import Batch


class Bowl(CriticEnsemble):
    """Q(s, a) = -10 |a - 0.3|^2, whose soft policy is known to be wider the higher the temperature."""

    def __init__(self) -> None:
        super().__init__([np.ones(ACTIONS)], (1,), heads=2)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        q = -10.0 * (inputs[-1] - 0.3).square().sum(-1, keepdim=True)
        return torch.cat([q, q], dim=-1)


def discrete(algorithm: str, **settings: Any) -> DiscreteLearner:
    return cast(DiscreteLearner, small_learner(algorithm, **settings))


def sac(**settings: Any) -> SoftActorCritic:
    return cast(SoftActorCritic, small_learner("sac", **settings))


@pytest.mark.parametrize("target", [-1.0 / 3.0, -4.0 / 3.0])
def test_the_temperature_moves_the_entropy_to_its_target(target: float) -> None:
    settings = {"actor_learning_rate": 3e-3, "temperature_learning_rate": 1e-2, "fast_update": False}
    learner = sac(target_entropy_per_action=target, **settings)
    learner.critic.online = Bowl()
    entropies = [float(learner.improve_policy(make_batch(128, number))["entropy"]) for number in range(900)]
    sought = 3.0 * target
    assert learner.temperature.target_entropy == pytest.approx(sought)
    assert np.mean(entropies[-300:]) == pytest.approx(sought, abs=0.02 * abs(sought) + 0.02)
    fixed = sac(automatic_temperature=False, initial_temperature=0.3)
    for number in range(3):
        fixed.update(make_batch(32, number), 0.0)
    assert fixed.temperature.value == pytest.approx(0.3)


def test_value_of_the_next_state_dqn_is_the_greatest_q() -> None:
    learner, batch = discrete("dqn"), make_batch(16, discrete=True)
    q = learner.critic.average(batch.next_observation)
    torch.testing.assert_close(learner.next_value(batch), q.max(dim=1).values)


def test_value_of_the_next_state_soft_q_is_the_soft_maximum() -> None:
    learner, batch = discrete("soft_q", initial_temperature=0.2), make_batch(16, discrete=True)
    q = learner.critic.average(batch.next_observation)
    torch.testing.assert_close(learner.next_value(batch), 0.2 * torch.log(torch.exp(q / 0.2).sum(dim=1)))


def test_value_of_the_next_state_discrete_sac_is_the_expected_least_q_less_alpha_log_pi() -> None:
    learner, batch = discrete("discrete_sac", initial_temperature=0.2), make_batch(16, discrete=True)
    assert isinstance(learner, DiscreteSoftActorCritic)
    q = learner.critic.average(batch.next_observation, batch.next_privileged).view(16, 2, COUNT)
    probability = torch.softmax(learner.actor.online.output(batch.next_observation), dim=1)
    expected = (probability * (torch.minimum(q[:, 0], q[:, 1]) - 0.2 * probability.log())).sum(dim=1)
    torch.testing.assert_close(learner.next_value(batch), expected)


def test_value_of_the_next_state_ddpg_is_q_of_the_target_actor() -> None:
    learner, batch = small_learner("ddpg"), make_batch(16)
    assert isinstance(learner, Ddpg)
    action = torch.tanh(learner.actor.average.output(batch.next_observation))
    q = learner.critic.average(batch.next_observation, batch.next_privileged, action)
    assert q.shape == (16, 1)
    torch.testing.assert_close(learner.next_value(batch), q[:, 0])


def test_value_of_the_next_state_td3_is_the_least_q_of_a_noisy_target_action() -> None:
    learner, batch = small_learner("td3", target_noise=0.7, target_noise_bound=0.5), make_batch(64)
    assert isinstance(learner, Td3)
    noise = torch.randn(64, ACTIONS, generator=torch.Generator().manual_seed(7))
    learner.generator.manual_seed(7)
    value = learner.next_value(batch)
    assert float((0.7 * noise).abs().max()) > 0.5
    action = (learner.actor.average(batch.next_observation) + (0.7 * noise).clamp(-0.5, 0.5)).clamp(-1.0, 1.0)
    q = learner.critic.average(batch.next_observation, batch.next_privileged, action)
    torch.testing.assert_close(value, torch.minimum(q[:, 0], q[:, 1]))


def test_value_of_the_next_state_sac_is_the_least_q_less_alpha_log_pi() -> None:
    learner, batch = sac(initial_temperature=0.3), make_batch(16)
    noise = torch.randn(16, ACTIONS, generator=torch.Generator().manual_seed(7))
    learner.generator.manual_seed(7)
    value = learner.next_value(batch)
    mean, log_std = learner.actor.online(batch.next_observation)
    action, log_prob = reparameterised_sample(mean, log_std, noise)
    q = learner.critic.average(batch.next_observation, batch.next_privileged, action)
    torch.testing.assert_close(value, (torch.minimum(q[:, 0], q[:, 1]) - 0.3 * log_prob).detach())


def test_value_of_the_next_state_crossq_is_that_of_sac_by_critics_that_see_both_batches() -> None:
    learner, batch = small_learner("crossq", initial_temperature=0.3, hidden_sizes=(16,)), make_batch(16)
    assert isinstance(learner, CrossQ)
    learner.update(make_batch(64, 1), 0.0)  # moves the running statistics away from those of a batch
    state = learner.generator.get_state()
    q, value = learner.values(batch)
    learner.generator.set_state(state)
    mean, log_std = learner.actor.online(batch.next_observation)
    action, log_prob = reparameterised_sample(mean, log_std, learner.noise(16))
    here = torch.cat([batch.observation, batch.privileged, batch.action], dim=1)
    after = torch.cat([batch.next_observation, batch.next_privileged, action.detach()], dim=1)
    columns = [normalised_head(head, torch.cat([here, after])) for head in learner.critic.online.heads]
    joint = torch.cat(columns, dim=1)
    torch.testing.assert_close(q, joint[:16])
    torch.testing.assert_close(value, (joint[16:].amin(dim=1) - 0.3 * log_prob).detach(), rtol=1e-4, atol=1e-4)
    assert not value.requires_grad
    assert not learner.critic.online.training, "the policy is improved by the running statistics"


def normalised_head(head: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """The value of a head of one hidden layer, with the moments of `inputs` themselves."""
    first, dense, _, second, last = head.children()

    def normalise(x: torch.Tensor, layer: Any) -> torch.Tensor:
        scaled = (x - x.mean(dim=0)) / (x.var(dim=0, correction=0) + layer.eps).sqrt()
        return scaled * layer.weight + layer.bias

    value: torch.Tensor = last(normalise(torch.relu(dense(normalise(inputs, first))), second))
    return value


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_backup_discounts_the_next_value_and_ends_with_the_episode(algorithm: str) -> None:
    """Next values of 10 make critics that fit the backup R - w C + alpha H + 10 discount, discount 0 after the end."""
    learner = small_learner(algorithm, critic_learning_rate=3e-3, fast_update=False)
    batch = make_batch(24, discrete=algorithm in DISCRETE_ALGORITHMS)
    learner.values = lambda batch: (learner.q(batch), torch.full_like(batch.reward, 10.0))  # type: ignore[method-assign]
    for _ in range(900):
        loss = learner.improve_critic(batch, 0.5)["critic_loss"]
    assert float(loss) < 3e-3
    alpha = learner.entropy_weight
    assert (alpha > 0.0) == (algorithm in ("sac", "crossq", "discrete_sac", "soft_q"))
    expected = batch.reward - 0.5 * batch.cost + alpha * batch.surprisal + 10.0 * batch.discount
    assert float(expected.std()) > 3.0
    assert float((learner.q(batch) - expected[:, None]).detach().abs().mean()) < 0.1


def test_actor_update_changes_the_actor_alone_and_raises_q() -> None:
    for algorithm in ("ddpg", "sac"):
        learner, batch = small_learner(algorithm, initial_temperature=1e-6, fast_update=False), make_batch(64)
        before = learner.critic.weights.detach().clone()
        losses = [float(learner.improve_policy(batch)["actor_loss"]) for _ in range(100)]
        assert np.mean(losses[-10:]) < np.mean(losses[:10])
        assert torch.equal(learner.critic.weights, before)


def test_discrete_actor_moves_to_the_softmax_of_q() -> None:
    learner = discrete("discrete_sac", initial_temperature=0.5, automatic_temperature=False, actor_learning_rate=3e-3)
    assert isinstance(learner, DiscreteSoftActorCritic)
    batch = make_batch(16, discrete=True)
    for _ in range(600):
        learner.improve_policy(batch)
    with torch.no_grad():
        q = learner.action_values(learner.critic.online, batch.observation, batch.privileged).amin(dim=1)
        difference = learner.actor.online(batch.observation).exp() - torch.softmax(q / 0.5, dim=1)
    assert float(difference.abs().max()) < 0.02


@pytest.mark.parametrize("algorithm", ["td3", "crossq"])
def test_actor_and_averages_move_every_other_update(algorithm: str) -> None:
    learner = cast(ContinuousLearner, small_learner(algorithm))
    moved = []
    for number in range(4):
        averages = [net.average_weights for net in learner.networks().values() if isinstance(net, AveragedNetwork)]
        assert len(averages) == (2 if algorithm == "td3" else 1)
        weights = [learner.actor.weights, *averages]
        before = [weight.detach().clone() for weight in weights]
        learner.update(make_batch(32, number), 0.0)
        moved.append({not torch.equal(old, new) for old, new in zip(before, weights, strict=True)})
    assert moved == [{False}, {True}, {False}, {True}]


def test_averages_move_by_the_rate() -> None:
    network = AveragedNetwork(lambda: torch.nn.Linear(3, 2), learning_rate=1e-3, rate=0.25)
    with torch.no_grad():
        for parameter in network.online.parameters():
            parameter.add_(1.0)
    before = [parameter.clone() for parameter in network.average.parameters()]
    after = [parameter.clone() for parameter in network.online.parameters()]
    network.follow()
    for old, new, now in zip(before, after, network.average.parameters(), strict=True):
        torch.testing.assert_close(now, 0.75 * old + 0.25 * new)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_learner_state_is_restored_bit_for_bit(algorithm: str) -> None:
    is_discrete = algorithm in DISCRETE_ALGORITHMS
    first, second = (small_learner(algorithm, seed=seed, normalise_observation=True) for seed in (0, 1))

    def update(learner: Any, number: int) -> dict[str, float]:
        batch = make_batch(32, number, is_discrete)
        learner.observe(batch.observation.numpy())
        info: dict[str, float] = learner.update(batch, 0.1)
        return info

    for number in range(5):
        update(first, number)
    second.load_state_dict(first.state_dict())
    for number in range(5, 10):
        one, two = update(first, number), update(second, number)
        assert one == two
    observation = np.ones((4, OBSERVATION), np.float32)
    for left, right in zip(first.act(observation), second.act(observation), strict=True):
        np.testing.assert_array_equal(left, right)
    np.testing.assert_array_equal(first.policy()(observation), second.policy()(observation))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_actions_are_of_the_kind_that_the_environment_takes(algorithm: str) -> None:
    learner = small_learner(algorithm)
    observation = np.random.default_rng(0).normal(size=(200, OBSERVATION)).astype(np.float32)
    for action in (learner.act(observation)[0], learner.policy()(observation)):
        assert action.dtype == np.float32
        assert action.shape == (200, learner.spaces.action_size)
        if learner.spaces.action_count:
            assert set(np.unique(action)) <= set(range(COUNT))
        else:
            assert np.abs(action).max() <= 1.0
    assert len(np.unique(learner.act(observation)[0])) > 1


def test_discrete_actions_are_drawn_by_their_probability() -> None:
    learner = discrete("soft_q")
    log_prob = torch.log(torch.tensor([0.1, 0.2, 0.3, 0.4])).expand(20_000, 4)
    action, surprisal = learner.draw(log_prob + 2.0)
    number = action.astype(int).ravel()
    np.testing.assert_allclose(np.bincount(number, minlength=4) / 20_000, [0.1, 0.2, 0.3, 0.4], atol=0.015)
    np.testing.assert_allclose(surprisal, -np.log([0.1, 0.2, 0.3, 0.4])[number], rtol=1e-5)


def test_surprisal_of_an_action_is_that_of_its_density() -> None:
    learner = sac()
    observation = np.random.default_rng(0).normal(size=(200, OBSERVATION)).astype(np.float32)
    action, surprisal = learner.act(observation)
    with torch.no_grad():
        mean, log_std = learner.actor.online(torch.from_numpy(observation))
        expected = -log_prob(torch.atanh(torch.from_numpy(action).double()), mean.double(), log_std.double())
    np.testing.assert_allclose(surprisal, expected.numpy(), rtol=1e-3, atol=1e-3)
    for algorithm in ("ddpg", "td3", "dqn"):
        assert not small_learner(algorithm).act(observation)[1].any()


def test_an_algorithm_for_other_actions_is_refused() -> None:
    with pytest.raises(ConfigError, match="'dqn', for continuous actions it must be one of ddpg, td3, sac"):
        make_learner(LearnerConfig(algorithm="dqn"), CONTINUOUS, 0)
    with pytest.raises(ConfigError, match="'sac', for 4 discrete actions it must be one of dqn, soft_q, discrete_sac"):
        make_learner(LearnerConfig(algorithm="sac"), DISCRETE, 0)


def test_scales_are_inside_the_networks() -> None:
    scale = np.array([0.01, 2.0], np.float32)
    torch.manual_seed(0)
    raw = make_actor(LearnerConfig(), np.ones(2, np.float32), ACTIONS)
    torch.manual_seed(0)
    scaled = make_actor(LearnerConfig(), scale, ACTIONS)
    observation = torch.randn(8, 2)
    torch.testing.assert_close(scaled(observation * torch.from_numpy(scale)), raw(observation))
    with pytest.raises(ValueError, match="finite positive"):
        make_actor(LearnerConfig(), np.array([1.0, 0.0]), ACTIONS)


def test_the_standard_deviation_before_training_is_the_one_asked_for() -> None:
    observation = torch.randn(64, 2)
    for sought in (-1.5, 0.0, 1.2):
        actor = make_actor(LearnerConfig(log_std_initial=sought), np.ones(2, np.float32), ACTIONS)
        log_std = actor(observation)[1]
        assert float(log_std.detach().mean()) == pytest.approx(sought, abs=0.02)
    with pytest.raises(ConfigError, match="log_std_initial is 2, must be between log_std_minimum, -5, and"):
        make_actor(LearnerConfig(log_std_initial=2.0), np.ones(2, np.float32), ACTIONS)


def test_normaliser_has_the_moments_of_all_it_saw_and_writes_them_to_every_network() -> None:
    generator = np.random.default_rng(0)
    data = (generator.normal(size=(1000, 3)) * [0.5, 2.0, 0.0] + [1.0, -5.0, 3.0]).astype(np.float32)
    offset, scale = torch.zeros(5), torch.ones(5)
    normaliser = ObservationNormaliser([(offset, scale)], 3)
    for part in np.array_split(data, [1, 2, 50, 400]):
        normaliser.observe(part)
    np.testing.assert_allclose(offset[:3], data.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(scale[:2], data.std(axis=0)[:2], rtol=1e-5)
    assert float(scale[2]) == pytest.approx(1e-2), "a channel that never changes is not blown up"
    np.testing.assert_array_equal(offset[3:], 0.0)
    learner = sac(normalise_observation=True)
    learner.observe(10.0 + make_batch(64).observation.numpy())
    for network in (learner.critic.online, learner.critic.average):
        assert float(network.input_offset[:OBSERVATION].mean()) == pytest.approx(10.0, abs=0.2)
        assert not network.input_offset[OBSERVATION:].any()
    assert float(learner.actor.average.observation_offset.mean()) == pytest.approx(10.0, abs=0.2)


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


def test_the_loss_of_a_batch_without_an_end_is_that_of_the_equation() -> None:
    learner, batch = sac(fast_update=False), make_batch(8)
    batch = Batch(*batch[:-1], torch.full((8,), 0.9))
    state = learner.generator.get_state()
    value = learner.next_value(batch)
    learner.generator.set_state(state)
    q = learner.q(batch).detach()
    target = batch.reward - 0.25 * batch.cost + learner.temperature.value * batch.surprisal + 0.9 * value
    loss = float(learner.improve_critic(batch, 0.25)["critic_loss"])
    assert loss == pytest.approx(0.5 * float(((q - target[:, None]) ** 2).mean()), rel=1e-5)
    assert math.isfinite(loss)
