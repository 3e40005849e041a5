"""The best shot at each beginning of task `hit`, by trying them all: what a striker could reach at most, or nearly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maxent_robot.config import setting
from maxent_robot.skill.hockey import HOCKEY_MAXIMUM
from sim.hockey.config import TableConfig
from sim.hockey.shots import shots_that_score
from sim.hockey.state import Array, TableState


@dataclass(frozen=True)
class ShotSearch:
    """Which shots are tried."""

    directions: int = setting(51, minimum=2, maximum=1000, doc="evenly spaced")
    widest_deg: float = setting(75.0, unit="deg", minimum=1.0, maximum=89.0, doc="to either side")
    direction_noise_deg: float = setting(0.5, unit="deg", minimum=0.0, maximum=20.0, doc="std, of the stroke")
    repeats: int = setting(8, minimum=1, maximum=1000, doc="of each direction")
    time_limit_s: float = setting(6.0, unit="s", minimum=0.5, maximum=10.0)


@dataclass(frozen=True)
class BestShots:
    """For each of n beginnings.

    Attributes:
        direction_deg: (n,) of the best shot, to the left of the axis of the table.
        chance: (n,) share of its repeats that went in; a fresh count, not the one by which it was chosen.
    """

    direction_deg: Array
    chance: Array


def best_shots(table: TableConfig, starts: Sequence[TableState], search: ShotSearch, seed: int) -> BestShots:
    """Try every direction from every beginning, the away mallet standing where it is."""
    generator = np.random.default_rng(seed)
    grid = np.linspace(-search.widest_deg, search.widest_deg, search.directions)
    chosen, chance = np.zeros(len(starts)), np.zeros(len(starts))
    for number, start in enumerate(starts):
        chosen[number] = grid[_count(table, start, grid, search, generator).argmax()]
        chance[number] = _count(table, start, chosen[number : number + 1], search, generator)[0]
    return BestShots(chosen, chance)


def struck_speed(table: TableConfig, direction_deg: Array) -> Array:
    """Speed (n,) [m/s] of a resting puck after a stroke along directions (n,) at the greatest velocity of a target."""
    angle = np.radians(direction_deg)
    way = np.abs(np.stack([np.cos(angle), np.sin(angle)], axis=-1))
    fastest = (HOCKEY_MAXIMUM / np.maximum(way, 1e-9)).min(axis=-1)
    return np.asarray((1.0 + table.restitution_mallet) * fastest)


def _count(
    table: TableConfig,
    start: TableState,
    directions_deg: NDArray[np.float64],
    search: ShotSearch,
    generator: np.random.Generator,
) -> Array:
    """Share of goals of each direction."""
    n = len(directions_deg) * search.repeats
    state = TableState(**{name: np.repeat(value, n, axis=0) for name, value in start.as_dict().items()})
    noise_deg = search.direction_noise_deg * generator.standard_normal(n)
    direction = np.repeat(directions_deg, search.repeats) + noise_deg
    goal = shots_that_score(table, state, direction, struck_speed(table, direction), search.time_limit_s)
    return goal.reshape(len(directions_deg), search.repeats).mean(axis=1)
