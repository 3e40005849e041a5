"""Where a puck is put for a player to begin with, while the mallets stay where they are."""

from __future__ import annotations

import numpy as np

from sim.hockey.config import TableConfig
from sim.hockey.state import AWAY, HOME, TableState

_CANDIDATES = 200
_CLEAR_M = 0.03
"""Between the edges of the puck and of a mallet."""


def serve(state: TableState, side: int, config: TableConfig, generator: np.random.Generator) -> TableState:
    """The table with its puck at rest in reach of a player, and before its mallet where there is room.

    Args:
        state: of one table; it is not changed.
        side: who begins.
        config: of the table.
        generator: that the place is drawn from.
    """
    (low_x, high_x), (low_y, high_y) = config.mallet.zone_x_m, config.mallet.zone_y_m
    touch = config.touch_m
    low, high = (low_x + 2.0 * touch, 0.9 * low_y), (high_x, 0.9 * high_y)
    own = side * state.mallets[0, HOME if side == 1 else AWAY]
    places = generator.uniform(low, high, (_CANDIDATES, 2))
    away_from = np.linalg.norm(places - own, axis=1)
    before = places[:, 0] > own[0] + touch + _CLEAR_M
    rank = np.where(before, 1.0, 0.0) + (away_from > touch + _CLEAR_M)
    served = state.copy()
    served.puck[0] = side * places[int(np.argmax(rank))]
    served.puck_velocity[0], served.spin[0] = 0.0, 0.0
    return served
