"""The hockey tasks of the home player: defend, hit and duel, n episodes at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.control.robot import load_robot
from sim.hockey.config import HockeyConfig, Reward, TableConfig
from sim.hockey.court import Court
from sim.hockey.launches import puck_in_reach, shot_on_goal
from sim.hockey.opponents import make_player, one_of
from sim.hockey.paths import crossing
from sim.hockey.planar import PlanarTable
from sim.hockey.players import Player
from sim.hockey.reference import MujocoTable
from sim.hockey.rules import Call, Referee
from sim.hockey.state import AWAY, HOME, Array, Happened, Table, TableState

PRIVILEGED_SCALE = np.array([0.5, 0.5, 1.0, 1.0, 30.0, 0.1, 0.1, 0.5, 0.5, 0.5, 0.5, 1.0], dtype=np.float32)
"""Of the true place, velocity and spin of the puck, its place seen from the own mallet, place and velocity of the
opponent, and the share of time left."""

_SAVED_M_S = 0.1
"""A puck in the own half that is slower is saved."""


@dataclass(frozen=True)
class Outcome:
    """What one control period gave, for n episodes.

    Attributes:
        reward: (n,), the sum of the terms.
        terms: named terms of it, (n,) each, already scaled.
        success: (n,) bool, saved, scored or won.
        failure: (n,) bool, ended without.
        timeout: (n,) bool, ended by time, or with a puck that nobody can play.
        drawn: (n,) bool, the latter: the puck is placed anew, which is worth as much to one as to the other, nothing.
    """

    reward: Array
    terms: dict[str, Array]
    success: NDArray[np.bool_]
    failure: NDArray[np.bool_]
    timeout: NDArray[np.bool_]
    drawn: NDArray[np.bool_]


def make_table(config: HockeyConfig, n: int) -> Table:
    """The physics that the settings name.

    Raises:
        ConfigError: no robot of the name in the settings, where arms hold the mallets.
    """
    if config.physics == "arms":
        from sim.hockey.driven import ArmTable

        return ArmTable(config.table, n, load_robot(config.robot))
    return PlanarTable(config.table, n) if config.physics == "numpy" else MujocoTable(config.table, n)


SCRIPTS = {"defend": "predictor", "hit": "striker", "duel": "striker", "penalty": "striker"}
"""The best player written by hand, by task."""

USUAL_S = {"defend": 3.0, "hit": 8.0, "duel": 60.0, "penalty": 3.0}
"""How long an episode may last where nothing else is said, by task [s]."""


def approach(reward: Reward, state: TableState) -> Array:
    """The term of that name, (n,), while it is due."""
    distance = np.linalg.norm(state.mallets[:, HOME] - state.puck, axis=1)
    return np.asarray(-reward.approach * (distance / 0.3))


def effort(reward: Reward, action: Array, before: Array) -> dict[str, Array]:
    """The terms of an action (n, 2) and of its change, (n,) each."""
    return {
        "action": -reward.action * (action**2).mean(axis=1),
        "jerk": -reward.jerk * ((action - before) ** 2).mean(axis=1),
    }


def aimed(goal_line_y: Array, table: TableConfig) -> Array:
    """How well (n,) paths are aimed that cross the line of the goal there [m], in 0 to 1; 0 for NaN."""
    return np.nan_to_num(np.exp(-np.abs(goal_line_y) / table.goal_width_m))


def scripted_opponents(config: HockeyConfig, n: int) -> Player:
    """The players that the settings name.

    Raises:
        ConfigError: a name of no player written by hand.
    """
    return one_of(config.opponents, lambda name, seed: make_player(name, config.table, n, seed), n)


class HockeyTask:
    """n episodes of one task.

    Args:
        config: of all of them.
        n: how many.
        opponent: the away player; made by the names in `config` where not given, which have to be scripted then.

    Raises:
        ConfigError: a name of no player.
    """

    privileged_scale = PRIVILEGED_SCALE

    def __init__(self, config: HockeyConfig, n: int, opponent: Player | None = None) -> None:
        self.config, self.n = config, n
        self.court = Court(make_table(config, n), config.sensing, 0)
        self.opponent = opponent or scripted_opponents(config, n)
        self.referee = Referee(config.rules, config.table, n)
        self.time_s = np.zeros(n)
        self.touched, self._shot = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)

    @property
    def state(self) -> TableState:
        """Of the tables."""
        return self.court.table.state

    def seed(self, seed: int) -> None:
        """Begin the noise of the senses again."""
        self.court.seed(seed)

    def begin(self, index: NDArray[np.intp], names: Sequence[tuple[int, ...]]) -> None:
        """Begin episodes at the places `index`; each name fixes how one begins."""
        starts = [self._start(np.random.default_rng(name)) for name in names]
        self.court.begin(TableState.joined(starts), index)
        self.referee.begin(index)
        self.opponent.reset(self._forgotten(index, names))
        self.time_s[index], self.touched[index], self._shot[index] = 0.0, False, False

    def _forgotten(self, index: NDArray[np.intp], names: Sequence[tuple[int, ...]]) -> NDArray[np.intp]:
        """The places whose opponent begins anew."""
        if self.config.memory == 0.0:
            return index
        forgets = [np.random.default_rng((*name, 1)).random() >= self.config.memory for name in names]
        return index[np.array(forgets, dtype=bool)]

    def _start(self, generator: np.random.Generator) -> TableState:
        table = self.config.table
        task, shots = self.config.task, self.config.shots
        if task == "defend" or (task == "duel" and shots > 0.0 and generator.random() < shots):
            return shot_on_goal(table, self.config.shot_m_s, generator)
        side = 1 if task == "hit" else int(generator.choice((1, -1)))
        return puck_in_reach(table, side, generator)

    def observe(self) -> NDArray[np.float32]:
        """(n, 75) of the home player."""
        return self.court.observation[:, HOME].copy()

    def privileged(self) -> NDArray[np.float32]:
        """(n, 12) the truth, see `PRIVILEGED_SCALE`."""
        state = self.state
        left = 1.0 - self.time_s / self.config.time_limit_s
        parts = [
            state.puck,
            state.puck_velocity,
            state.spin[:, None],
            state.puck - state.mallets[:, HOME],
            state.mallets[:, AWAY],
            state.mallet_velocities[:, AWAY],
            left[:, None],
        ]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def advance(self, action: NDArray[Any]) -> Outcome:
        """One control period with the home player's actions (n, 2) in [-1, 1]."""
        action = np.clip(np.asarray(action, dtype=np.float64), -1.0, 1.0)
        both = np.zeros((self.n, 2, 2))
        both[:, HOME] = action
        both[:, AWAY] = self.opponent(self.court.observation[:, AWAY])
        before = self.court.previous_action[:, HOME]
        happened, call = self._play(both)
        success, failure = self._ends(happened.goal, call.fault)
        timeout = self._out_of_time() | (call.stuck & (self.config.task != "defend"))
        timeout &= ~(success | failure)
        if self.config.task == "defend":
            success |= timeout
            timeout = np.zeros(self.n, dtype=bool)
        terms = self._terms(action, before, happened.goal, call.fault, success)
        reward = np.sum(list(terms.values()), axis=0)
        return Outcome(reward, terms, success, failure, timeout, drawn=timeout & call.stuck)

    def advance_both(self, action: NDArray[Any]) -> tuple[Array, NDArray[np.bool_], NDArray[np.bool_]]:
        """One control period of a duel with the actions (n, 2, 2) of both players.

        Returns:
            The home player's points (n,), which are the away player's with the other sign; whether the rally has ended
            with them, and whether it was cut, (n,) bool.
        """
        happened, call = self._play(np.asarray(action, dtype=np.float64))
        points = happened.goal - self.config.reward.fault * call.fault
        ended = (happened.goal != 0) | (call.fault != 0)
        return points, ended, (self._out_of_time() | call.stuck) & ~ended

    def _play(self, action: Array) -> tuple[Happened, Call]:
        happened = self.court.step(action)
        call = self.referee.watch(self.state)
        self.time_s += self.config.table.control_period_s
        if self.config.task == "duel":
            # What comes back is there to be touched and shot again.
            back = self._shot & (self.state.puck[:, 0] < 0.0)
            self.touched &= ~back
            self._shot &= ~back
        self.touched |= happened.touched[:, HOME]
        return happened, call

    def _out_of_time(self) -> NDArray[np.bool_]:
        return np.asarray(self.time_s >= self.config.time_limit_s - 1e-9)

    def _ends(self, goal: NDArray[np.int8], fault: NDArray[np.int8]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        scored, conceded = goal == 1, goal == -1
        x, velocity = self.state.puck[:, 0], self.state.puck_velocity
        if self.config.task == "defend":
            sent_back = (x > 0.0) & (velocity[:, 0] > 0.0)
            stopped = np.linalg.norm(velocity, axis=1) < _SAVED_M_S
            return scored | ((sent_back | stopped) & ~conceded), conceded
        if self.config.task == "hit":
            returned = self.touched & self._shot & (x < 0.0)
            return scored, conceded | ((returned | (self._shot & self._falls_short())) & ~scored)
        return scored | (fault == -1), conceded | (fault == 1)

    def _falls_short(self) -> NDArray[np.bool_]:
        """(n,) whether drag leaves the puck less of a way than there is to the away goal."""
        table, (x, y) = self.config.table, self.state.puck.T
        to_goal = np.hypot(0.5 * table.length_m - x, np.maximum(np.abs(y) - 0.5 * table.goal_width_m, 0.0))
        speed = np.linalg.norm(self.state.puck_velocity, axis=1)
        return np.asarray(speed < table.puck.drag_1_s * to_goal)

    def _terms(
        self,
        action: Array,
        before: Array,
        goal: NDArray[np.int8],
        fault: NDArray[np.int8],
        success: NDArray[np.bool_],
    ) -> dict[str, Array]:
        reward, state = self.config.reward, self.state
        over = self.touched & ~self._shot & (state.puck[:, 0] > 0.0) & (state.puck_velocity[:, 0] > 0.0)
        self._shot |= over
        own = state.puck[:, 0] < 0.0
        attacks = self.config.task != "defend"
        period_s = self.config.table.control_period_s
        return {
            "goal": reward.goal * (goal == 1),
            "conceded": -reward.conceded * (goal == -1).astype(float),
            "saved": reward.saved * (success & (self.config.task == "defend")),
            "fault": -reward.fault * fault.astype(float),
            "approach": approach(reward, state) * (~self.touched & own & attacks),
            "shot": reward.shot * state.puck_velocity[:, 0] * (over & attacks),
            "aim": reward.aim * self._aim(over & attacks),
            "territory": reward.territory * period_s * np.sign(state.puck[:, 0]) * (self.config.task == "duel"),
            **effort(reward, action, before),
        }

    def _aim(self, shots: NDArray[np.bool_]) -> Array:
        """How well (n,) the pucks of the games `shots` are aimed at the away goal, in 0 to 1; 0 for the others.

        A shot at the opponent, where it is now, is aimed at nothing.
        """
        state, table, aim = self.state, self.config.table, np.zeros(self.n)
        if not shots.any():
            return aim
        ahead = state.puck[shots], state.puck_velocity[shots], state.spin[shots]
        mallet = state.mallets[shots, AWAY]
        into = crossing(*ahead, 0.5 * table.length_m, table).y
        past = crossing(*ahead, mallet[:, 0], table).y
        with np.errstate(invalid="ignore"):
            free = ~(np.abs(past - mallet[:, 1]) < table.touch_m)
        aim[shots] = free * aimed(into, table)
        return aim

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on bit for bit, the opponent's memory too."""
        return {
            "court": self.court.state_dict(),
            "referee": self.referee.state_dict(),
            "time_s": self.time_s.copy(),
            "touched": self.touched.copy(),
            "shot": self._shot.copy(),
            "opponent": self.opponent.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state_dict` gave."""
        self.court.load_state_dict(state["court"])
        self.referee.load_state_dict(state["referee"])
        self.time_s, self.touched = np.array(state["time_s"]), np.array(state["touched"])
        self._shot = np.array(state["shot"])
        self.opponent.load_state_dict(state["opponent"])
