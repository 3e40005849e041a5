"""Matches to n goals between two players, many at a time, by the rules of the Robot Air Hockey Challenge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.hockey.config import HockeyConfig
from sim.hockey.court import Court
from sim.hockey.launches import puck_in_reach
from sim.hockey.players import Player
from sim.hockey.rules import Referee
from sim.hockey.state import AWAY, HOME, Array, TableState
from sim.hockey.task import make_table

Progress = Callable[[int], None]
"""Called with the number of finished matches."""


@dataclass(frozen=True)
class MatchTable:
    """One row a match.

    Attributes:
        goals: (matches, 2) of the home and of the away player, those for faults among them.
        faults: (matches, 2) of each.
        time_s: (matches,) of play.
    """

    goals: NDArray[np.int64]
    faults: NDArray[np.int64]
    time_s: Array

    @property
    def won(self) -> NDArray[np.bool_]:
        """(matches,) whether the home player has more goals."""
        return np.asarray(self.goals[:, HOME] > self.goals[:, AWAY])

    @property
    def lost(self) -> NDArray[np.bool_]:
        """(matches,) whether the away player has more goals."""
        return np.asarray(self.goals[:, HOME] < self.goals[:, AWAY])


def play_matches(
    config: HockeyConfig,
    home: Player,
    away: Player,
    matches: int,
    seed: int,
    *,
    goals_to_win: int = 5,
    time_limit_s: float = 300.0,
    progress: Progress | None = None,
) -> MatchTable:
    """Play `matches` at once, each until one has `goals_to_win` or the time is up.

    Who has conceded, or has not made the fault, begins with the puck; who begins at all is drawn.

    Args:
        home, away: for as many games.
    """
    court = Court(make_table(config, matches), config.sensing, seed)
    referee = Referee(config.rules, config.table, matches)
    generator = np.random.default_rng([seed, 1])
    goals, faults = np.zeros((matches, 2), dtype=np.int64), np.zeros((matches, 2), dtype=np.int64)
    time_s, playing = np.zeros(matches), np.ones(matches, dtype=bool)

    def face_off(index: NDArray[np.intp], side: NDArray[np.intp]) -> None:
        starts = [puck_in_reach(config.table, int(one), generator) for one in side]
        court.begin(TableState.joined(starts), index)
        referee.begin(index)

    home.reset()
    away.reset()
    face_off(np.arange(matches), generator.choice((1, -1), size=matches))
    while playing.any():
        action = np.stack([home(court.observation[:, HOME]), away(court.observation[:, AWAY])], axis=1)
        happened = court.step(action)
        call = referee.watch(court.table.state)
        time_s[playing] += config.table.control_period_s
        goals[:, HOME] += playing & (happened.goal == 1)
        goals[:, AWAY] += playing & (happened.goal == -1)
        for player, sign in ((HOME, 1), (AWAY, -1)):
            at_fault = playing & (call.fault == sign)
            faults[:, player] += at_fault
            goals[:, 1 - player] += at_fault & (faults[:, player] % config.rules.faults_for_goal == 0)
        over = (happened.goal != 0) | (call.fault != 0) | call.stuck
        index = np.flatnonzero(over)
        if index.size:
            # A goal of the home player, or a fault of it, gives the puck to the other side.
            drawn = generator.choice((1, -1), size=len(index))
            decided = happened.goal[index] + call.fault[index]
            face_off(index, np.where(decided == 0, drawn, -np.sign(decided)))
        ended = playing & ((goals.max(axis=1) >= goals_to_win) | (time_s >= time_limit_s - 1e-9))
        if ended.any():
            playing &= ~ended
            if progress is not None:
                progress(int(matches - playing.sum()))
    return MatchTable(goals, faults, time_s)
