"""Neural learners against exact answers: tabular soft optima, and the soft linear-quadratic regulator."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest
import torch

from maxent_robot.exact import (
    LinearQuadraticProblem,
    TabularMdp,
    corridor,
    detour_grid,
    policy_value,
    random_mdp,
    soft_regulator,
    soft_value_iteration,
)
from maxent_robot.learning.algorithms import make_learner
from maxent_robot.learning.algorithms.discrete import DiscreteLearner
from maxent_robot.learning.algorithms.discrete_sac import DiscreteSoftActorCritic
from maxent_robot.learning.algorithms.maximum_entropy import MaximumEntropyLearner
from maxent_robot.learning.config import LearnerConfig
from maxent_robot.learning.environment import Spaces
from maxent_robot.learning.replay import Batch, NStepAssembler, ReplayMemory

NONE = np.ones(0, np.float32)
PROBLEMS = {
    "corridor": corridor(7, slip=0.1),
    "detour_grid": detour_grid(),
    "random_mdp": random_mdp(0, states=6, actions=3, terminals=1),
}


def transitions(mdp: TabularMdp, size: int, generator: np.random.Generator) -> Batch:
    """Transitions from states and actions drawn uniformly; observations are one-hot."""
    states = np.flatnonzero(~mdp.terminal)
    state, action = generator.choice(states, size), generator.integers(mdp.actions, size=size)
    cumulative = mdp.transition[state, action].cumsum(axis=1)
    after = (generator.random((size, 1)) > cumulative).sum(axis=1).clip(max=mdp.states - 1)
    columns = [
        np.eye(mdp.states)[state],
        np.zeros((size, 0)),
        action[:, None],
        np.eye(mdp.states)[after],
        np.zeros((size, 0)),
        mdp.reward[state, action],
        np.zeros(size),
        np.zeros(size),
        np.where(mdp.terminal[after], 0.0, mdp.discount),
    ]
    return Batch(*(torch.from_numpy(np.asarray(column, np.float32)) for column in columns))


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("algorithm", ["dqn", "soft_q", "discrete_sac"])
def test_discrete_learners_reach_the_exact_soft_optimum(algorithm: str, problem: str) -> None:
    mdp = PROBLEMS[problem]
    temperature = 0.0 if algorithm == "dqn" else 0.1
    exact = soft_value_iteration(mdp, temperature)
    config = LearnerConfig(
        algorithm=algorithm, hidden_sizes=(64,), layer_norm=False, discount=mdp.discount, initial_temperature=0.1,
        automatic_temperature=False, actor_learning_rate=3e-3, critic_learning_rate=2e-3, target_rate=0.02,
        actor_average_rate=0.02,
    )  # fmt: skip
    spaces = Spaces(np.ones(mdp.states, np.float32), NONE, 1, mdp.actions)
    learner = cast(DiscreteLearner, make_learner(config, spaces, 0))
    generator = np.random.default_rng(1)
    for number in range(3600):
        if number in (1800, 2700):  # less noise towards the end
            for network in learner.networks().values():
                network.optimiser.learning_rate *= 0.2
        learner.update(transitions(mdp, 512, generator), 0.0)
    observation = torch.eye(mdp.states)
    with torch.no_grad():
        q = learner.action_values(learner.critic.average, observation, observation[:, :0]).amin(dim=1).numpy()
    inside = ~mdp.terminal
    scale = np.ptp(exact.q[inside])
    assert np.abs(q - exact.q)[inside].max() <= 0.02 * scale
    if isinstance(learner, DiscreteSoftActorCritic):
        policy = learner.actor.average(observation).exp().detach().numpy()
        assert np.abs(policy - exact.policy)[inside].max() <= 0.03
    else:
        best = learner.policy()(observation.numpy())[inside, 0].astype(int)
        lost = exact.q[inside].max(axis=1) - exact.q[inside, best]
        assert lost.max() <= 0.02 * scale


@pytest.mark.parametrize("n_step", [1, 3])
def test_soft_values_of_a_policy_do_not_depend_on_the_number_of_steps_in_a_backup(n_step: int) -> None:
    """The actions on the way pay their entropy too; the values are those of exact policy evaluation."""
    mdp, temperature = PROBLEMS["detour_grid"], 0.1
    config = LearnerConfig(
        algorithm="discrete_sac", hidden_sizes=(64,), layer_norm=False, discount=mdp.discount, n_step=n_step,
        initial_temperature=temperature, automatic_temperature=False, critic_learning_rate=2e-3, target_rate=0.02,
    )  # fmt: skip
    learner = make_learner(config, Spaces(np.ones(mdp.states, np.float32), NONE, 1, mdp.actions), 0)
    assert isinstance(learner, DiscreteSoftActorCritic)
    with torch.no_grad():
        learner.actor.online.head.weight.mul_(400.0)  # far from uniform: each state has another entropy
    stream = policy_stream(mdp, learner, 512, np.random.default_rng(1))
    for number in range(2500):
        if number in (1500, 2000):
            learner.critic.optimiser.learning_rate *= 0.2
        learner.improve_critic(next(stream), 0.0)
        learner.follow()
    observation = torch.eye(mdp.states)
    with torch.no_grad():
        policy = torch.softmax(learner.actor.online.output(observation).double(), dim=1).numpy()
        q = learner.action_values(learner.critic.average, observation, observation[:, :0]).mean(dim=1).numpy()
    exact = mdp.action_values(policy_value(mdp, policy, temperature))
    hard = mdp.action_values(policy_value(mdp, policy, 0.0))
    inside = ~mdp.terminal
    assert np.ptp(policy, axis=1).max() > 0.3
    assert np.abs(exact - hard)[inside].max() > 0.2 * np.ptp(exact[inside]), "the entropy has to matter"
    assert np.abs(q - exact)[inside].max() <= 0.03 * np.ptp(exact[inside])


def policy_stream(
    mdp: TabularMdp, learner: DiscreteSoftActorCritic, size: int, generator: np.random.Generator
) -> Iterator[Batch]:
    """The policy's transitions in `size` environments that begin, and begin anew, in states drawn uniformly."""
    active = np.flatnonzero(~mdp.terminal)
    assembler = NStepAssembler(size, learner.config.n_step, mdp.discount, mdp.states + 1)
    state, zeros = generator.choice(active, size), np.zeros(size)
    while True:
        observation = np.eye(mdp.states, dtype=np.float32)[state]
        action, surprisal = learner.act(observation)
        number = action[:, 0].astype(int)
        cumulative = mdp.transition[state, number].cumsum(axis=1)
        after = (generator.random((size, 1)) > cumulative).sum(axis=1).clip(max=mdp.states - 1)
        head, following = np.concatenate([observation, action], axis=1), np.eye(mdp.states)[after]
        restarts = ~mdp.terminal[after] & (generator.random(size) < 0.1)
        reward = mdp.reward[state, number]
        rows = assembler.push(head, reward, zeros, surprisal, following, mdp.terminal[after], restarts)
        state = np.where(mdp.terminal[after] | restarts, generator.choice(active, size), after)
        if len(rows):
            memory = ReplayMemory(len(rows), mdp.states, 0, 1)
            memory.add(rows)
            yield memory.sample(1, size, generator)[0]


