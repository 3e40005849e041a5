"""Hockey held by arms: the driver with a mallet, the table that is led, the score, and the report of a game."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mujoco")

from skill_bundles import make_hockey_bundle

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import load_robot
from maxent_robot.errors import ConfigError
from maxent_robot.inference import EntropyAwareSampler, SkillChooser
from maxent_robot.inference.hockey_runner import HockeyRunner
from maxent_robot.safety.limits import load_limits
from maxent_robot.skill.hockey import HOCKEY_MAXIMUM, HockeyMeasurement
from maxent_robot.trials.game import GameEvent, GameResult
from sim.hockey.arm_driver import T_BASE_PLAYER, MalletArmDriver
from sim.hockey.arms import MalletArms
from sim.hockey.config import Rules, TableConfig
from sim.hockey.driven import ArmTable, DrivenTable
from sim.hockey.launches import serve
from sim.hockey.match import Scoreboard, next_to_serve
from sim.hockey.planar import PlanarTable
from sim.hockey.state import AWAY, HOME, TableState

ROBOT, TABLE = load_robot("sim_hockey"), TableConfig()


def test_the_arm_holds_its_mallet_over_the_middle_of_its_zone_and_feels_nothing() -> None:
    driver = MalletArmDriver(ROBOT, 1)
    for _ in range(100):
        reading = driver.cycle()
    place = T_BASE_PLAYER.inverse().transform(driver.tcp().position)
    assert place == pytest.approx([np.mean(TABLE.mallet.zone_x_m), 0.0, 0.0], abs=5e-3)
    assert np.linalg.norm(reading.contact_n) < 1.0
    assert driver.finite


def test_the_supervisor_keeps_the_mallet_in_the_zone_that_the_table_knows() -> None:
    box, mallet = load_limits("sim_hockey").workspace, TABLE.mallet
    low, high = np.array(box.minimum) - T_BASE_PLAYER.position, np.array(box.maximum) - T_BASE_PLAYER.position
    np.testing.assert_allclose([low[:2], high[:2]], np.array([mallet.zone_x_m, mallet.zone_y_m]).T, atol=1e-9)
    assert load_limits("sim_hockey").policy_speed.linear_m_s >= np.hypot(*HOCKEY_MAXIMUM)
    assert load_limits("sim_hockey").target_acceleration.linear_m_s2 == mallet.acceleration_m_s2


def test_a_mallet_that_is_led_strikes_the_puck_as_its_own_would() -> None:
    table = DrivenTable(dataclasses.replace(TABLE, control_period_s=0.01, target_period_s=0.01), 1)
    state = TableState.at_rest(1, TABLE)
    state.puck[0] = -0.4, 0.0
    table.place(state)
    mallets = state.mallets.copy()
    touched = False
    for _ in range(60):
        mallets[0, HOME, 0] = min(mallets[0, HOME, 0] + 0.005, -0.42)  # 0.5 m/s
        table.lead(mallets)
        touched |= bool(table.step(np.zeros((1, 2, 2))).touched[0, HOME])
    assert touched
    spent = TABLE.puck.drag_1_s * (table.state.puck[0, 0] + 0.4)  # drag takes speed in proportion to the way
    assert table.state.puck_velocity[0, 0] + spent == pytest.approx(0.5 * (1.0 + TABLE.restitution_mallet), rel=0.03)
    again = TableState.at_rest(1, TABLE)
    table.place(again)
    np.testing.assert_array_equal(table.state.mallets[0, HOME], [-0.42, 0.0])
    np.testing.assert_array_equal(table.state.puck[0], [0.0, 0.0])


def test_arms_go_where_the_mallets_of_the_planar_table_go() -> None:
    arms, planar = ArmTable(TABLE, 1, ROBOT), PlanarTable(TABLE, 1)
    planar.place(arms.state.copy())
    generator = np.random.default_rng(0)
    apart = []
    for _ in range(20):
        velocity = generator.uniform(-1.0, 1.0, (1, 2, 2)) * HOCKEY_MAXIMUM
        for _ in range(8):
            arms.step(velocity)
            planar.step(velocity)
            apart.append(arms.state.mallets - planar.state.mallets)
    assert np.sqrt(np.mean(np.square(apart))) < 0.02
    assert np.ptp(arms.state.mallets) > 0.5


def test_arms_that_are_stepped_together_move_as_one_driver_does() -> None:
    robot = dataclasses.replace(ROBOT, control_rate_hz=1.0 / TABLE.target_period_s)
    drivers = [MalletArmDriver(robot, seed) for seed in range(2)]
    arms = MalletArms(ROBOT, 2, TABLE.target_period_s)
    home = drivers[0].tcp()
    generator = np.random.default_rng(5)
    for _ in range(200):
        shift = np.pad(generator.uniform(-0.05, 0.05, (2, 2)), ((0, 0), (0, 1)))
        targets = Pose(home.position + shift, np.tile(home.quaternion, (2, 1)))
        for k, driver in enumerate(drivers):
            driver.set_target(targets[k])
        tcp = [ROBOT.chain().forward(driver.cycle().joint_positions).position for driver in drivers]
        np.testing.assert_allclose(arms.follow(targets), tcp, rtol=0.0, atol=1e-9)
    assert np.abs(tcp - home.position)[:, :2].max() > 0.002


def test_targets_come_on_whole_steps_of_the_arms_physics() -> None:
    with pytest.raises(ConfigError, match=r"target_period_s is 0\.0025 s; .* physics steps of 0\.001 s"):
        MalletArms(ROBOT, 1, 0.0025)


@pytest.mark.parametrize("side", [1, -1])
def test_a_puck_is_served_in_reach_of_a_player_and_off_the_mallets(side: int) -> None:
    generator = np.random.default_rng(3)
    for _ in range(50):
        state = TableState.at_rest(1, TABLE)
        low, high = np.array([TABLE.mallet.zone_x_m, TABLE.mallet.zone_y_m]).T
        for player, sign in ((HOME, 1), (AWAY, -1)):
            state.mallets[0, player] = sign * generator.uniform(low, high)
        served = serve(state, side, TABLE, generator)
        puck, own = side * served.puck[0], side * state.mallets[0, HOME if side == 1 else AWAY]
        assert low[0] < puck[0] <= high[0]
        assert abs(puck[1]) < high[1]
        assert np.linalg.norm(puck - own) > TABLE.touch_m
        assert not served.puck_velocity.any()


def test_three_faults_are_a_goal_and_who_conceded_begins() -> None:
    board = Scoreboard(Rules(), 2)
    nothing, playing = np.zeros(2, dtype=np.int8), np.array([True, False])
    for _ in range(3):
        board.count(nothing, np.array([1, 1], dtype=np.int8), playing)
    np.testing.assert_array_equal(board.goals, [[0, 1], [0, 0]])
    board.count(np.array([-1, 1], dtype=np.int8), nothing, playing)
    np.testing.assert_array_equal(board.goals, [[0, 2], [0, 0]])
    generator = np.random.default_rng(0)
    scored = np.array([1, -1, 0], dtype=np.int8)
    assert next_to_serve(scored, np.zeros(3, dtype=np.int8), generator)[:2].tolist() == [-1, 1]
    assert next_to_serve(np.zeros(1, dtype=np.int8), np.ones(1, dtype=np.int8), generator).tolist() == [-1]


def game(number: int, stopped: str = "") -> GameResult:
    time_s = np.arange(0.0, 4.0, 0.02)
    trace = np.stack([time_s, np.sin(time_s), 0.3 * np.cos(time_s), *([np.zeros_like(time_s)] * 4)], axis=1)
    trace[:, 3] = -0.6 + 0.1 * np.sin(5.0 * time_s)
    return GameResult(
        game=number,
        goals=(2, 1),
        faults=(0, 1),
        rallies=4,
        time_s=4.0,
        stopped=stopped,
        events=[GameEvent(1.0, "goal of home", "1:0"), GameEvent(2.0, "goal of away", "1:1")],
        interventions={"home": {"joints": 3, "speed": 0}, "away": {"joints": 0, "speed": 0}},
        latency_ms={"home": (3.0, 9.0), "away": (4.0, 8.0)},
        trace=trace,
    )


def test_the_report_of_games_says_who_won_and_what_stopped(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("jinja2")
    from maxent_robot.trials.game_report import write_game_report

    games = [game(1), game(2, "away: JOINT_VELOCITY")]
    assert [one.winner for one in games] == ["home", ""]
    assert games[0].figures()["top_speed_m_s"] == {"home": pytest.approx(0.5, abs=0.02), "away": 0.0}
    page = write_game_report(tmp_path, games, {"home": "a", "away": "b"}).read_text(encoding="utf-8")
    assert "2 games, 1 won by home, 0 by away" in page
    assert "stopped, away: JOINT_VELOCITY" in page
    assert "joints 3 / 0" in page
    with np.load(tmp_path / "traces.npz") as traces:
        assert traces["game_1"].shape == (200, 7)


def test_an_arm_that_is_pushed_gives_way_by_its_compliance() -> None:
    from sim.disturbance import Disturbance

    driver = MalletArmDriver(ROBOT, 1)
    for _ in range(50):
        driver.cycle()
    before = driver.tcp().position.copy()
    driver.disturb(Disturbance(push_n=(0.0, 40.0, 0.0)))
    for _ in range(200):
        driver.cycle()
    assert driver.tcp().position[1] - before[1] == pytest.approx(40.0 / ROBOT.impedance.stiffness_translation, rel=0.5)
    driver.set_target(Pose.of(driver.tcp().position, driver.tcp().quaternion))
    assert driver.finite


def test_a_target_off_the_plane_or_tilted_is_brought_back(tmp_path: Path) -> None:
    bundle = make_hockey_bundle(tmp_path)
    runner = HockeyRunner(bundle, SkillChooser(bundle, EntropyAwareSampler("mean", seed=0)))
    table = T_BASE_PLAYER @ Pose.from_rotvec([0.0, 0.0, 0.0], [0.0, 0.0, 0.3])
    zeros = np.zeros(2)
    seen = HockeyMeasurement(zeros - 0.6, zeros, zeros - 0.6, zeros, np.asarray(0.02), zeros + 0.6, zeros)
    flat = table @ Pose.of([-0.6, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0])
    off = table @ Pose.from_rotvec([-0.6, 0.0, 0.01], [0.0, 0.1, 0.0]) @ Pose.of(np.zeros(3), [1.0, 0.0, 0.0, 0.0])
    level, brought_back = (runner.step(seen, table, target).twist for target in (flat, off))
    np.testing.assert_allclose(level[2:], 0.0, atol=1e-9)
    np.testing.assert_allclose(brought_back[2], -0.02, atol=1e-9)
    np.testing.assert_allclose(table.inverse().rotate(brought_back[3:]), [0.0, -0.2, 0.0], atol=1e-6)
    assert np.hypot(*level[:2]) > 0.0
