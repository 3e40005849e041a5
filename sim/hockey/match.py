"""Matches to n goals between two players, many at a time, by the rules of the Robot Air Hockey Challenge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.hockey.config import HockeyConfig, Rules
from sim.hockey.court import Court
from sim.hockey.launches import puck_in_reach
from sim.hockey.players import Player
from sim.hockey.rules import Referee
from sim.hockey.state import AWAY, HOME, Array, TableState
from sim.hockey.task import make_table

Progress = Callable[[int], None]
"""Called with the number of finished matches."""


class Scoreboard:
    """Goals and faults of n matches.

    Args:
        rules: how many faults are a goal for the other player.
        n: matches.

    Attributes:
        goals: (n, 2) of the home and of the away player, those for faults among them.
        faults: (n, 2) of each.
    """

    def __init__(self, rules: Rules, n: int) -> None:
        self._rules = rules
        self.goals, self.faults = np.zeros((n, 2), dtype=np.int64), np.zeros((n, 2), dtype=np.int64)

    def count(self, goal: NDArray[np.int8], fault: NDArray[np.int8], playing: NDArray[np.bool_]) -> None:
        """Count what has happened in a control period, in the matches that are `playing`.

        Args:
            goal: (n,) 1 if the home player scored, -1 if the away player did, else 0.
            fault: (n,) 1 against the home player, -1 against the away player, else 0.
            playing: (n,).
        """
        for player, sign in ((HOME, 1), (AWAY, -1)):
            self.goals[:, player] += playing & (goal == sign)
            at_fault = playing & (fault == sign)
            self.faults[:, player] += at_fault
            self.goals[:, 1 - player] += at_fault & (self.faults[:, player] % self._rules.faults_for_goal == 0)


def next_to_serve(goal: NDArray[np.int8], fault: NDArray[np.int8], generator: np.random.Generator) -> NDArray[np.int8]:
    """Who begins the next rally, (n,) 1 home, -1 away: who conceded or did not make the fault; else it is drawn."""
    drawn = generator.choice((1, -1), size=len(goal))
    decided = goal + fault
    return np.where(decided == 0, drawn, -np.sign(decided)).astype(np.int8)


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
    board = Scoreboard(config.rules, matches)
    time_s, playing = np.zeros(matches), np.ones(matches, dtype=bool)

    def face_off(index: NDArray[np.intp], side: NDArray[np.int8]) -> None:
        starts = [puck_in_reach(config.table, int(one), generator) for one in side]
        court.begin(TableState.joined(starts), index)
        referee.begin(index)

    home.reset()
    away.reset()
    nothing = np.zeros(matches, dtype=np.int8)
    face_off(np.arange(matches), next_to_serve(nothing, nothing, generator))
    while playing.any():
        action = np.stack([home(court.observation[:, HOME]), away(court.observation[:, AWAY])], axis=1)
        happened = court.step(action)
        call = referee.watch(court.table.state)
        time_s[playing] += config.table.control_period_s
        board.count(happened.goal, call.fault, playing)
        over = (happened.goal != 0) | (call.fault != 0) | call.stuck
        index = np.flatnonzero(over)
        if index.size:
            face_off(index, next_to_serve(happened.goal[index], call.fault[index], generator))
        ended = playing & ((board.goals.max(axis=1) >= goals_to_win) | (time_s >= time_limit_s - 1e-9))
        if ended.any():
            playing &= ~ended
            if progress is not None:
                progress(int(matches - playing.sum()))
    return MatchTable(board.goals, board.faults, time_s)
