"""Shots at a goal: which of many go in, the home mallet out of the way and the away mallet standing where it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim.hockey.config import TableConfig
from sim.hockey.planar import PlanarTable
from sim.hockey.state import HOME, Array, TableState


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
    state.mallets[:, HOME] = table.mallet.zone_x_m[0], table.mallet.zone_y_m[0]
    state.targets[...] = state.mallets
    played = PlanarTable(table, n)
    played.place(state)
    goal = np.zeros(n, dtype=bool)
    for _ in range(round(time_limit_s / table.control_period_s)):
        goal |= played.step(np.zeros((n, 2, 2))).goal == 1
    return goal
