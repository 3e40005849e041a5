"""How mallets move: the target comes to the commanded velocity, on a leash, and a spring pulls the mallet after it.

The same law as the arm's (the supervisor's gate, `maxent_robot.safety.gate`, and the Cartesian impedance), in the plane
of the table.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.hockey.config import Mallet, TableConfig
from sim.hockey.state import SIDES, TableState

Array = NDArray[np.float64]


def zones(mallet: Mallet) -> tuple[Array, Array]:
    """Least and greatest target of each player, (2, 2) both, in frame `table` [m]."""
    home = np.array([mallet.zone_x_m, mallet.zone_y_m])
    return np.stack([home[:, 0], -home[:, 1]]), np.stack([home[:, 1], -home[:, 0]])


def rim_limits(config: TableConfig) -> Array:
    """(2,) how far a mallet's centre can be from that of the table along x and y [m]."""
    return np.array([0.5 * config.length_m, 0.5 * config.width_m]) - config.mallet.radius_m


def move_targets(state: TableState, velocity: Array, config: TableConfig) -> None:
    """Move the targets on by one `target_period_s`, on the leash and within the zone.

    Args:
        state: whose targets and their velocities are written.
        velocity: (n, 2, 2) commanded [m/s].
        config: of the tables.
    """
    mallet, period_s = config.mallet, config.target_period_s
    change = velocity - state.target_velocities
    size = np.linalg.norm(change, axis=-1, keepdims=True)
    state.target_velocities[...] += change * np.minimum(
        1.0, mallet.acceleration_m_s2 * period_s / np.maximum(size, 1e-12)
    )
    wanted = state.targets + state.target_velocities * period_s
    leashed = np.clip(wanted, state.mallets - mallet.leash_m, state.mallets + mallet.leash_m)
    state.targets[...] = np.clip(leashed, *zones(mallet))


_SLOWEST_1_S = 1e-6
"""A spring that is nearer to critically damped is taken to be so near."""


class SpringMotion:
    """The motion of masses on damped springs over a fixed time, while the other ends of the springs rest.

    Mass and damping along the line to the arm's base are not those across it. In each of the two directions the motion
    is exact; that the directions turn as the mallet moves gives a push away from the base (m_along v_across^2 / r,
    Lagrange's equations of a point mass with a rotor on its radius), here at the beginning of the time.

    Args:
        mallet: of all of them.
        n: tables.
        time_s: in which they move on.
    """

    def __init__(self, mallet: Mallet, n: int, time_s: float) -> None:
        self._mallet, self._time_s = mallet, time_s
        self._base = -SIDES[:, None] * np.array([mallet.base_m, 0.0])
        self._motion = np.zeros((2, 2, n, 2, 2))
        self._push = np.zeros((n, 2))

    def set(self, factors: Array, index: Any = ...) -> None:
        """Take the factors (k, 2, 2) on mass and damping of both players for the places `index`."""
        mallet, mass, damping = self._mallet, factors[..., :1], factors[..., 1:]
        masses = mass * (mallet.mass_kg + mallet.mass_along_kg, mallet.mass_kg)
        slows = damping * (mallet.damping_n_s_m + mallet.damping_along_n_s_m, mallet.damping_n_s_m) / (2.0 * masses)
        pulls = mallet.stiffness_n_m / masses
        rate = np.sqrt(slows**2 - pulls + 0j)
        rate = np.where(np.abs(rate) < _SLOWEST_1_S, _SLOWEST_1_S, rate)
        even = np.exp(-slows * self._time_s) * np.cosh(rate * self._time_s).real
        odd = np.exp(-slows * self._time_s) * (np.sinh(rate * self._time_s) / rate).real
        self._motion[:, :, index] = [[even + slows * odd, odd], [-pulls * odd, even - slows * odd]]
        self._push[index] = self._time_s * mallet.mass_along_kg / (mallet.mass_kg + mallet.mass_along_kg)

    def __call__(self, mallets: Array, targets: Array, velocity: Array) -> tuple[Array, Array]:
        """Places and velocities (n, 2, 2) of the mallets after the time, in frame `table`."""
        line = mallets - self._base
        distance_m = np.hypot(line[..., 0], line[..., 1])
        along = line / distance_m[..., None]
        offset, moving = _turned(mallets - targets, along), _turned(velocity, along)
        moving[..., 0] -= self._push * moving[..., 1] ** 2 / distance_m
        (xx, xv), (vx, vv) = self._motion
        back = along * (1.0, -1.0)
        return targets + _turned(xx * offset + xv * moving, back), _turned(vx * offset + vv * moving, back)


def _turned(vector: Array, along: Array) -> Array:
    """Its parts (..., 2) along a unit vector and along that turned by a quarter to the left."""
    (x, y), (c, s) = np.moveaxis(vector, -1, 0), np.moveaxis(along, -1, 0)
    return np.stack([c * x + s * y, c * y - s * x], axis=-1)
