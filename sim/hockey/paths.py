"""Where a free puck goes, with its bounces, in closed form: for players that look ahead and for launching shots.

Drag that is proportional to the velocity leaves the path as it is and makes speed fall with its length, so a path is
straight from rim to rim. Posts and mallets are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.hockey.config import TableConfig
from sim.hockey.impact import disk_impulse
from sim.hockey.state import Array

MOST_BOUNCES = 4
_SLOWEST = 0.05
"""Speed [m/s] below which a puck is not followed."""


@dataclass(frozen=True)
class Crossing:
    """Where paths cross a line across the table.

    Attributes:
        y: (n,) [m]; NaN for a path that does not come there.
        time_s: (n,) until then; infinite for such a path.
        velocity: (n, 2) there [m/s].
        bounces: (n,) off the long rims before.
    """

    y: Array
    time_s: Array
    velocity: Array
    bounces: NDArray[np.int64]

    @property
    def steepness(self) -> Array:
        """Cosine (n,) of the angle to the axis of the table there; 0 for a path that does not come there."""
        return np.asarray(np.abs(self.velocity[:, 0]) / np.maximum(np.linalg.norm(self.velocity, axis=1), 1e-9))


def crossing(position: Array, velocity: Array, spin: Array, line_x: float | Array, config: TableConfig) -> Crossing:
    """Where pucks at `position` (n, 2) with `velocity` (n, 2) and `spin` (n,) cross x = `line_x`, in frame `table`.

    The line may be another one for each, (n,).
    """
    n = len(position)
    position, velocity, spin = position.copy(), velocity.copy(), spin.copy()
    y, time_s = np.full(n, np.nan), np.full(n, np.inf)
    spent_s, bounces = np.zeros(n), np.zeros(n, dtype=np.int64)
    going = np.linalg.norm(velocity, axis=1) > _SLOWEST
    side = 0.5 * config.width_m - config.puck.radius_m
    for bounce in range(MOST_BOUNCES + 1):
        with np.errstate(divide="ignore", invalid="ignore"):
            to_line = (line_x - position[:, 0]) / velocity[:, 0]
            to_side = (np.copysign(side, velocity[:, 1]) - position[:, 1]) / velocity[:, 1]
        to_line = np.where(to_line >= 0.0, to_line, np.inf)
        to_side = np.where(np.isfinite(to_side), np.maximum(to_side, 0.0), np.inf)
        there = going & (to_line <= to_side) & np.isfinite(to_line)
        arrives = _with_drag(to_line[there], config.puck.drag_1_s)
        y[there] = position[there, 1] + velocity[there, 1] * to_line[there]
        time_s[there] = spent_s[there] + arrives
        velocity[there] *= np.exp(-config.puck.drag_1_s * arrives)[:, None]
        reached = np.flatnonzero(there)[np.isfinite(arrives)]
        y[np.setdiff1d(np.flatnonzero(there), reached)] = np.nan
        going &= ~there & np.isfinite(to_line)
        if bounce == MOST_BOUNCES or not going.any():
            break
        hits = np.flatnonzero(going)
        passes = _with_drag(to_side[hits], config.puck.drag_1_s)
        hits, passes = hits[np.isfinite(passes)], passes[np.isfinite(passes)]
        going[:] = False
        going[hits] = True
        position[hits] += velocity[hits] * to_side[hits, None]
        spent_s[hits] += passes
        velocity[hits] *= np.exp(-config.puck.drag_1_s * passes)[:, None]
        spin[hits] *= np.exp(-config.puck.spin_drag_1_s * passes)
        _bounce(position, velocity, spin, hits, config)
        bounces[hits] += 1
    velocity[~np.isfinite(time_s)] = 0.0
    return Crossing(y, time_s, velocity, bounces)


def _with_drag(undamped_s: Array, drag_1_s: float) -> Array:
    """The time for a way that would take `undamped_s` without drag; infinite where drag ends the motion before."""
    if drag_1_s == 0.0:
        return undamped_s
    share = 1.0 - drag_1_s * undamped_s
    return np.where(share > 0.0, -np.log(np.maximum(share, 1e-12)) / drag_1_s, np.inf)


def _bounce(position: Array, velocity: Array, spin: Array, hits: NDArray[np.intp], config: TableConfig) -> None:
    normal = np.zeros((len(hits), 2))
    normal[:, 1] = -np.sign(position[hits, 1])
    impulse = disk_impulse(
        velocity[hits],
        spin[hits],
        np.zeros((len(hits), 2)),
        normal,
        config.puck.radius_m,
        np.zeros(len(hits)),
        np.full(len(hits), config.restitution_rim),
        config.friction,
    )
    velocity[hits] += impulse.velocity
    spin[hits] += impulse.spin
