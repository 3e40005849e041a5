"""Air hockey in NumPy: n tables from impact to impact, for training and for payoff tables.

Between the moves of a target (5 ms) the mallets go straight on and the puck does so too; what it meets first is found
in closed form, tables with an impact left in that time going round again. Drag acts before and after those pieces.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.hockey.config import TableConfig
from sim.hockey.impact import disk_impulse
from sim.hockey.mallets import SpringMotion, move_targets, rim_limits
from sim.hockey.state import AWAY, HOME, Array, Happened, Table, TableState

MOST_IMPACTS = 16
"""In one piece; a puck that has more is pinned between a mallet and the rim, and holds the mallet."""

_RESTING_M_S = 1e-9
"""A slower puck comes to no plane."""

_SIDE, _END, _GOAL, _POST, _HOME, _AWAY = range(6)
_KINDS = 6
"""What a puck can meet: a long rim, a short one, the line of a goal, the corner of a rim at a goal, a mallet."""


class PlanarTable(Table):
    """n tables; see `Table`.

    Args:
        config: of all of them.
        n: how many.
    """

    def __init__(self, config: TableConfig, n: int) -> None:
        super().__init__(config, n)
        puck, mallet = config.puck, config.mallet
        self._half = np.array([0.5 * config.length_m, 0.5 * config.width_m])
        self._mouth_m = 0.5 * config.goal_width_m
        self._rim_limits = rim_limits(config)
        self._spring = SpringMotion(mallet, n, config.target_period_s)
        self._spring.set(self.state.arm_factors)
        self._keeps = np.exp(-0.5 * puck.drag_1_s * config.target_period_s)
        self._keeps_spin = np.exp(-0.5 * puck.spin_drag_1_s * config.target_period_s)
        self._mass_ratio = np.zeros(_KINDS)
        self._mass_ratio[[_HOME, _AWAY]] = puck.mass_kg / mallet.mass_kg
        self._restitution = np.full(_KINDS, config.restitution_rim)
        self._restitution[[_HOME, _AWAY]] = config.restitution_mallet

    def place(self, state: TableState, index: Any = ...) -> None:
        """See `Table`."""
        super().place(state, index)
        self._spring.set(self.state.arm_factors[index], index)

    def _piece(self, velocity: Array, happened: Happened) -> None:
        """One period of the targets."""
        state = self.state
        path = self._move_mallets(velocity)
        self._drag()
        left_s = np.full(self.n, self.config.target_period_s)
        active = np.arange(self.n)
        for _ in range(MOST_IMPACTS):
            active = self._to_impact(active, path, left_s, happened)
            if not active.size:
                break
        else:
            # The puck can't give way, so the mallets that press on it do not go on.
            state.mallet_velocities[active], state.puck_velocity[active] = 0.0, 0.0
        self._drag()

    def _drag(self) -> None:
        """Of half a period: half of it before the puck goes on and half after is exact to second order."""
        self.state.puck_velocity[...] *= self._keeps
        self.state.spin[...] *= self._keeps_spin

    def _move_mallets(self, velocity: Array) -> Array:
        """Velocities (n, 2, 2) [m/s] at which the mallets go through this piece; those of its end are written."""
        state = self.state
        move_targets(state, velocity, self.config)
        free, after = self._spring(state.mallets, state.targets, state.mallet_velocities)
        reached = np.clip(free, -self._rim_limits, self._rim_limits)
        after[reached != free] = 0.0
        state.mallet_velocities[...] = after
        return (reached - state.mallets) / self.config.target_period_s

    def _to_impact(self, active: NDArray[np.intp], path: Array, left_s: Array, happened: Happened) -> NDArray[np.intp]:
        """Move the active tables on to their next impact, or to the end of the piece; those that had one."""
        state = self.state
        puck, velocity = state.puck[active], state.puck_velocity[active]
        mallets, paths = state.mallets[active], path[active]
        post = np.copysign((self._half[0], self._mouth_m), puck)
        times = np.empty((_KINDS, active.size))
        times[[_END, _SIDE]] = _times_to_planes(puck, velocity, self._half - self.config.puck.radius_m).T
        times[_GOAL] = _times_to_planes(puck[:, 0], velocity[:, 0], self._half[0])
        times[_POST] = _times_to_disk(puck - post, velocity, self.config.puck.radius_m)
        for kind, player in ((_HOME, HOME), (_AWAY, AWAY)):
            times[kind] = _times_to_disk(puck - mallets[:, player], velocity - paths[:, player], self.config.touch_m)
        with np.errstate(invalid="ignore"):
            for kind in (_END, _GOAL):
                beside = np.abs(puck[:, 1] + times[kind] * velocity[:, 1]) < self._mouth_m
                times[kind, beside if kind == _END else ~beside] = np.inf
        kind = times.argmin(axis=0)
        time_s = times[kind, np.arange(active.size)]
        hit = time_s < left_s[active]
        moved_s = np.where(hit, time_s, left_s[active])
        state.puck[active] += moved_s[:, None] * velocity
        state.mallets[active] += moved_s[:, None, None] * paths
        left_s[active] -= moved_s
        active, kind = active[hit], kind[hit]
        if active.size:
            self._meet(active, kind, path, happened)
        return active

    def _meet(self, active: NDArray[np.intp], kind: NDArray[np.intp], path: Array, happened: Happened) -> None:
        """Let pucks meet what they have come to."""
        state = self.state
        scored = active[kind == _GOAL]
        if scored.size:
            self._score(scored, happened)
            active, kind = active[kind != _GOAL], kind[kind != _GOAL]
        puck = state.puck[active]
        normal = np.zeros_like(puck)
        surface = np.zeros_like(puck)
        for wall, axis in ((_SIDE, 1), (_END, 0)):
            of = kind == wall
            normal[of, axis] = -np.sign(puck[of, axis])
        of = kind == _POST
        normal[of] = _unit(puck[of] - np.copysign((self._half[0], self._mouth_m), puck[of]))
        for mallet, player in ((_HOME, HOME), (_AWAY, AWAY)):
            of = kind == mallet
            normal[of] = _unit(puck[of] - state.mallets[active[of], player])
            surface[of] = path[active[of], player]
            happened.touched[active[of], player] = True
        impulse = disk_impulse(
            state.puck_velocity[active],
            state.spin[active],
            surface,
            normal,
            self.config.puck.radius_m,
            self._mass_ratio[kind],
            self._restitution[kind],
            self.config.friction,
        )
        state.puck_velocity[active] += impulse.velocity
        state.spin[active] += impulse.spin
        for mallet, player in ((_HOME, HOME), (_AWAY, AWAY)):
            of = kind == mallet
            reaction = self._mass_ratio[mallet] * impulse.velocity[of]
            path[active[of], player] -= reaction
            state.mallet_velocities[active[of], player] -= reaction


def _times_to_planes(position: Array, velocity: Array, limit: Any) -> Array:
    """When a coordinate comes to the limit on the side that it goes to; infinite for one that rests."""
    moving = np.where(np.abs(velocity) < _RESTING_M_S, np.nan, velocity)
    times = (np.copysign(limit, velocity) - position) / moving
    return np.where(np.isnan(times), np.inf, np.maximum(times, 0.0))


def _times_to_disk(offset: Array, velocity: Array, distance_m: float) -> Array:
    """When (n, 2) offsets that change at `velocity` come to be `distance_m` long; infinite for those that don't."""
    square = np.einsum("ij,ij->i", velocity, velocity)
    closing = np.einsum("ij,ij->i", offset, velocity)
    apart = np.einsum("ij,ij->i", offset, offset) - distance_m**2
    root = closing * closing - square * apart
    meets = (closing < 0.0) & (root >= 0.0)
    times = np.full(closing.shape, np.inf)
    times[meets] = np.maximum(apart[meets], 0.0) / (np.sqrt(root[meets]) - closing[meets])
    return times


def _unit(vectors: Array) -> Array:
    """Vectors (n, 2) of length 1, along x where there is none."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, length, out=np.tile([1.0, 0.0], (len(vectors), 1)), where=length > 0.0)
