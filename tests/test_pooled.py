"""Skills from one pool: the world, the pool, training that resumes bit for bit, and the divergence correction."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from maxent_robot.errors import ConfigError
from maxent_robot.learning.config import LearnerConfig
from maxent_robot.learning.networks import SquashedGaussianActor
from maxent_robot.learning.pooled.correction import DivergenceCorrection
from maxent_robot.learning.pooled.environment import SkillView
from maxent_robot.learning.pooled.replay import PooledReplay
from maxent_robot.learning.pooled.trainer import PooledConfig, PooledTrainer
from sim.reach import (
    EPISODE_STEPS,
    HARM,
    RADIUS,
    SKILLS,
    STEP,
    ReachState,
    VectorReach,
    move,
    rewards,
    sample_states,
)

SMALL = PooledConfig(
    seed=3,
    steps=640,
    warmup_steps=160,
    checkpoint_interval_s=1e9,
    learner=LearnerConfig(hidden_sizes=(16, 16), batch_size=32, discount=0.9, replay_capacity=500),
)


# -- the world -------------------------------------------------------------------------------------------------------


def test_a_start_is_away_from_its_goal_with_the_obstacle_between() -> None:
    state = sample_states(np.random.default_rng(0), 300)
    assert np.linalg.norm(state.point - state.goal, axis=1).min() >= 1.0
    middle = 0.5 * (state.point + state.goal)
    assert np.abs(state.obstacle - middle).max() <= 0.1
    assert not state.inside().any()


def test_a_step_goes_as_far_as_its_action_and_sees_what_it_went_through() -> None:
    state = ReachState(
        np.array([[0.0, 0.0], [0.95, 0.0]]), np.zeros((2, 2)), np.array([[RADIUS + 0.04, 0.0], [0.0, 0.9]])
    )
    after, hit = move(state, np.array([[1.0, 0.0], [1.0, -3.0]]))
    np.testing.assert_allclose(after.point, [[STEP, 0.0], [1.0, -STEP]])
    np.testing.assert_array_equal(hit, [True, False])
    before = ReachState(np.zeros((1, 2)), np.zeros((1, 2)), np.array([[0.5 * STEP, RADIUS - 1e-3]]))
    outside, hit = move(before, np.array([[1.0, 0.0]]))
    assert not before.inside()[0]
    assert not outside.inside()[0]
    assert hit[0]


def test_each_skill_has_the_reward_of_its_name() -> None:
    state = ReachState(np.array([[0.2, 0.1]]), np.array([[0.5, -0.3]]), np.array([[0.2, 0.0]]))
    np.testing.assert_allclose(rewards(state, np.array([False])), [[-0.3, -0.4, -HARM]])
    apart = replace(state, obstacle=np.array([[-0.5, -0.5]]))
    np.testing.assert_allclose(rewards(apart, np.array([False])), [[-0.3, -0.4, 0.0]])
    np.testing.assert_allclose(rewards(apart, np.array([True]))[0, 2], -HARM)


def test_what_a_skill_sees_decides_its_reward() -> None:
    states = sample_states(np.random.default_rng(1), 50, spread=True)
    seen = [states.observation()[:, skill.columns] for skill in SKILLS]
    np.testing.assert_allclose(-np.abs(seen[0][:, 1]), rewards(states, np.zeros(50, bool))[:, 0], atol=1e-6)
    np.testing.assert_allclose(-np.abs(seen[1][:, 1]), rewards(states, np.zeros(50, bool))[:, 1], atol=1e-6)
    inside = np.linalg.norm(seen[2][:, 2:], axis=1) < RADIUS
    np.testing.assert_array_equal(inside, states.inside())


def test_an_episode_lasts_its_time_and_its_last_observation_is_given() -> None:
    environment = VectorReach(3)
    environment.reset(5)
    ended = np.zeros(3, dtype=int)
    for _ in range(2 * EPISODE_STEPS):
        environment.step_begin(np.zeros((3, 2)))
        result = environment.step_end()
        assert not result.terminated.any()
        moved = ~np.isclose(result.observation, result.final_observation).all(axis=1)
        np.testing.assert_array_equal(moved, result.ended)
        ended += result.ended
    np.testing.assert_array_equal(ended, 2)


# -- the pool --------------------------------------------------------------------------------------------------------


def test_every_skill_reads_its_own_columns_reward_and_discount() -> None:
    skills = (SkillView("a", np.array([0])), SkillView("b", np.array([2, 1])))
    replay = PooledReplay(8, 3, 1, skills)
    replay.add(np.arange(44, dtype=np.float32).reshape(4, 11))
    a, b = replay.sample(64, np.random.default_rng(0))
    row = a.observation[:, 0] / 11.0  # the number of the row that was drawn
    assert set(row.tolist()) == {0.0, 1.0, 2.0, 3.0}
    for batch, columns, place in ((a, [0], 0), (b, [2, 1], 1)):
        np.testing.assert_array_equal(batch.observation, 11 * row[:, None] + torch.tensor(columns))
        np.testing.assert_array_equal(batch.action[:, 0], 11 * row + 3)
        np.testing.assert_array_equal(batch.next_observation, 11 * row[:, None] + 4 + torch.tensor(columns))
        np.testing.assert_array_equal(batch.reward, 11 * row + 7 + place)
        np.testing.assert_array_equal(batch.discount, 11 * row + 9 + place)
        assert not batch.cost.any()
    _, _, following, discount = replay.sample_joint(64, np.random.default_rng(0))
    np.testing.assert_array_equal(discount, following[:, 0] + 5)


# -- training --------------------------------------------------------------------------------------------------------


def trained(directory: Path, stop_at: int = 10**9) -> PooledTrainer:
    trainer = PooledTrainer(SMALL, VectorReach(8), directory)
    if trainer.store.exists():
        trainer.resume()
    trainer.run(lambda *_: None, lambda: trainer.steps >= stop_at)
    return trainer


def test_a_training_that_was_stopped_is_the_uninterrupted_one(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole")
    assert whole.steps == SMALL.steps
    assert whole.updates == round(SMALL.update_ratio * (SMALL.steps - 8 - SMALL.warmup_steps))
    trained(tmp_path / "parts", stop_at=320)
    parts = trained(tmp_path / "parts")
    for name, learner in whole.learners.items():
        for network, found in learner.networks().items():
            expected = parts.learners[name].networks()[network]
            torch.testing.assert_close(found.weights, expected.weights, rtol=0.0, atol=0.0)
    np.testing.assert_array_equal(whole.replay.rows[: len(whole.replay)], parts.replay.rows[: len(parts.replay)])


def test_all_skills_act_with_one_temperature_that_is_held(tmp_path: Path) -> None:
    trainer = trained(tmp_path)
    assert [learner.temperature.value for learner in trainer.learners.values()] == [pytest.approx(SMALL.alpha)] * 3
    assert [learner.spaces.sizes for learner in trainer.learners.values()] == [(2, 0, 2), (2, 0, 2), (4, 0, 2)]


def test_an_algorithm_without_a_soft_q_is_refused(tmp_path: Path) -> None:
    settings = replace(SMALL, learner=replace(SMALL.learner, algorithm="td3"))
    with pytest.raises(ConfigError, match=r"learner\.algorithm is td3, must be sac or crossq"):
        PooledTrainer(settings, VectorReach(2), tmp_path)


# -- the correction ----------------------------------------------------------------------------------------------------


def constant_actor(mean: float, log_std: float) -> SquashedGaussianActor:
    actor = SquashedGaussianActor(np.ones(1, np.float32), 1, (4,), -5.0, 2.0, log_std)
    with torch.no_grad():
        actor.head.weight.zero_()
        actor.head.bias[0] = mean
        actor.head.bias[1] = float(np.arctanh(2.0 * (log_std + 5.0) / 7.0 - 1.0))
    return actor


def test_the_correction_solves_its_own_equation() -> None:
    """Two constant Gaussians, whatever happens: K / alpha = gamma (D + K / alpha), so gamma D / (1 - gamma)."""
    gamma, log_std, apart = 0.6, -1.0, 0.8
    actors = [constant_actor(-0.5 * apart, log_std), constant_actor(0.5 * apart, log_std)]
    mean, std = (value.detach() for value in actors[0](torch.zeros(1, 1)))
    assert (float(mean), float(std)) == pytest.approx((-0.5 * apart, log_std), abs=1e-5)
    view = np.array([0])
    replay = PooledReplay(256, 1, 1, [SkillView("a", view), SkillView("b", view)])
    generator = np.random.default_rng(0)
    rows = np.zeros((256, 7), dtype=np.float32)
    rows[:, :3] = generator.uniform(-1.0, 1.0, (256, 3))
    rows[:, 5:] = gamma
    replay.add(rows)
    correction = DivergenceCorrection(actors, [view, view], [2.0, 2.0], gamma, np.ones(1, np.float32), (16,), seed=1)
    divergence = 0.125 * (apart * np.exp(-log_std)) ** 2  # of equal Gaussians with equal weights
    correction.train(replay, 6000, 64, lambda _: None)
    found = correction.network(torch.from_numpy(rows[:, :1].copy()), torch.from_numpy(rows[:, 1:2].copy()))
    expected = gamma * divergence / (1.0 - gamma)
    assert float(found.detach().mean()) == pytest.approx(expected, rel=0.03)
    assert float(found.detach().std()) < 0.03 * expected
