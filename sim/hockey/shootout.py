"""Penalty shots as the learner's vector environment: the striker's whole stroke, against a keeper that it can't see.

The keeper has chosen one of its places before the stroke and stays there. It learns, from all the shots of all tables,
which places would have saved them, so whoever shoots predictably is found out. The reward of a shot is its chance
against the keeper's present mix, not the outcome against one drawn place, which would only add noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.learning.environment import EpisodeSummary, Spaces, StepResult
from maxent_robot.skill.hockey import HOCKEY_AXES, hockey_scale, hockey_without
from sim.episode_ledger import EpisodeLedger
from sim.hockey.config import HockeyConfig
from sim.hockey.court import Court
from sim.hockey.keeper_memory import KeeperMemory, scores_past
from sim.hockey.paths import crossing
from sim.hockey.penalty import PenaltyConfig, guard_places
from sim.hockey.planar import PlanarTable
from sim.hockey.state import AWAY, HOME, Array, TableState
from sim.hockey.striker import Striker

PRIVILEGED_SCALE = np.array([0.5, 0.5, 1.0, 1.0, 30.0, 0.1, 0.1, 0.5], dtype=np.float32)
"""Of the true place, velocity and spin of the puck, its place seen from the mallet, and the share of time left."""


class VectorShootout:
    """`num_envs` penalty shots at a time; a finished one is followed by the next in the same step.

    Args:
        config: with task `penalty`.
        num_envs: how many.
        mix: (63,) chances of the keeper's places, which then learns nothing; None for one that learns.
    """

    def __init__(self, config: HockeyConfig, num_envs: int, mix: Array | None = None) -> None:
        self.config, self.num_envs = config, num_envs
        self.spaces = Spaces(hockey_scale(), PRIVILEGED_SCALE, len(HOCKEY_AXES))
        self.guards = guard_places(config.table, PenaltyConfig())
        shootout = config.shootout
        self.keeper = KeeperMemory(len(self.guards), shootout.memory_shots, shootout.keeper_temperature)
        self._mix = mix
        self.shot: NDArray[np.intp] = np.zeros(0, dtype=np.intp)
        """The tables whose puck came over the middle in the latest step."""
        self.shots = TableState.at_rest(0, config.table)
        """Those tables, as it did so."""
        self._court = Court(PlanarTable(config.table, num_envs), config.sensing, 0)
        self._ledger = EpisodeLedger(num_envs)
        self._time_s, self._touched = np.zeros(num_envs), np.zeros(num_envs, dtype=bool)
        self._generator = np.random.default_rng(0)
        self._pending: NDArray[np.float32] | None = None

    def reset(self, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Begin the first shots of `seed`, against a keeper that knows nothing yet.

        Returns observation and privileged vector, (n, size) float32.
        """
        self.keeper.conceded[...] = 0.0
        self._ledger.reset(seed)
        self._court.seed(seed)
        self._generator = np.random.default_rng((seed, 1))
        self._begin(np.arange(self.num_envs))
        return self._observe(), self._privileged()

    def step_begin(self, action: NDArray[np.float32]) -> None:
        """Take note of the actions; the tables are stepped by `step_end`."""
        assert self._pending is None, "step_begin before step_end of the last step"
        self._pending = np.array(action, dtype=np.float32)

    def step_end(self) -> StepResult:
        """Step all tables."""
        assert self._pending is not None, "step_end without step_begin"
        action, self._pending = np.clip(self._pending.astype(np.float64), -1.0, 1.0), None
        both = np.zeros((self.num_envs, 2, 2))
        both[:, HOME] = action
        before = self._court.previous_action[:, HOME].copy()
        happened = self._court.step(both)
        self._time_s += self.config.table.control_period_s
        self._touched |= happened.touched[:, HOME]
        chance, aim, scored, shot = self._shots()
        terms = self._terms(action, before, chance, aim)
        reward = np.sum(list(terms.values()), axis=0)
        self._ledger.count(reward, terms)
        terminated = shot | (happened.goal != 0)
        truncated = (self._time_s >= self.config.time_limit_s - 1e-9) & ~terminated
        done = np.flatnonzero(terminated | truncated)
        episodes = [self._summary(int(index), bool(scored[index])) for index in done]
        observation, privileged = self._observe(), self._privileged()
        final_observation, final_privileged = observation.copy(), privileged.copy()
        if done.size:
            self._ledger.begin_next(done)
            self._begin(done)
            observation, privileged = self._observe(), self._privileged()
        return StepResult(
            observation=observation,
            privileged=privileged,
            reward=reward.astype(np.float32),
            cost=np.zeros(self.num_envs, dtype=np.float32),
            terminated=terminated,
            truncated=truncated,
            final_observation=final_observation,
            final_privileged=final_privileged,
            episodes=episodes,
        )

    def script(self) -> Striker:
        """The striker written by hand, which sees the keeper in the middle of the table and shoots past it."""
        return Striker(self.config.table, self.num_envs)

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on bit for bit, between two steps."""
        return {
            "court": self._court.state_dict(),
            "keeper": self.keeper.state_dict(),
            "time_s": self._time_s.copy(),
            "touched": self._touched.copy(),
            "generator": self._generator.bit_generator.state,
            **self._ledger.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to a state given by `state_dict`."""
        self._court.load_state_dict(state["court"])
        self.keeper.load_state_dict(state["keeper"])
        self._time_s, self._touched = np.array(state["time_s"]), np.array(state["touched"])
        self._generator.bit_generator.state = state["generator"]
        self._ledger.load_state_dict(state)

    def close(self) -> None:
        """It has no threads."""

    def _begin(self, index: NDArray[np.intp]) -> None:
        start = TableState.at_rest(len(index), self.config.table)
        start.puck[:, 0] = self.config.shootout.spot_x_m
        start.mallets[:, HOME] = self.config.shootout.mallet_x_m, 0.0
        # Out of the way: the keeper is counted with, not played.
        start.mallets[:, AWAY] = self.config.table.mallet.zone_x_m[0] * -1.0, self.config.table.mallet.zone_y_m[1]
        start.targets[...] = start.mallets
        self._court.begin(start, index)
        self._time_s[index], self._touched[index] = 0.0, False

    def _observe(self) -> NDArray[np.float32]:
        return hockey_without(self._court.observation[:, HOME], "opponent_position")

    def _privileged(self) -> NDArray[np.float32]:
        state = self._court.table.state
        left = 1.0 - self._time_s / self.config.time_limit_s
        parts = [
            state.puck,
            state.puck_velocity,
            state.spin[:, None],
            state.puck - state.mallets[:, HOME],
            left[:, None],
        ]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def _shots(self) -> tuple[Array, Array, NDArray[np.bool_], NDArray[np.bool_]]:
        """Of the shots that have come over the middle: the chance (n,), the aim (n,), which of them go in past a drawn
        place, and which there are."""
        state = self._court.table.state
        shot = self._touched & (state.puck[:, 0] > 0.0)
        index = self.shot = np.flatnonzero(shot)
        self.shots = state.of(index)
        chance, aim = np.zeros(self.num_envs), np.zeros(self.num_envs)
        scored = np.zeros(self.num_envs, dtype=bool)
        if index.size:
            table, ahead = self.config.table, (self.shots.puck, self.shots.puck_velocity, self.shots.spin)
            past = scores_past(*ahead, self.guards, table)
            into = crossing(*ahead, 0.5 * table.length_m, table).y
            aim[index] = np.nan_to_num(np.exp(-np.abs(into) / table.goal_width_m))
            mix = self.keeper.mix() if self._mix is None else self._mix
            chance[index] = past @ mix
            drawn = self._generator.choice(len(mix), size=len(index), p=mix)
            scored[index] = past[np.arange(len(index)), drawn]
            self.keeper.see(past)
        return chance, aim, scored, shot

    def _terms(self, action: Array, before: Array, chance: Array, aim: Array) -> dict[str, Array]:
        reward, state = self.config.reward, self._court.table.state
        distance = np.linalg.norm(state.mallets[:, HOME] - state.puck, axis=1)
        return {
            "goal": reward.goal * chance,
            "aim": reward.aim * aim,
            "approach": -reward.approach * (distance / 0.3) * ~self._touched,
            "action": -reward.action * (action**2).mean(axis=1),
            "jerk": -reward.jerk * ((action - before) ** 2).mean(axis=1),
        }

    def _summary(self, index: int, success: bool) -> EpisodeSummary:
        return EpisodeSummary(
            success=success,
            time_s=float(self._time_s[index]),
            peak_force_n=0.0,
            episode_return=float(self._ledger.returns[index]),
            length=int(self._ledger.lengths[index]),
            easy=False,
            reward_terms=self._ledger.terms(index),
        )
