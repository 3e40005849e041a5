"""Shots at a goal: which of many go in, the home mallet out of the way and the away mallet standing where it is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sim.hockey.config import TableConfig
from sim.hockey.planar import PlanarTable
from sim.hockey.state import AWAY, HOME, Array, Happened, TableState

_FLIGHT_S = 5.0
"""For which a shot past guards is followed."""

_TOGETHER = 64
"""Shots that are played at the same time, each past all of the guards."""


def shots_that_score(
    table: TableConfig, state: TableState, direction_deg: Array, speed_m_s: float | Array, time_limit_s: float
) -> NDArray[np.bool_]:
    """Shoot the pucks of n tables; which go into the away goal, (n,).

    Args:
        table: of all of them.
        state: of n tables; velocities of pucks, the home mallets and the targets are set here.
        direction_deg: (n,) to the left of the axis of the table.
        speed_m_s: of the pucks, or (n,) of each.
        time_limit_s: for which they are followed.
    """
    n = len(direction_deg)
    angle = np.radians(direction_deg)
    state.puck_velocity[:] = np.reshape(speed_m_s, (-1, 1)) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    goal = np.zeros(n, dtype=bool)
    for happened, _ in _flight(table, state, time_limit_s):
        goal |= happened.goal == 1
    return goal


def played_past(puck: Array, velocity: Array, spin: Array, guards: Array, table: TableConfig) -> NDArray[np.bool_]:
    """What `keeper_memory.scores_past` says in closed form, played on the table; arguments and result as there.

    A shot is over once the mallet has touched it or it comes back.
    """
    count, found = len(guards), []
    for first in range(0, len(spin), _TOGETHER):
        part = slice(first, first + _TOGETHER)
        n = len(spin[part])
        state = TableState.at_rest(n * count, table)
        state.puck[...] = np.repeat(puck[part], count, axis=0)
        state.puck_velocity[...] = np.repeat(velocity[part], count, axis=0)
        state.spin[...] = np.repeat(spin[part], count)
        state.mallets[:, AWAY] = np.tile(guards, (n, 1))
        goal, over = np.zeros(n * count, dtype=bool), state.puck_velocity[:, 0] <= 0.0
        for happened, now in _flight(table, state, _FLIGHT_S):
            goal |= (happened.goal == 1) & ~over
            over |= (happened.goal != 0) | happened.touched[:, AWAY] | (now.puck_velocity[:, 0] <= 0.0)
            if over.all():
                break
        found.append(goal.reshape(n, count))
    return np.concatenate(found)


def _flight(table: TableConfig, state: TableState, time_limit_s: float) -> Iterator[tuple[Happened, TableState]]:
    """Let the tables go on from `state`, the home mallets out of the way: what happens a period, and where all is."""
    state.mallets[:, HOME] = table.mallet.zone_x_m[0], table.mallet.zone_y_m[0]
    state.targets[...] = state.mallets
    played = PlanarTable(table, len(state.spin))
    played.place(state)
    still = np.zeros((played.n, 2, 2))
    for _ in range(round(time_limit_s / table.control_period_s)):
        yield played.step(still), played.state
