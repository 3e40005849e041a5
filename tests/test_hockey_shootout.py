"""Penalty shots: which places save them, a keeper that remembers, and the stroke as an environment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("mujoco")

from maxent_robot.learning.tasks import make_environment
from maxent_robot.skill.hockey import hockey_field, hockey_without
from sim.hockey.config import HockeyConfig, Shootout, TableConfig
from sim.hockey.evaluation import run_rallies
from sim.hockey.keeper_memory import KeeperMemory, scores_past
from sim.hockey.opponents import make_player
from sim.hockey.penalty import PenaltyConfig, guard_places
from sim.hockey.shootout import PenaltyTask
from sim.hockey.shots import played_past
from sim.hockey.state import TableState
from sim.hockey.vector import VectorHockey

TABLE = TableConfig()
GUARDS = guard_places(TABLE, PenaltyConfig())
STRAIGHT_ON = np.array([[1.0, 0.0]], dtype=np.float32)
CONFIG = HockeyConfig(task="penalty", time_limit_s=3.0)


def strokes(task: PenaltyTask, shots: int) -> TableState:
    environment = VectorHockey(task)
    script, (observation, _) = environment.script(), environment.reset(1)
    found: list[TableState] = []
    while sum(len(one.spin) for one in found) < shots:
        environment.step_begin(script(observation).astype(np.float32))
        result = environment.step_end()
        observation = result.observation
        script.reset(np.flatnonzero(result.terminated | result.truncated))
        found.append(task.shots)
    return TableState.joined(found)


def test_the_closed_form_says_what_the_table_does() -> None:
    generator, n = np.random.default_rng(0), 60
    angle = np.radians(generator.uniform(-60.0, 60.0, n))
    puck = np.stack([np.full(n, -0.3), generator.uniform(-0.1, 0.1, n)], axis=1)
    velocity = generator.uniform(0.9, 2.5, n)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    spin = generator.uniform(-10.0, 10.0, n)
    said = scores_past(puck, velocity, spin, GUARDS, TABLE)
    goal = played_past(puck, velocity, spin, GUARDS, TABLE)
    assert 0.02 < goal.mean() < 0.5
    assert (goal == said).mean() > 0.96


def test_a_keeper_comes_to_stand_where_shots_go() -> None:
    keeper = KeeperMemory(3, 20, 0.05)
    np.testing.assert_allclose(keeper.mix(), 1.0 / 3.0)
    for _ in range(100):
        keeper.see(np.array([[True, False, True]]))
    assert keeper.mix()[1] > 0.99
    for _ in range(100):
        keeper.see(np.array([[True, True, False]]))
    assert keeper.mix()[2] > 0.99, "it remembers for ever"


def test_a_shot_is_worth_its_chance_against_the_mix_and_who_shoots_alike_is_found_out() -> None:
    config = replace(CONFIG, shootout=Shootout(memory_shots=50))
    environment = VectorHockey(PenaltyTask(config, 16))
    environment.reset(3)
    goals: list[float] = []
    while len(goals) < 600:
        environment.step_begin(STRAIGHT_ON.repeat(16, axis=0))
        goals += [summary.reward_terms["goal"] for summary in environment.step_end().episodes]
    assert np.mean(goals[:8]) > 0.5
    assert np.mean(goals[-100:]) < 0.05


def test_a_keeper_with_a_mix_of_its_own_learns_nothing() -> None:
    mix = np.zeros(len(GUARDS))
    mix[0] = 1.0
    environment = VectorHockey(PenaltyTask(CONFIG, 8, mix))
    environment.reset(0)
    for _ in range(60):
        environment.step_begin(STRAIGHT_ON.repeat(8, axis=0))
        result = environment.step_end()
        for summary in result.episodes:
            assert summary.reward_terms["goal"] == 1.0, "the corner is nowhere near a straight shot"


def test_the_striker_can_not_see_the_keeper() -> None:
    environment = VectorHockey(PenaltyTask(CONFIG, 4))
    observation, privileged = environment.reset(0)
    assert (hockey_field(observation, "opponent_position") == 0.0).all()
    assert observation.shape == (4, environment.spaces.sizes[0])
    assert privileged.shape == (4, environment.spaces.sizes[1])
    seen = np.random.default_rng(0).normal(size=(3, 75)).astype(np.float32)
    hidden = hockey_without(seen, "opponent_position")
    assert (hidden != seen).sum() == 3 * 5 * 2
    assert seen.all(), "the observation itself was changed"


def test_it_goes_on_bit_for_bit() -> None:
    one, other = (make_environment("hockey", {"task": "penalty", "time_limit_s": 1.0}, 8, "test") for _ in range(2))
    generator = np.random.default_rng(0)
    one.reset(5)
    other.reset(9)
    for _ in range(30):
        one.step_begin(generator.uniform(-1.0, 1.0, (8, 2)).astype(np.float32))
        one.step_end()
    other.load_state_dict(one.state_dict())
    for _ in range(60):
        action = generator.uniform(-1.0, 1.0, (8, 2)).astype(np.float32)
        results = []
        for environment in (one, other):
            environment.step_begin(action)
            results.append(environment.step_end())
        np.testing.assert_array_equal(results[0].observation, results[1].observation)
        np.testing.assert_array_equal(results[0].reward, results[1].reward)


def test_scripted_strokes_come_over_the_middle() -> None:
    shots = strokes(PenaltyTask(CONFIG, 16), 48)
    assert (shots.puck[:, 0] > 0.0).all()
    assert (shots.puck_velocity[:, 0] > 0.3).all()


def test_penalties_are_evaluated_as_the_other_tasks_are() -> None:
    table = run_rallies(CONFIG, make_player("striker", TABLE, 16), 48, 3, batch=16)
    assert set(table.outcome) <= {"success", "failure", "timeout"}
    assert 0 < table.success.sum() < 48, "a striker that knows nothing of the keeper scores at times"
    assert (table.time_s > 0.2).all()