PROBLEM = LinearQuadraticProblem(
    A=np.array([[1.0, 0.2], [0.0, 0.9]]),
    B=np.array([[0.05], [0.5]]),
    Q=np.diag([0.4, 0.1]),
    R=np.array([[0.5]]),
    noise=1e-4 * np.eye(2),
    discount=0.9,
)
"""A point on a line with friction; the action is a force."""


def regulator_batch(size: int, generator: np.random.Generator) -> Batch:
    """Transitions of `PROBLEM` from states and actions all over the place."""
    state = generator.uniform(-0.7, 0.7, (size, 2))
    action = generator.uniform(-1.0, 1.0, (size, 1))
    noise = generator.multivariate_normal(np.zeros(2), PROBLEM.noise, size)
    after = state @ PROBLEM.A.T + action @ PROBLEM.B.T + noise
    reward = -np.einsum("ni,ij,nj->n", state, PROBLEM.Q, state) - np.einsum("ni,ij,nj->n", action, PROBLEM.R, action)
    empty, none, discount = np.zeros((size, 0)), np.zeros(size), np.full(size, PROBLEM.discount)
    columns = [state, empty, action, after, empty, reward, none, none, discount]
    return Batch(*(torch.from_numpy(np.asarray(column, np.float32)) for column in columns))


def train_regulator(updates: int, **settings: Any) -> tuple[MaximumEntropyLearner, list[float]]:
    """A learner of the policy of `PROBLEM`, and its entropy at each update."""
    config = LearnerConfig(
        hidden_sizes=(64, 64), layer_norm=False, discount=PROBLEM.discount, actor_learning_rate=1e-3,
        critic_learning_rate=2e-3, target_rate=0.02, actor_average_rate=0.01,
    )  # fmt: skip
    learner = make_learner(dataclasses.replace(config, **settings), Spaces(np.ones(2, np.float32), NONE, 1), 0)
    assert isinstance(learner, MaximumEntropyLearner)
    generator, entropies = np.random.default_rng(0), []
    for number in range(updates):
        if number in (int(0.6 * updates), int(0.8 * updates)):
            for network in learner.networks().values():
                network.optimiser.learning_rate *= 0.3
        entropies.append(float(learner.update(regulator_batch(256, generator), 0.0)["entropy"]))
    return learner, entropies


@pytest.mark.parametrize("algorithm", ["sac", "crossq"])
def test_sac_and_crossq_reach_the_soft_linear_quadratic_regulator(algorithm: str) -> None:
    temperature = 0.03
    exact = soft_regulator(PROBLEM, temperature)
    settings = {"algorithm": algorithm, "initial_temperature": temperature, "automatic_temperature": False}
    learner, _ = train_regulator(5000, policy_delay=1, **settings)
    generator = np.random.default_rng(1)
    state = generator.uniform(-0.4, 0.4, (400, 2)).astype(np.float32)
    assert np.abs(state @ exact.gain.T).max() < 0.5, "the squashed Gaussian has to be near a Gaussian"
    mean, log_std = (part.detach().numpy() for part in learner.actor.average(torch.from_numpy(state)))
    action = np.tanh(mean[:, None] + np.exp(log_std)[:, None] * generator.standard_normal((400, 500, 1)))
    fitted, *_ = np.linalg.lstsq(state, action.mean(axis=1), rcond=None)
    np.testing.assert_allclose(-fitted.T, exact.gain, rtol=0.05)
    covariance = action.var(axis=1).mean()
    assert covariance == pytest.approx(exact.covariance.item(), rel=0.05)


def test_dual_ascent_holds_the_entropy_and_finds_the_temperature_that_belongs_to_it() -> None:
    """The entropy of the regulator's policy at temperature 0.03 is asked for, so 0.03 is what is to be found."""
    exact = soft_regulator(PROBLEM, 0.03)
    sought = 0.5 * float(np.log(2.0 * np.pi * np.e * exact.covariance.item()))
    learner, entropies = train_regulator(
        5000, initial_temperature=0.2, target_entropy_per_action=sought, temperature_learning_rate=3e-3
    )
    assert np.mean(entropies[-500:]) == pytest.approx(sought, rel=0.02)
    assert learner.temperature.value == pytest.approx(0.03, rel=0.1)
