"""The obstacle on the way to the socket: where it is, what is measured of it, who sees it, and the family of skills."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("mujoco")

from maxent_robot.control.pose import Pose
from maxent_robot.errors import ContractError
from maxent_robot.inference import OnnxActor
from maxent_robot.learning.evaluation import finished_episodes
from maxent_robot.paths import share_directory
from maxent_robot.skill import FRAME_SIZE, HISTORY_AGES, OBSERVATION_FIELDS, OBSERVATION_SIZE
from maxent_robot.skill.bundle import load_bundle
from maxent_robot.skill.layout import (
    FULL_SIZE,
    INSERTION_LAYOUTS,
    OBSTACLE_FIELDS,
    ObstacleMeasurement,
    find_layout,
    obstacle_frame,
)
from sim.plug.config import PlugConfig, Randomisation, Start
from sim.plug.family import VectorPlugFamily
from sim.plug.obstacle import Obstacle, ObstacleCourse, ObstacleSetting, sample_obstacle
from sim.plug.scenario import sample_scenario
from sim.plug.task import PlugTask
from sim.vector import VectorPlugInsertion

SETTING = ObstacleSetting(present=True)
CONFIG = PlugConfig(start=Start(height_m=(0.025, 0.035)), obstacle=SETTING, time_limit_s=1.0)


def test_it_lies_between_the_mouth_and_the_start_and_swings_across_the_axis() -> None:
    generator = np.random.default_rng(0)
    estimate = Pose.from_rotvec([0.4, 0.1, 0.2], [np.pi, 0.1, 0.3])
    start = estimate @ Pose.of([0.01, -0.005, -0.03])
    for _ in range(200):
        obstacle = sample_obstacle(SETTING, estimate, start, generator)
        way = start.position - estimate.position
        along = (obstacle.middle - estimate.position) @ way / (way @ way)
        assert SETTING.place[0] - 0.1 < along < SETTING.place[1] + 0.1
        assert np.linalg.norm(obstacle.middle - estimate.position - along * way) < 2.0 * SETTING.beside_m
        assert np.linalg.norm(obstacle.swing) <= SETTING.amplitude_m[1]
        assert estimate.inverse().rotate(obstacle.swing)[2] == pytest.approx(0.0, abs=1e-12)


def test_its_velocity_is_the_derivative_of_its_position() -> None:
    obstacle = Obstacle(np.array([0.1, 0.2, 0.3]), np.array([0.0, 0.004, 0.0]), omega=3.0, phase=0.4)
    before, now, after = (obstacle.measured(0.7 + dt) for dt in (-1e-5, 0.0, 1e-5))
    np.testing.assert_allclose((after.position - before.position) / 2e-5, now.velocity, atol=1e-9)
    course = ObstacleCourse(SETTING, 2)
    course.begin(1, obstacle)
    np.testing.assert_allclose(course.measured(np.array([0.0, 0.7])).position[1], now.position)
    np.testing.assert_allclose(course.measured(np.array([0.0, 0.7])).velocity[1], now.velocity)


def test_the_course_keeps_the_nearest_of_a_step_and_every_collision_of_an_episode() -> None:
    course = ObstacleCourse(SETTING, 1)
    still = Obstacle(np.zeros(3), np.zeros(3), 0.0, 0.0)
    course.begin(0, still)
    running, time_s = np.array([True]), np.zeros(1)
    for distance in (0.02, 0.0059, 0.01):
        course.watch(np.array([[0.0, 0.0, distance]]), time_s, running)
    assert course.nearest_m[0] == pytest.approx(0.0059)
    assert course.collided[0]
    course.clear_step()
    course.watch(np.array([[0.0, 0.03, 0.0]]), time_s, running)
    assert course.nearest_m[0] == pytest.approx(0.03)
    assert course.collided[0]
    course.begin(0, still)
    course.watch(np.zeros((1, 3)), time_s, ~running)
    assert not course.collided[0], "it was not within an episode"
    for distance, near in ((0.0, 1.0), (0.006, 1.0), (0.008, 0.5), (0.010, 0.0), (np.inf, 0.0)):
        course.nearest_m[:] = distance
        assert course.nearness()[0] == pytest.approx(near)


def test_a_scenario_without_one_is_the_same_as_before() -> None:
    with_one = sample_scenario(CONFIG, np.random.default_rng(4))
    without = sample_scenario(replace(CONFIG, obstacle=ObstacleSetting()), np.random.default_rng(4))
    assert without.obstacle is None
    assert with_one.obstacle is not None
    np.testing.assert_array_equal(with_one.start.position, without.start.position)
    assert with_one.friction == without.friction


def test_what_is_observed_of_it_is_where_it_is_from_the_tcp() -> None:
    exact = replace(
        CONFIG,
        randomisation=Randomisation(observation_delay_max=0, command_delay_max=0),
        obstacle=replace(SETTING, noise_m=0.0),
    )
    task = PlugTask(exact, 2)
    for index in range(2):
        task.begin(index, (3, index))
    generator = np.random.default_rng(0)
    for _ in range(4):
        observation = task.observe_full()
        assert observation.shape == (2, FULL_SIZE)
        for index in range(2):
            scenario = task.scenarios[index]
            assert scenario is not None
            assert scenario.obstacle is not None
            truth = scenario.obstacle.measured(float(task.time_s[index]))
            seen = observation[index, OBSERVATION_SIZE:].astype(float)
            np.testing.assert_allclose(
                task.tcp.position[index] + scenario.estimate.rotate(seen[:3]), truth.position, atol=1e-6
            )
            np.testing.assert_allclose(scenario.estimate.rotate(seen[3:]), truth.velocity, atol=1e-6)
        task.advance(generator.uniform(-1.0, 1.0, (2, 6)))


def test_a_layout_picks_the_newest_frame_and_the_obstacle() -> None:
    numbered = np.arange(FULL_SIZE)
    history, newest, with_obstacle = (numbered[layout.columns] for layout in INSERTION_LAYOUTS)
    np.testing.assert_array_equal(history, np.arange(OBSERVATION_SIZE))
    np.testing.assert_array_equal(newest, history[-FRAME_SIZE:])
    np.testing.assert_array_equal(with_obstacle, np.append(newest, np.arange(OBSERVATION_SIZE, FULL_SIZE)))
    assert [layout.sees_obstacle for layout in INSERTION_LAYOUTS] == [False, False, True]
    assert find_layout(OBSERVATION_FIELDS + OBSTACLE_FIELDS, (0,)) is INSERTION_LAYOUTS[2]
    with pytest.raises(ContractError, match=r"history_ages is \(1, 0\), this software builds \(0,\)"):
        find_layout(OBSERVATION_FIELDS + OBSTACLE_FIELDS, (1, 0))
    assert HISTORY_AGES != (0,)


def test_an_obstacle_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ContractError, match="obstacle is not finite"):
        obstacle_frame(ObstacleMeasurement(np.full(3, np.nan), np.zeros(3)), Pose.identity(), Pose.identity())


def test_the_family_rewards_what_its_skills_are_for_and_goes_on_bit_for_bit() -> None:
    def run(environment: VectorPlugFamily, steps: int, generator: np.random.Generator) -> list[np.ndarray]:
        rows = []
        for _ in range(steps):
            environment.step_begin(generator.uniform(-1.0, 1.0, (3, 6)))
            step = environment.step_end()
            assert (step.reward <= 0.0).all()
            assert not step.terminated.any()
            unchanged = (step.final_observation == step.observation).all(axis=1)
            np.testing.assert_array_equal(unchanged, ~step.ended)
            rows.append(np.concatenate([step.observation, step.reward, step.ended[:, None]], axis=1))
        return rows

    training = replace(CONFIG, start=Start(height_m=(0.003, 0.02)), obstacle=replace(SETTING, place=(0.5, 1.0)))
    environment = VectorPlugFamily(training, 3)
    environment.reset(6)
    generator = np.random.default_rng(1)
    first = run(environment, 5, generator)
    state, actions = environment.state_dict(), generator.bit_generator.state
    rest = run(environment, 20, generator)
    again = VectorPlugFamily(training, 3)
    again.reset(0)
    again.load_state_dict(state)
    generator.bit_generator.state = actions
    for expected, found in zip(rest, run(again, 20, generator), strict=True):
        np.testing.assert_array_equal(found, expected)
    everything = np.concatenate(first + rest)
    assert (everything[:, FULL_SIZE] < 0.0).any(), "avoid is punished where the start is within the margin"
    assert everything[:, -1].any(), "episodes end in this time"
    environment.close()
    again.close()


def test_being_near_it_costs_and_it_is_above_a_plug_that_starts_in_the_hole() -> None:
    config = replace(CONFIG, obstacle=replace(SETTING, penalty=2.0), start=Start(on_axis_fraction=0.5))
    task = PlugTask(config, 8)
    for index in range(8):
        task.begin(index, (3, index))
        scenario = task.scenarios[index]
        assert scenario is not None
        assert scenario.obstacle is not None
        assert scenario.estimate.inverse().transform(scenario.obstacle.middle)[2] < -0.002
    assert {scenario.on_axis for scenario in task.scenarios if scenario is not None} == {True, False}
    assert task.course is not None
    generator = np.random.default_rng(0)
    costs = []
    for _ in range(12):
        costs.append(task.advance(generator.uniform(-1.0, 1.0, (8, 6))).terms["obstacle"])
        np.testing.assert_allclose(costs[-1], -2.0 * task.course.nearness())
    assert np.min(costs) < 0.0
    plain = PlugTask(replace(CONFIG, obstacle=ObstacleSetting()), 1)
    plain.begin(0, (3, 0))
    assert "obstacle" not in plain.advance(np.zeros((1, 6))).terms


def test_an_insertion_through_it_is_no_success() -> None:
    actor = OnnxActor(load_bundle(share_directory() / "skills" / "plug_insertion"))

    def successes(radius_m: float) -> int:
        """Of the first episode in each of 16 places."""
        quick = PlugConfig(timestep_s=0.002, control_period_s=0.05, time_limit_s=5.0)
        config = replace(quick, start=CONFIG.start, obstacle=replace(SETTING, radius_m=radius_m))
        environment = VectorPlugInsertion(config, 16)
        observation, _ = environment.reset(3)
        assert observation.shape == (16, FULL_SIZE) == (16, len(environment.spaces.observation_scale))
        found: dict[int, bool] = {}
        while len(found) < 16:
            environment.step_begin(np.tanh(actor(observation[:, :OBSERVATION_SIZE])[0]))
            result = environment.step_end()
            observation = result.observation
            for index, summary in finished_episodes(result):
                found.setdefault(index, bool(summary.success))
        environment.close()
        return sum(found.values())

    assert successes(0.001) >= 10
    assert successes(0.01) <= 4
