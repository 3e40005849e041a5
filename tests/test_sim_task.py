"""The task: scenarios from seeds, delays, success, resume, and the Gymnasium face of it."""

from __future__ import annotations

import os
from ctypes.util import find_library

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import sim
from maxent_robot.config import config_from_mapping
from maxent_robot.control import Pose, rotations
from maxent_robot.errors import ConfigError
from maxent_robot.learning.tasks import manifest_assumptions
from maxent_robot.skill import FRAME_SIZE
from maxent_robot.trials.outcome import SuccessCriterion
from sim.evaluation import run_episodes
from sim.plug.config import PlugConfig
from sim.plug.connectors import CONNECTOR_NAMES, CONNECTORS
from sim.plug.reward import reward_terms
from sim.plug.scenario import sample_scenario
from sim.plug.task import PlugTask
from sim.vector import VectorPlugInsertion

IDS = ("MaxentRobot/PlugInsertion-v0", "MaxentRobot/UsbInsertion-v0")
FAST = {"timestep_s": 0.002}


def plug_config(**settings: object) -> PlugConfig:
    return config_from_mapping({**FAST, **settings}, PlugConfig)


def test_scenarios_keep_to_their_ranges_and_fill_them() -> None:
    config = plug_config()
    scenarios = [sample_scenario(config, np.random.default_rng((9, k))) for k in range(400)]
    errors = [s.socket.inverse() @ s.estimate for s in scenarios]
    offset = np.array([e.position for e in errors])
    turn = np.array([e.rotvec() for e in errors])
    assert 0.0018 < np.abs(offset).max() <= 0.002 + 1e-12
    assert np.radians(1.8) < np.abs(turn).max() <= np.radians(2.0) + 1e-9
    assert {s.observation_delay for s in scenarios} == {0, 1}
    factors = np.array([s.stiffness_factor for s in scenarios])
    assert 1 / 1.4 <= factors.min() < 0.75
    assert 1.33 < factors.max() <= 1.4
    assert abs(np.mean(np.log(factors))) < 0.03


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"control_period_s": 0.03}, r"policy_period_s is 0\.05 s, must be a multiple of control_period_s, 0\.03 s"),
        ({"timestep_s": 0.003}, r"control_period_s is 0\.01 s, must be a multiple of timestep_s, 0\.003 s"),
        ({"policy_period_s": 0.01, "control_period_s": 0.05}, r"policy_period_s is 0\.01 s, must be a multiple"),
    ],
)
def test_periods_are_whole_numbers_of_each_other(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plug_config(**settings)


def test_an_episode_is_named_by_its_seed_alone() -> None:
    config = plug_config()
    first = run_episodes(config, "spiral", 6, 3, batch=6)
    again = run_episodes(config, "spiral", 6, 3, batch=4)
    assert first.success.tolist() == again.success.tolist()
    assert first.peak_force_n == pytest.approx(again.peak_force_n, rel=1e-9)
    other = run_episodes(config, "spiral", 6, 4, batch=6)
    assert not np.allclose(first.peak_force_n, other.peak_force_n)


@pytest.mark.parametrize("connector", CONNECTOR_NAMES)
def test_spiral_search_inserts_for_real(connector: str) -> None:
    table = run_episodes(plug_config(connector=connector), "spiral", 16, 12)
    assert table.success.sum() >= (8 if connector == "two_pin" else 2)
    inserted = table.depth_m[table.success]
    assert np.all(inserted > table.depth_m[~table.success].max(initial=0.0) - 0.02)
    assert np.all(table.peak_force_n[table.success] <= 30.0)


def test_standing_still_never_succeeds() -> None:
    table = run_episodes(plug_config(time_limit_s=2.0), lambda o: np.zeros((len(o), 6), np.float32), 4, 0)
    assert table.outcome == ["timeout"] * 4
    assert np.all(table.depth_m < 0.0)


def test_going_down_beside_the_socket_is_no_success() -> None:
    """A policy once learnt to pass the panel's edge and to reach full depth in free air."""

    class Bypass:
        def __init__(self) -> None:
            self.step = 0

        def __call__(self, observation: np.ndarray) -> np.ndarray:
            self.step += 1
            action = np.zeros((len(observation), 6), np.float32)
            action[:, 0 if self.step < 70 else 2] = 1.0
            return action

    config = plug_config(time_limit_s=8.0)
    table = run_episodes(config, Bypass(), 3, 0)
    assert np.all(table.depth_m > 0.019)
    assert table.outcome == ["timeout"] * 3


def test_depth_is_rewarded_in_the_hole_only() -> None:
    connector = CONNECTORS["two_pin"]
    places = Pose.of([[0.0, 0.0, 0.019], [0.05, 0.0, 0.019]], np.tile(rotations.IDENTITY, (2, 1)))
    still, no = np.zeros((2, 6)), np.zeros(2, dtype=bool)
    terms = reward_terms(plug_config().reward, connector, places, still, still, no, no)
    assert terms["depth"].tolist() == [0.0, -plug_config().reward.depth]


def test_simulator_and_trial_judge_mean_the_same_by_success() -> None:
    simulated, judged = plug_config().success, SuccessCriterion()
    assert simulated.depth_tolerance_m == judged.depth_tolerance_m
    assert simulated.lateral_tolerance_m == judged.lateral_tolerance_m
    assert simulated.tilt_tolerance_rad == judged.tilt_tolerance_rad
    assert simulated.hold_s == judged.hold_s
    assert simulated.force_limit_n == judged.force_limit_n


def test_command_delay_moves_the_arm_later_by_whole_periods() -> None:
    def travel(delay: int) -> list[float]:
        task = PlugTask(plug_config(), 1)
        generator = np.random.default_rng(0)
        scenario = sample_scenario(task.config, generator)
        scenario = type(scenario)(
            **{**vars(scenario), "command_delay": delay, "observation_delay": 0, "on_axis": False}
        )
        task.begin_scenario(0, scenario, generator)
        start = task.target.position[0].copy()
        moved = []
        for _ in range(4):
            task.advance(np.array([[0.0, 0.0, 0.2, 0.0, 0.0, 0.0]]))
            moved.append(float(np.linalg.norm(task.target.position[0] - start)))
        return moved

    prompt, late = travel(0), travel(1)
    assert late[0] == 0.0
    assert late[1:] == pytest.approx(prompt[:-1], rel=1e-6)


def test_observation_delay_shows_the_pose_of_the_period_before() -> None:
    task = PlugTask(plug_config(), 1)
    generator = np.random.default_rng(1)
    scenario = sample_scenario(task.config, generator)
    scenario = type(scenario)(**{**vars(scenario), "command_delay": 0, "observation_delay": 1})
    task.begin_scenario(0, scenario, generator)
    task.observe()
    poses = [task.tcp.position[0].copy()]
    for _ in range(3):
        task.advance(np.array([[0.5, 0.0, 0.5, 0.0, 0.0, 0.0]]))
        seen = task.observe()[0, -FRAME_SIZE:][:3].astype(float)
        expected = (task.estimate.inverse())[0].transform(poses[-1])
        assert seen == pytest.approx(expected, abs=1e-7)
        poses.append(task.tcp.position[0].copy())


def test_wrench_reads_zero_in_free_space_whatever_the_payload_error() -> None:
    quiet = {
        "force_noise_n": 0.0,
        "torque_noise_nm": 0.0,
        "force_bias_n": 0.0,
        "torque_bias_nm": 0.0,
        "force_dead_zone_n": 0.0,
    }
    task = PlugTask(plug_config(randomisation=quiet, start={"height_m": [0.05, 0.05]}), 4)
    for place in range(4):
        task.begin(place, (2, place))
    task.observe()
    for _ in range(30):
        task.advance(np.zeros((4, 6)))
    frame = task.observe()[:, -FRAME_SIZE:]
    assert np.abs(frame[:, 6:9]).max() < 0.1
    assert np.abs(frame[:, 9:12]).max() < 0.02


def test_vector_environment_resumes_bit_for_bit() -> None:
    def actions(n: int) -> list[np.ndarray]:
        generator = np.random.default_rng(4)
        return [generator.uniform(-1, 1, (3, 6)).astype(np.float32) for _ in range(n)]

    config = plug_config(time_limit_s=1.0, start={"on_axis_fraction": 0.5})
    whole = VectorPlugInsertion(config, 3)
    whole.reset(7)
    for action in actions(60)[:30]:
        whole.step_begin(action)
        whole.step_end()
    resumed = VectorPlugInsertion(config, 3)
    resumed.load_state_dict(whole.state_dict())
    for action in actions(60)[30:]:
        whole.step_begin(action)
        resumed.step_begin(action)
        a, b = whole.step_end(), resumed.step_end()
        assert np.array_equal(a.observation, b.observation)
        assert np.array_equal(a.privileged, b.privileged)
        assert np.array_equal(a.reward, b.reward)
        assert a.episodes == b.episodes
    whole.close()
    resumed.close()


def test_threads_of_the_physics_do_not_change_what_they_give() -> None:
    alone, shared = (VectorPlugInsertion(plug_config(time_limit_s=1.0), 5, threads) for threads in (1, 3))
    assert np.array_equal(alone.reset(7)[0], shared.reset(7)[0])
    generator = np.random.default_rng(4)
    for _ in range(40):
        action = generator.uniform(-1, 1, (5, 6)).astype(np.float32)
        alone.step_begin(action)
        shared.step_begin(action)
        a, b = alone.step_end(), shared.step_end()
        assert np.array_equal(a.observation, b.observation)
        assert np.array_equal(a.privileged, b.privileged)
    alone.close()
    shared.close()


def test_final_observation_is_the_last_one_and_not_the_next_episodes_first() -> None:
    environment = VectorPlugInsertion(plug_config(time_limit_s=1.0), 2)
    environment.reset(0)
    for _ in range(20):
        environment.step_begin(np.full((2, 6), 0.3, np.float32))
        result = environment.step_end()
    assert result.truncated.all()
    assert not result.terminated.any()
    assert not np.allclose(result.final_observation, result.observation)
    first = result.observation.reshape(2, -1, FRAME_SIZE)
    assert np.array_equal(first[:, 0], first[:, -1])
    assert [episode.length for episode in result.episodes] == [20, 20]
    environment.close()


@pytest.mark.parametrize("name", IDS)
def test_gymnasium_environment_passes_its_checker(name: str) -> None:
    environment = gymnasium.make(name, settings={**FAST, "connector": "usb_a" if "Usb" in name else "two_pin"})
    check_env(environment.unwrapped, skip_render_check=True)
    environment.close()


@pytest.mark.parametrize("name", IDS)
def test_gymnasium_environment_passes_stable_baselines3_checker(name: str) -> None:
    from stable_baselines3.common.env_checker import check_env as check_for_sb3

    environment = gymnasium.make(name)
    check_for_sb3(environment.unwrapped, warn=True)
    environment.close()


@pytest.mark.skipif(
    not (find_library("EGL") or os.environ.get("DISPLAY")),
    reason="no display and no libEGL (Debian: libegl1, libgl1-mesa-dri): nothing to render with",
)
def test_picture_shows_the_scene() -> None:
    environment = gymnasium.make(IDS[0], render_mode="rgb_array")
    environment.reset(seed=1)
    picture = environment.render()
    assert isinstance(picture, np.ndarray)
    assert picture.shape == (480, 640, 3)
    assert picture.dtype == np.uint8
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100
    environment.close()


def test_unknown_setting_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="clearance_m"):
        gymnasium.make(IDS[0], settings={"clearence_m": [0.0003, 0.0003]})


def test_socket_is_seen_turned_by_the_estimates_error() -> None:
    task = PlugTask(plug_config(), 1)
    task.begin(0, (8, 0))
    turn = rotations.difference(task.estimate.quaternion[0], task.socket.quaternion[0])
    assert 0.0 < np.linalg.norm(turn) <= np.sqrt(3) * np.radians(2.0)


def test_importing_sim_registers_the_environments() -> None:
    assert set(IDS) <= set(gymnasium.registry)
    assert sim.__doc__


def test_without_a_history_all_frames_are_the_newest() -> None:
    action, frames = np.full((2, 6), 0.3, np.float32), {}
    for history in (True, False):
        environment = VectorPlugInsertion(plug_config(history=history), 2)
        environment.reset(5)
        for _ in range(6):
            environment.step_begin(action)
            result = environment.step_end()
        frames[history] = result.observation.reshape(2, -1, FRAME_SIZE)
        environment.close()
    newest = frames[True][:, -1:]
    assert not np.array_equal(frames[True][:, :1], newest)
    np.testing.assert_array_equal(frames[False], np.repeat(newest, frames[True].shape[1], axis=1))
    with pytest.raises(ConfigError, match=r"environment\.history is false"):
        manifest_assumptions("plug_insertion", {"history": False})
