"""The penalty shot as a matrix game: the striker chooses a direction, the keeper a place, before either sees the other.

Payoffs are chances of a goal, counted on the table itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maxent_robot.config import setting
from sim.hockey.config import TableConfig
from sim.hockey.shots import shots_that_score
from sim.hockey.state import AWAY, Array, TableState


@dataclass(frozen=True)
class PenaltyConfig:
    """The shots, the guards and what is left to chance."""

    directions: int = setting(45, minimum=2, maximum=200, doc="of shots, evenly spaced")
    widest_deg: float = setting(66.0, unit="deg", minimum=1.0, maximum=85.0, doc="to either side")
    speed_m_s: float = setting(2.5, unit="m/s", minimum=0.5, maximum=10.0)
    spot_x_m: float = setting(-0.4, unit="m", doc="of the puck, on the axis of the table")
    guard_lines_m: tuple[float, ...] = setting((0.48, 0.65, 0.82), unit="m", doc="where the keeper may stand, x")
    guard_places: int = setting(21, minimum=1, maximum=200, doc="on each line, evenly spaced over its zone")
    direction_noise_deg: float = setting(1.0, unit="deg", minimum=0.0, maximum=20.0, doc="std")
    repeats: int = setting(16, minimum=1, maximum=1000, doc="shots behind each payoff")
    time_limit_s: float = setting(1.5, unit="s", minimum=0.5, maximum=5.0)


@dataclass(frozen=True)
class PenaltyGame:
    """What a shot in a direction gives against a guard.

    Attributes:
        directions_deg: (R,) of the shots, to the left of the axis.
        guards_m: (C, 2) places of the keeper's mallet, in frame `table`.
        payoff: (R, C) share of the shots that go in.
    """

    directions_deg: Array
    guards_m: Array
    payoff: Array


def guard_places(table: TableConfig, config: PenaltyConfig) -> Array:
    """Where a keeper may stand, (C, 2) in frame `table` [m]."""
    y = np.linspace(*table.mallet.zone_y_m, config.guard_places)
    return np.array([(line, place) for line in config.guard_lines_m for place in y])


def penalty_game(table: TableConfig, config: PenaltyConfig, seed: int) -> PenaltyGame:
    """Play every shot against every guard."""
    generator = np.random.default_rng(seed)
    directions = np.linspace(-config.widest_deg, config.widest_deg, config.directions)
    guards = guard_places(table, config)
    payoff = np.array([_goals(table, config, direction, guards, generator) for direction in directions])
    return PenaltyGame(directions, guards, payoff)


def _goals(
    table: TableConfig, config: PenaltyConfig, direction_deg: float, guards: Array, generator: np.random.Generator
) -> NDArray[np.float64]:
    n = len(guards) * config.repeats
    state = TableState.at_rest(n, table)
    state.puck[:] = config.spot_x_m, 0.0
    state.mallets[:, AWAY] = np.repeat(guards, config.repeats, axis=0)
    direction = direction_deg + config.direction_noise_deg * generator.standard_normal(n)
    goal = shots_that_score(table, state, direction, config.speed_m_s, config.time_limit_s)
    return goal.reshape(len(guards), config.repeats).mean(axis=1)
