"""How mallets move: the target comes to the commanded velocity, on a leash, and a spring pulls the mallet after it.

The same law as the arm's (the supervisor's gate, `maxent_robot.safety.gate`, and the Cartesian impedance), in the plane
of the table.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim.hockey.config import Mallet, TableConfig
from sim.hockey.state import TableState

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


class SpringMotion:
    """The exact motion of a mass on a damped spring over a fixed time, while the other end of the spring rests."""

    def __init__(self, mallet: Mallet, time_s: float) -> None:
        from scipy.linalg import expm

        rate = mallet.stiffness_n_m / mallet.mass_kg
        damping = mallet.damping_n_s_m / mallet.mass_kg
        (self._xx, self._xv), (self._vx, self._vv) = expm(time_s * np.array([[0.0, 1.0], [-rate, -damping]])).tolist()

    def __call__(self, offset: Array, velocity: Array) -> tuple[Array, Array]:
        """Offset from the end of the spring, and velocity, after the time; any shape."""
        return self._xx * offset + self._xv * velocity, self._vx * offset + self._vv * velocity
