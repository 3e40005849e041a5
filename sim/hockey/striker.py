"""The striker, a player written by hand that plays whole games."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.skill.hockey import HOCKEY_MAXIMUM
from sim.hockey.config import TableConfig
from sim.hockey.paths import crossing
from sim.hockey.players import Predictor, Sight, see, steer
from sim.hockey.state import Array

SHOT_M_S = 1.0
"""Speed of its own shots that it reckons with."""

RUN_UP_M, STRIKE_S = 0.1, 0.1
"""Way and time that it takes from behind the puck to it."""

LEASHES_AHEAD = 1.2
"""How far before its mallet its target runs."""

KEEPS_TO_LINE_RAD_S, CORRECTED, ASIDE_M_S = 12.0, 0.6, 0.8
"""How fast it comes back to the line of its run; share of the target's error mended a period, at what speed at most."""

_BEST_FEW = 4
_ANGLES = np.radians(np.linspace(-45.0, 45.0, 61))
_DIRECTIONS = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)
"""Ways that it looks at."""


class Striker(Predictor):
    """Plays whole games: defends like `Predictor`, and strikes a puck that it can reach.

    It looks for ways into the goal, straight and off the rims, that are far from the opponent, and takes one of them.

    Args:
        config: of the table.
        n: games.
        seed: of the choice of its shots.
    """

    def __init__(self, config: TableConfig, n: int, seed: int = 0, line_x: float | None = None) -> None:
        super().__init__(config, n, line_x)
        self._generator = np.random.default_rng(seed)
        self._way = np.tile([1.0, 0.0], (n, 1))
        self._striking, self._running = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)

    def reset(self, index: Any = ...) -> None:
        """Forget the games `index`."""
        super().reset(index)
        self._striking[index], self._running[index] = False, False

    def state_dict(self) -> dict[str, Any]:
        """See `Memoryless`."""
        own = {"way": self._way.copy(), "striking": self._striking.copy(), "running": self._running.copy()}
        return {**super().state_dict(), **own, "generator": self._generator.bit_generator.state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Memoryless`."""
        super().load_state_dict(state)
        self._way, self._striking = np.array(state["way"]), np.array(state["striking"])
        self._running = np.array(state["running"])
        self._generator.bit_generator.state = state["generator"]

    def __call__(self, observation: NDArray[np.float32]) -> Array:
        """See `Player`."""
        sight = see(observation, self.config.control_period_s)
        defence = self.defend(sight)
        chance = self._in_reach(sight)
        begins = chance & ~self._striking
        if begins.any():
            self._way[begins] = self._choose(sight.of(begins))
        self._striking = chance
        self._running &= chance
        return np.where(chance[:, None], self._strike(sight), defence)

    def _in_reach(self, sight: Sight) -> NDArray[np.bool_]:
        """Whether the puck is slow, and where the mallet can get behind it."""
        (low_x, high_x), (low_y, high_y) = self.config.mallet.zone_x_m, self.config.mallet.zone_y_m
        touch = self.config.touch_m
        x, y = sight.puck.T
        slow = np.linalg.norm(sight.velocity, axis=1) < np.where(self._striking, 0.8, 0.5)
        inside: NDArray[np.bool_] = (x > low_x + touch) & (x < high_x + touch) & (y > low_y) & (y < high_y)
        return inside & slow

    def _choose(self, sight: Sight) -> Array:
        """Unit vectors (n, 2) to send pucks along: into the goal, on the path that is farthest from the opponent.

        One of the best few is drawn, so that the opponent can't know which.
        """
        n, count = len(sight.puck), len(_DIRECTIONS)
        velocity = np.tile(SHOT_M_S * _DIRECTIONS, (n, 1))
        start = np.repeat(sight.puck, count, axis=0)
        spin = np.zeros(n * count)
        goal_line, keeper_line = 0.5 * self.config.length_m, -self.config.mallet.zone_x_m[0]
        y = crossing(start, velocity, spin, goal_line, self.config).y.reshape(n, count)
        passes = crossing(start, velocity, spin, keeper_line, self.config).y.reshape(n, count)
        half = 0.5 * self.config.goal_width_m - self.config.puck.radius_m
        with np.errstate(invalid="ignore"):
            into = np.abs(y) < 0.6 * half
        score = np.where(into, np.abs(passes - sight.opponent[:, 1:]), -np.inf)
        room = self._room(start, np.tile(_DIRECTIONS, (n, 1))).reshape(n, count)
        touch = self.config.touch_m
        score = np.where(np.isnan(score) | (room < touch + 0.03), -np.inf, score)
        best = np.sort(score, axis=1)[:, -_BEST_FEW:]
        rank = self._generator.integers(_BEST_FEW, size=n)
        wanted = best[np.arange(n), rank]
        wanted = np.where(np.isfinite(wanted), wanted, best[:, -1])
        chosen = np.argmax(score >= wanted[:, None], axis=1)
        none = ~np.isfinite(best[:, -1])
        return np.where(none[:, None], np.array([1.0, 0.0]), _DIRECTIONS[chosen])

    def _room(self, puck: Array, way: Array) -> Array:
        """How far (n,) behind the puck, seen along the way, the mallet's zone goes [m]."""
        low, high = np.array([self.config.mallet.zone_x_m, self.config.mallet.zone_y_m]).T
        with np.errstate(divide="ignore", invalid="ignore"):
            room = (puck - np.where(way > 0.0, low, high)) / way
        return np.asarray(np.nanmin(np.where(way == 0.0, np.inf, room), axis=1))

    def _strike(self, sight: Sight) -> Array:
        """Get behind the puck, seen along the way that it is to go, then run through it."""
        period_s, way = self.config.control_period_s, self._way
        puck = sight.puck + STRIKE_S * sight.velocity
        touch = self.config.touch_m
        from_puck = sight.mallet - puck
        along = _dot(from_puck, way)
        beside = from_puck - along * way
        off = np.linalg.norm(beside, axis=1, keepdims=True)
        behind_m = np.clip(self._room(puck, way), 0.0, RUN_UP_M + touch)[:, None]
        run_up = puck - behind_m * way
        # From in front of the puck the way leads around it.
        around = puck + 1.5 * touch * beside / np.maximum(off, 1e-3) - 0.5 * touch * way
        place = np.where((along > -0.8 * touch) & (off < 1.3 * touch), around, run_up)
        ready = (np.linalg.norm(sight.mallet - run_up, axis=1) < 0.005) & (np.linalg.norm(sight.moves, axis=1) < 0.1)
        self._running = (self._running | ready) & (off[:, 0] < 0.03) & (along[:, 0] < 0.0)
        return np.where(self._running[:, None], self._run(sight, from_puck), steer(sight.target, place, period_s))

    def _run(self, sight: Sight, from_puck: Array) -> Array:
        """Actions that take the mallet along the line through the puck, as fast as it goes.

        The arm gives way to the spring more readily in one direction than in another, so that a target that runs along
        the line would draw the mallet off it. So the target goes beside it, by what the spring has to pull for the
        mallet to keep to the line: inverse dynamics with a critically damped error.
        """
        mallet, period_s, way = self.config.mallet, self.config.control_period_s, self._way
        across = np.stack([-way[:, 1], way[:, 0]], axis=1)
        line = sight.mallet + (mallet.base_m, 0.0)
        arm = line / np.linalg.norm(line, axis=1, keepdims=True)
        drag_n = mallet.damping_n_s_m * sight.moves + mallet.damping_along_n_s_m * _dot(sight.moves, arm) * arm
        drifts = _dot(sight.moves, across)
        error = _dot(from_puck, across) + period_s * drifts  # a command comes late
        back = -(KEEPS_TO_LINE_RAD_S**2 * error + 2.0 * KEEPS_TO_LINE_RAD_S * drifts) * across

        def inertia(acceleration: Array) -> Array:
            return mallet.mass_kg * acceleration + mallet.mass_along_kg * _dot(acceleration, arm) * arm

        pull = sight.target - sight.mallet
        ahead = mallet.leash_m * LEASHES_AHEAD / np.abs(way).max(axis=1, keepdims=True)
        ahead = np.minimum(ahead, _dot(pull, way) + period_s * HOCKEY_MAXIMUM[0])
        forwards = mallet.stiffness_n_m * ahead - _dot(inertia(back) + drag_n, way)
        force_n = inertia(back + forwards / _dot(inertia(way), way) * way) + drag_n
        aside = (_dot(force_n, across) / mallet.stiffness_n_m - _dot(pull, across)) * CORRECTED / period_s
        aside = np.clip(aside, -ASIDE_M_S, ASIDE_M_S) * across
        with np.errstate(divide="ignore"):
            room = (HOCKEY_MAXIMUM - np.sign(way) * aside) / np.abs(way)
        return np.asarray((aside + np.maximum(room.min(axis=1, keepdims=True), 0.0) * way) / HOCKEY_MAXIMUM)


def _dot(one: Array, other: Array) -> Array:
    """Of vectors (n, 2), as a column (n, 1)."""
    return np.einsum("ij,ij->i", one, other)[:, None]
