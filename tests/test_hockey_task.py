"""The hockey tasks: what players see, the rules, the players written by hand, and the learner's environment."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from pettingzoo.test import parallel_api_test

from maxent_robot.errors import ConfigError, ContractError
from maxent_robot.exact import guaranteed_payoff, matrix_game_equilibrium
from maxent_robot.learning.tasks import make_environment
from maxent_robot.skill.hockey import (
    HOCKEY_AGES,
    HOCKEY_FRAME_SIZE,
    HOCKEY_OBSERVATION_SIZE,
    HockeyMeasurement,
    hockey_field,
    hockey_frame,
    hockey_scale,
    hockey_velocity,
)
from sim.hockey.config import HockeyConfig, Rules, Sensing, TableConfig
from sim.hockey.court import Court
from sim.hockey.gym import HockeyParallelEnv
from sim.hockey.launches import puck_in_reach, shot_on_goal
from sim.hockey.match import play_matches
from sim.hockey.opponents import Opponents, make_player
from sim.hockey.penalty import PenaltyConfig, penalty_game
from sim.hockey.planar import PlanarTable
from sim.hockey.players import Predictor, see
from sim.hockey.rules import Referee
from sim.hockey.state import AWAY, HOME, TableState
from sim.hockey.striker import Striker
from sim.hockey.task import HockeyTask

TABLE = TableConfig()
CLEAR = Sensing(noise_m=0.0, delay_periods=(0, 0), dropout=0.0, command_delay_periods=(0, 0))
LATE = Sensing(noise_m=0.0, delay_periods=(2, 2), dropout=0.0, command_delay_periods=(1, 1))


def measurement(n: int, seed: int = 0) -> HockeyMeasurement:
    generator = np.random.default_rng(seed)
    pairs = generator.normal(size=(6, n, 2))
    return HockeyMeasurement(pairs[0], pairs[1], pairs[2], pairs[3], np.full(n, 0.02), pairs[4], pairs[5])


def test_both_players_see_the_same_game_each_from_its_side() -> None:
    home = measurement(3)
    turned = HockeyMeasurement(
        mallet=-home.mallet,
        mallet_velocity=-home.mallet_velocity,
        target=-home.target,
        puck=-home.puck,
        puck_age_s=home.puck_age_s,
        opponent=-home.opponent,
        previous_action=home.previous_action,
    )
    np.testing.assert_allclose(hockey_frame(home, 1.0), hockey_frame(turned, -1.0))
    np.testing.assert_allclose(hockey_velocity([0.5, -2.0], 1.0), [0.3, -1.0])
    np.testing.assert_allclose(hockey_velocity([0.5, -2.0], -1.0), [-0.3, 1.0])
    assert len(hockey_scale()) == HOCKEY_OBSERVATION_SIZE == len(HOCKEY_AGES) * HOCKEY_FRAME_SIZE


def test_a_frame_that_is_not_finite_is_refused() -> None:
    broken = measurement(1)
    broken.puck[0, 1] = np.nan
    with pytest.raises(ContractError, match="not finite"):
        hockey_frame(broken, 1.0)


def moving_court(sensing: Sensing) -> tuple[Court, list[np.ndarray]]:
    """One puck that goes along the table for 12 periods, and where it was before each of them and after the last."""
    court = Court(PlanarTable(TABLE, 1), sensing, 0)
    state = TableState.at_rest(1, TABLE)
    state.puck[0], state.puck_velocity[0] = (-0.3, 0.1), (1.0, 0.0)
    court.begin(state, np.arange(1))
    places = [court.table.state.puck[0].copy()]
    for _ in range(12):
        court.step(np.zeros((1, 2, 2)))
        places.append(court.table.state.puck[0].copy())
    return court, places


@pytest.mark.parametrize(("sensing", "late"), [(CLEAR, 0), (LATE, 2)])
def test_players_see_the_puck_late_and_know_how_late(sensing: Sensing, late: int) -> None:
    court, places = moving_court(sensing)
    for player, side in ((HOME, 1.0), (AWAY, -1.0)):
        observation = court.observation[:, player]
        for age in HOCKEY_AGES:
            seen = hockey_field(observation, "puck_position", age)[0]
            np.testing.assert_allclose(seen, side * places[-1 - age - late], atol=1e-6)
            np.testing.assert_allclose(hockey_field(observation, "puck_age", age)[0], 0.02 * late, atol=1e-6)


def test_without_a_picture_the_last_one_stays_and_grows_older() -> None:
    court = Court(PlanarTable(TABLE, 200), Sensing(dropout=0.5, noise_m=0.0, delay_periods=(1, 1)), 3)
    state = TableState.at_rest(200, TABLE)
    state.puck_velocity[:] = 0.5, 0.2
    court.begin(state, np.arange(200))
    for _ in range(30):
        before = court.observation[:, HOME].copy()
        court.step(np.zeros((200, 2, 2)))
        now = court.observation[:, HOME]
        older = hockey_field(now, "puck_age")[:, 0] > hockey_field(before, "puck_age")[:, 0]
        np.testing.assert_array_equal(
            hockey_field(now, "puck_position")[older], hockey_field(before, "puck_position")[older]
        )
    assert 0.4 < older.mean() < 0.6


def test_a_command_acts_as_late_as_was_drawn() -> None:
    for delay in (0, 1):
        court = Court(PlanarTable(TABLE, 1), Sensing(command_delay_periods=(delay, delay)), 0)
        court.begin(TableState.at_rest(1, TABLE), np.arange(1))
        action = np.zeros((1, 2, 2))
        action[0, :, 0] = 1.0
        moved = []
        for _ in range(3):
            before = court.table.state.targets.copy()
            court.step(action)
            moved.append(court.table.state.targets - before)
        assert all(np.any(step) == (number >= delay) for number, step in enumerate(moved))
        # Each player's forward is towards the other.
        assert moved[-1][0, HOME, 0] > 0.0 > moved[-1][0, AWAY, 0]


def test_sight_tells_velocity_and_where_the_puck_is_by_now() -> None:
    court, places = moving_court(LATE)
    sight = see(court.observation[:, HOME], 0.02)
    np.testing.assert_allclose(sight.velocity[0], court.table.state.puck_velocity[0], rtol=0.05)
    np.testing.assert_allclose(sight.puck[0], places[-1], atol=2e-3)


def test_shots_are_on_goal_straight_and_off_the_rims() -> None:
    generator = np.random.default_rng(0)
    state = TableState.joined([shot_on_goal(TABLE, (3.0, 5.0), generator) for _ in range(300)])
    speed = np.linalg.norm(state.puck_velocity, axis=1)
    assert 3.0 <= speed.min() < 3.2 < 4.8 < speed.max() <= 5.0
    # Out of the way with the home mallet, which the shots would otherwise meet.
    state.mallets[:, HOME] = state.targets[:, HOME] = TABLE.mallet.zone_x_m[0], TABLE.mallet.zone_y_m[0]
    table = PlanarTable(TABLE, 300)
    table.place(state)
    conceded, bounced = np.zeros(300, dtype=bool), np.zeros(300, dtype=bool)
    for _ in range(60):
        before = np.sign(table.state.puck_velocity[:, 1])
        conceded |= table.step(np.zeros((300, 2, 2))).goal == -1
        bounced |= ~conceded & (np.sign(table.state.puck_velocity[:, 1]) != before)
    assert conceded.mean() > 0.9, "the rest met the mallet in the corner or the edge of the goal"
    assert 0.3 < bounced.mean() < 0.95


def test_a_puck_in_reach_lies_before_its_player() -> None:
    for side in (1, -1):
        state = puck_in_reach(TABLE, side, np.random.default_rng(side + 5))
        player = HOME if side == 1 else AWAY
        assert side * state.puck[0, 0] < 0.0
        assert side * (state.puck[0, 0] - state.mallets[0, player, 0]) > TABLE.puck.radius_m + TABLE.mallet.radius_m
        assert Referee(Rules(), TABLE, 1).within_reach(state).all()


def test_holding_the_puck_is_a_fault_and_a_puck_out_of_reach_is_stuck() -> None:
    referee = Referee(Rules(hold_s=1.0, stuck_s=0.5), TABLE, 3)
    state = TableState.at_rest(3, TABLE)
    state.puck[:, 0] = -0.6, 0.6, 0.0  # within reach of home, of away, of nobody
    calls = [referee.watch(state) for _ in range(60)]
    first = [int(np.argmax([call.fault[place] != 0 for call in calls])) for place in (0, 1)]
    assert calls[first[0]].fault.tolist() == [1, -1, 0]
    # The side is known from the first look on.
    assert [0.02 * number for number in first] == pytest.approx([1.0, 1.0], abs=0.03)
    assert not any(call.stuck[:2].any() for call in calls)
    assert int(np.argmax([call.stuck[2] for call in calls])) == pytest.approx(25, abs=1)


def saves(player: str, n: int = 200) -> float:
    config = HockeyConfig(task="defend", opponents=("none",), shot_m_s=(3.0, 5.0))
    return success(config, player, n)


def success(config: HockeyConfig, player: str, n: int) -> float:
    """Share of episodes that a player at home ends with success."""
    task = HockeyTask(config, n)
    task.seed(1)
    task.begin(np.arange(n), [(1, place) for place in range(n)])
    chosen = make_player(player, config.table, n)
    done, good = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    while not done.all():
        outcome = task.advance(chosen(task.observe()))
        good |= outcome.success & ~done
        done |= outcome.success | outcome.failure | outcome.timeout
    return float(good.mean())


def test_keepers_are_better_the_more_they_see() -> None:
    none, blocker, tracker, predictor = (saves(name) for name in ("none", "blocker", "keeper", "predictor"))
    assert none + 0.02 < blocker < tracker - 0.03
    assert tracker < predictor - 0.02
    assert predictor > 0.85


def test_the_striker_beats_a_still_keeper_and_not_one_that_moves() -> None:
    scored = {
        keeper: success(HockeyConfig(task="hit", opponents=(keeper,), time_limit_s=8.0), "striker", 200)
        for keeper in ("none", "blocker", "predictor")
    }
    assert scored["none"] > 0.45
    assert 0.15 < scored["blocker"] <= scored["none"]
    assert scored["predictor"] < 0.2


def test_a_predictor_waits_where_shots_have_come_before() -> None:
    config, n = HockeyConfig(task="defend", opponents=("none",)), 1
    keeper = Predictor(config.table, n, memory=0.5)
    court = Court(PlanarTable(config.table, n), CLEAR, 0)
    for _ in range(6):
        state = TableState.at_rest(n, config.table)
        state.puck[0], state.puck_velocity[0] = (0.4, 0.09), (-4.0, 0.0)
        court.begin(state, np.arange(n))
        for _ in range(12):
            keeper(court.observation[:, HOME])
            court.step(np.zeros((n, 2, 2)))
    assert keeper.state_dict()["usual_y"][0] == pytest.approx(0.09, abs=0.01)
    keeper.reset(np.arange(n))
    assert keeper.state_dict()["usual_y"][0] == 0.0


@pytest.mark.parametrize("physics", ["numpy", "mujoco"])
def test_whole_rallies_end_with_a_goal_a_fault_or_a_face_off(physics: str) -> None:
    config = HockeyConfig(task="duel", opponents=("striker",), time_limit_s=20.0, physics=physics)
    n = 60
    task = HockeyTask(config, n, Striker(config.table, n, seed=1))
    task.begin(np.arange(n), [(2, place) for place in range(n)])
    home = Striker(config.table, n, seed=2)
    ended = {"won": 0, "lost": 0, "drawn": 0}
    done = np.zeros(n, dtype=bool)
    while not done.all():
        outcome = task.advance(home(task.observe()))
        for name, which in (("won", outcome.success), ("lost", outcome.failure), ("drawn", outcome.timeout)):
            ended[name] += int((which & ~done).sum())
        done |= outcome.success | outcome.failure | outcome.timeout
    assert sum(ended.values()) == n
    assert min(ended["won"], ended["lost"]) >= 1, f"players of equal strength: {ended}"


def test_the_environment_goes_on_bit_for_bit_and_begins_the_same_episodes_for_every_policy() -> None:
    settings = {"task": "duel", "opponents": ["striker", "keeper"], "time_limit_s": 1.0}
    one, other = (make_environment("hockey", settings, 16, "test") for _ in range(2))
    first, _ = one.reset(4)
    generator = np.random.default_rng(0)
    actions = generator.uniform(-1.0, 1.0, (90, 16, 2)).astype(np.float32)
    for action in actions[:60]:
        one.step_begin(action)
        one.step_end()
    other.load_state_dict(one.state_dict())
    for action in actions[60:]:
        one.step_begin(action)
        other.step_begin(action)
        left, right = one.step_end(), other.step_end()
        for name in ("observation", "privileged", "reward", "terminated", "truncated", "final_observation"):
            np.testing.assert_array_equal(getattr(left, name), getattr(right, name))
        assert left.episodes == right.episodes
    again, _ = one.reset(4)
    np.testing.assert_array_equal(first, again)


def test_an_unknown_opponent_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"opponents: 'wall' is none of none, blocker"):
        make_environment("hockey", {"opponents": ["wall"]}, 1, "test")


@pytest.mark.parametrize("task", ["Defend", "Hit", "Duel"])
def test_gymnasium_finds_nothing_to_complain_about(task: str) -> None:
    environment = gymnasium.make(f"MaxentRobot/Hockey{task}-v0")
    check_env(environment.unwrapped, skip_render_check=True)
    environment.close()


def test_pettingzoo_finds_nothing_to_complain_about_and_points_sum_to_zero() -> None:
    environment = HockeyParallelEnv(settings={"time_limit_s": 2.0})
    parallel_api_test(environment, num_cycles=400)
    first, _ = environment.reset(seed=3)
    again, _ = environment.reset(seed=3)
    for agent in environment.possible_agents:
        np.testing.assert_array_equal(first[agent], again[agent])
    striker = {agent: Striker(environment.config.table, 1, seed=1) for agent in environment.possible_agents}
    seen = first
    while environment.agents:
        seen, rewards, terminated, truncated, _ = environment.step(
            {agent: striker[agent](seen[agent][None])[0].astype(np.float32) for agent in environment.agents}
        )
        assert rewards["home"] == -rewards["away"]
    assert terminated["home"] or truncated["home"]


def test_a_penalty_that_is_always_the_same_is_saved_and_a_mixed_one_is_not() -> None:
    game = penalty_game(TABLE, PenaltyConfig(guard_places=13, repeats=4), 0)
    assert game.payoff.shape == (45, len(game.guards_m)) == (45, 39)
    # The mirror image of a shot against the mirror image of a guard; noise is all that differs.
    mirror = game.payoff[::-1].reshape(45, 3, 13)[:, :, ::-1].reshape(45, 39)
    assert np.abs(game.payoff - mirror).mean() < 0.05
    solution = matrix_game_equilibrium(game.payoff)
    assert 0.3 < solution.value < 0.7
    assert max(guaranteed_payoff(game.payoff, shot) for shot in np.eye(45)) < 0.1
    assert guaranteed_payoff(game.payoff, np.full(45, 1.0 / 45.0)) < 0.5 * solution.value


def test_each_game_has_one_of_the_opponents_until_it_ends() -> None:
    n = 300
    mixed = Opponents([make_player(name, TABLE, n) for name in ("none", "keeper", "striker")], n, seed=1)
    court = Court(PlanarTable(TABLE, n), CLEAR, 0)
    state = TableState.at_rest(n, TABLE)
    state.puck[:] = 0.6, 0.2
    court.begin(state, np.arange(n))
    seen = court.observation[:, AWAY]
    actions = mixed(seen)
    alone = [make_player(name, TABLE, n)(seen) for name in ("none", "keeper", "striker")]
    before = mixed.playing.copy()
    for number, player in enumerate(alone):
        np.testing.assert_array_equal(actions[before == number], player[before == number])
        assert 60 < (before == number).sum() < 140
    mixed.reset(np.arange(100))
    assert (mixed.playing[100:] == before[100:]).all()
    assert (mixed.playing[:100] != before[:100]).any()


def test_matches_are_won_by_goals_and_the_better_player_wins_them() -> None:
    config, n = HockeyConfig(task="duel"), 24
    table = play_matches(
        config,
        make_player("striker", config.table, n, 1),
        make_player("blocker", config.table, n),
        n,
        seed=3,
        goals_to_win=3,
        time_limit_s=120.0,
    )
    assert table.won.sum() > 0.8 * n
    ended = table.goals.max(axis=1) == 3
    assert (table.time_s[~ended] == pytest.approx(120.0)) if (~ended).any() else True
    assert (table.goals.max(axis=1) <= 3).all()


def test_three_faults_are_a_goal() -> None:
    config = HockeyConfig(task="duel", rules=Rules(hold_s=1.0))
    still = make_player("none", config.table, 4)
    table = play_matches(config, still, still, 4, seed=1, goals_to_win=2, time_limit_s=60.0)
    # Nobody plays, so whoever has the puck is at fault, and the other one has it next.
    assert (table.goals.max(axis=1) == 2).all()
    assert (table.faults.sum(axis=1) >= 3 * table.goals.sum(axis=1)).all()
    assert (np.abs(np.diff(table.faults, axis=1)) <= 1).all()
