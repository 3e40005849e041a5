"""How episodes begin: shots on goal, pucks to be struck, face-offs. All for the home player."""

from __future__ import annotations

import numpy as np

from sim.hockey.config import Range, TableConfig
from sim.hockey.paths import crossing
from sim.hockey.state import AWAY, HOME, TableState

_CANDIDATES = 64
_SERVICES = 200
_CLEAR_M = 0.03
"""Between the edges of a served puck and of a mallet."""

_STEEPEST = 1.25
"""Of a shot against the axis of the table [rad]."""

_SPIN_MAX = 10.0
"""Of a launched puck [rad/s], as in the Robot Air Hockey Challenge."""


def fixed_shots(config: TableConfig, n: int, seed: int) -> TableState:
    """n shots of 1 to 6 m/s from the home half, straight and off the rims, past a mallet at rest: to compare tables."""
    generator = np.random.default_rng(seed)
    state = TableState.at_rest(n, config)
    state.mallets[:, HOME] = config.mallet.zone_x_m[0], 0.0
    state.targets[...] = state.mallets
    y_max = 0.5 * config.width_m - 3.0 * config.puck.radius_m
    state.puck[...] = generator.uniform((-0.5, -y_max), (0.1, y_max), (n, 2))
    angle = generator.uniform(-1.2, 1.2, n)
    state.puck_velocity[...] = generator.uniform(1.0, 6.0, n)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    state.spin[...] = generator.uniform(-_SPIN_MAX, _SPIN_MAX, n)
    return state


def rest(config: TableConfig, generator: np.random.Generator) -> TableState:
    """One table with both mallets at rest somewhere in their zones, held by arms of any weight."""
    state = TableState.at_rest(1, config)
    low, high = np.array([config.mallet.zone_x_m, config.mallet.zone_y_m]).T
    state.mallets[0, HOME] = generator.uniform(low, high)
    state.mallets[0, AWAY] = -generator.uniform(low, high)
    state.targets[...] = state.mallets
    if config.mallet.spread > 1.0:
        state.arm_factors[...] = config.mallet.spread ** generator.uniform(-1.0, 1.0, (1, 2, 2))
    return state


def shot_on_goal(config: TableConfig, speed_m_s: Range, generator: np.random.Generator) -> TableState:
    """A puck from the away half that goes into the home goal if nobody stops it, straight or off the long rims.

    The mallets rest, the home player's near its goal and the away player's at the back.
    """
    state = rest(config, generator)
    back_x = config.mallet.zone_x_m[0]
    state.mallets[0, HOME] = back_x + generator.uniform(0.0, 0.1), generator.uniform(-0.1, 0.1)
    state.mallets[0, AWAY, 0] = -back_x
    state.targets[...] = state.mallets
    n = _CANDIDATES
    y_max = 0.5 * config.width_m - 2.0 * config.puck.radius_m
    position = generator.uniform((0.1, -y_max), (0.6, y_max), (n, 2))
    angle = generator.uniform(-_STEEPEST, _STEEPEST, n)
    velocity = -generator.uniform(*speed_m_s, n)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    spin = generator.uniform(-_SPIN_MAX, _SPIN_MAX, n)
    path = crossing(position, velocity, spin, -0.5 * config.length_m, config)
    # The nearer post has to stay beside the path, which may come in at an angle.
    with np.errstate(invalid="ignore"):
        on_goal = (0.5 * config.goal_width_m - np.abs(path.y)) * path.steepness > config.puck.radius_m
    chosen = int(np.argmax(on_goal))
    if not on_goal.any():
        position[chosen], velocity[chosen] = (0.4, 0.0), (-speed_m_s[0], 0.0)
        spin[chosen] = 0.0
    state.puck[0], state.puck_velocity[0], state.spin[0] = position[chosen], velocity[chosen], spin[chosen]
    return state


def puck_in_reach(config: TableConfig, side: int, generator: np.random.Generator) -> TableState:
    """A resting puck before the player of `side` (1: home, -1: away), both mallets behind it in their zones."""
    state = rest(config, generator)
    (low_x, high_x), (low_y, high_y) = config.mallet.zone_x_m, config.mallet.zone_y_m
    touch = config.touch_m
    puck = generator.uniform(*_where_it_can_be_struck(config))
    state.puck[0] = side * puck
    for player, sign in ((HOME, 1.0), (AWAY, -1.0)):
        behind = low_x, min(high_x, puck[0] - touch - 0.02) if sign == side else low_x + 0.15
        state.mallets[0, player] = sign * np.array([generator.uniform(*behind), generator.uniform(low_y, high_y)])
    state.targets[...] = state.mallets
    return state


def serve(state: TableState, side: int, config: TableConfig, generator: np.random.Generator) -> TableState:
    """The table with its puck at rest in reach of a player, and before its mallet where there is room; mallets stay.

    Args:
        state: of one table; it is not changed.
        side: who begins, 1: home, -1: away.
        config: of the table.
        generator: that the place is drawn from.
    """
    own = side * state.mallets[0, HOME if side == 1 else AWAY]
    apart_m = config.touch_m + _CLEAR_M
    places = generator.uniform(*_where_it_can_be_struck(config), (_SERVICES, 2))
    before = places[:, 0] > own[0] + apart_m
    rank = before.astype(int) + (np.linalg.norm(places - own, axis=1) > apart_m)
    served = state.copy()
    served.puck[0] = side * places[int(np.argmax(rank))]
    served.puck_velocity[0], served.spin[0] = 0.0, 0.0
    return served


def _where_it_can_be_struck(config: TableConfig) -> tuple[tuple[float, float], tuple[float, float]]:
    """Least and greatest place of a resting puck that a mallet can get behind, for the home player [m]."""
    (low_x, high_x), (low_y, high_y) = config.mallet.zone_x_m, config.mallet.zone_y_m
    return (low_x + 2.0 * config.touch_m, 0.9 * low_y), (high_x, 0.9 * high_y)
