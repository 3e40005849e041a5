"""Penalty shots as a task: the striker's whole stroke, against a keeper that it can't see.

The keeper has chosen one of its places before the stroke and stays there. It learns, from all the shots of all tables,
which places would have saved them, so whoever shoots predictably is found out. The reward of a shot is its chance
against the keeper's present mix, not the outcome against one drawn place, which would only add noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.skill.hockey import hockey_without
from sim.hockey.config import HockeyConfig
from sim.hockey.court import Court
from sim.hockey.keeper_memory import KeeperMemory, scores_past
from sim.hockey.paths import crossing
from sim.hockey.penalty import PenaltyConfig, guard_places
from sim.hockey.state import AWAY, HOME, Array, TableState
from sim.hockey.task import Outcome, aimed, approach, effort, make_table

PRIVILEGED_SCALE = np.array([0.5, 0.5, 1.0, 1.0, 30.0, 0.1, 0.1, 0.5], dtype=np.float32)
"""Of the true place, velocity and spin of the puck, its place seen from the mallet, and the share of time left."""


class PenaltyTask:
    """n penalty shots at a time; see `HockeyTask`, whose methods it has.

    Args:
        config: with task `penalty`.
        n: how many.
        mix: (63,) chances of the keeper's places, which then learns nothing; None for one that learns.

    Raises:
        ConfigError: no robot of the name in the settings, where arms hold the mallets.
    """

    privileged_scale = PRIVILEGED_SCALE

    def __init__(self, config: HockeyConfig, n: int, mix: Array | None = None) -> None:
        self.config, self.n = config, n
        self.guards = guard_places(config.table, PenaltyConfig())
        shootout = config.shootout
        self.keeper = KeeperMemory(len(self.guards), shootout.memory_shots, shootout.keeper_temperature)
        self._mix = mix
        self.shot: NDArray[np.intp] = np.zeros(0, dtype=np.intp)
        """The tables whose puck came over the middle in the latest step."""
        self.shots = TableState.at_rest(0, config.table)
        """Those tables, as it did so."""
        self.court = Court(make_table(config, n), config.sensing, 0)
        self.time_s, self._touched = np.zeros(n), np.zeros(n, dtype=bool)
        self._generator = np.random.default_rng(0)

    @property
    def state(self) -> TableState:
        """Of the tables."""
        return self.court.table.state

    def seed(self, seed: int) -> None:
        """Begin the noise of the senses again, against a keeper that knows nothing yet."""
        self.keeper.forget()
        self.court.seed(seed)
        self._generator = np.random.default_rng((seed, 1))

    def begin(self, index: NDArray[np.intp], names: Sequence[tuple[int, ...]]) -> None:
        """Begin shots at the places `index`, all of them alike, whatever their names."""
        start = TableState.at_rest(len(index), self.config.table)
        start.puck[:, 0] = self.config.shootout.spot_x_m
        start.mallets[:, HOME] = self.config.shootout.mallet_x_m, 0.0
        # Out of the way: the keeper is counted with, not played.
        start.mallets[:, AWAY] = -self.config.table.mallet.zone_x_m[0], self.config.table.mallet.zone_y_m[1]
        start.targets[...] = start.mallets
        self.court.begin(start, index)
        self.time_s[index], self._touched[index] = 0.0, False

    def observe(self) -> NDArray[np.float32]:
        """(n, 75) of the striker, who does not see the keeper."""
        return hockey_without(self.court.observation[:, HOME], "opponent_position")

    def privileged(self) -> NDArray[np.float32]:
        """(n, 8) the truth, see `PRIVILEGED_SCALE`."""
        state = self.state
        left = 1.0 - self.time_s / self.config.time_limit_s
        parts = [
            state.puck,
            state.puck_velocity,
            state.spin[:, None],
            state.puck - state.mallets[:, HOME],
            left[:, None],
        ]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def advance(self, action: NDArray[Any]) -> Outcome:
        """One control period with the striker's actions (n, 2) in [-1, 1]."""
        action = np.clip(np.asarray(action, dtype=np.float64), -1.0, 1.0)
        both = np.zeros((self.n, 2, 2))
        both[:, HOME] = action
        before = self.court.previous_action[:, HOME]
        happened = self.court.step(both)
        self.time_s += self.config.table.control_period_s
        self._touched |= happened.touched[:, HOME]
        shot = self._touched & (self.state.puck[:, 0] > 0.0)
        chance, aim, success = self._judge(shot)
        failure = (shot | (happened.goal != 0)) & ~success
        timeout = (self.time_s >= self.config.time_limit_s - 1e-9) & ~(success | failure)
        reward = self.config.reward
        terms = {
            "goal": reward.goal * chance,
            "aim": reward.aim * aim,
            "approach": approach(reward, self.state) * ~self._touched,
            **effort(reward, action, before),
        }
        total = np.sum(list(terms.values()), axis=0)
        return Outcome(total, terms, success, failure, timeout, drawn=np.zeros(self.n, dtype=bool))

    def _judge(self, shot: NDArray[np.bool_]) -> tuple[Array, Array, NDArray[np.bool_]]:
        """Of the shots (n,) that have come over the middle: chance and aim, and which go in past a drawn place."""
        index = self.shot = np.flatnonzero(shot)
        self.shots = self.state.of(index)
        chance, aim, scored = np.zeros(self.n), np.zeros(self.n), np.zeros(self.n, dtype=bool)
        if index.size:
            table, ahead = self.config.table, (self.shots.puck, self.shots.puck_velocity, self.shots.spin)
            past = scores_past(*ahead, self.guards, table)
            aim[index] = aimed(crossing(*ahead, 0.5 * table.length_m, table).y, table)
            mix = self.keeper.mix() if self._mix is None else self._mix
            chance[index] = past @ mix
            drawn = self._generator.choice(len(mix), size=len(index), p=mix)
            scored[index] = past[np.arange(len(index)), drawn]
            self.keeper.see(past)
        return chance, aim, scored

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on bit for bit."""
        return {
            "court": self.court.state_dict(),
            "keeper": self.keeper.state_dict(),
            "time_s": self.time_s.copy(),
            "touched": self._touched.copy(),
            "generator": self._generator.bit_generator.state,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state_dict` gave."""
        self.court.load_state_dict(state["court"])
        self.keeper.load_state_dict(state["keeper"])
        self.time_s, self._touched = np.array(state["time_s"]), np.array(state["touched"])
        self._generator.bit_generator.state = state["generator"]
