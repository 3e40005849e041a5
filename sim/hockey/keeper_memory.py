"""A keeper that chooses its place before the shot: which shots a place would have saved, and what it makes of that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from sim.hockey.config import TableConfig
from sim.hockey.paths import crossing
from sim.hockey.state import Array


def scores_past(puck: Array, velocity: Array, spin: Array, guards: Array, table: TableConfig) -> NDArray[np.bool_]:
    """Which pucks under way go into the away goal without touching a mallet that stands in their way.

    In closed form (`crossing`); a puck that brushes a post is counted as missed.

    Args:
        puck, velocity, spin: (n, 2), (n, 2), (n,) in frame `table`, before all of the guards.
        guards: (C, 2) places of the mallet.

    Returns:
        (n, C).
    """
    into = crossing(puck, velocity, spin, 0.5 * table.length_m, table)
    # It nears one post until it is in, and passes the other one before.
    towards = into.y * np.sign(into.velocity[:, 1])
    half = 0.5 * table.goal_width_m
    room = np.minimum(half - towards, (half + towards) * into.steepness)
    with np.errstate(invalid="ignore"):
        scores = np.repeat((room > table.puck.radius_m)[:, None], len(guards), axis=1)
    for line in np.unique(guards[:, 0]):
        here = guards[:, 0] == line
        passes = crossing(puck, velocity, spin, line, table)
        with np.errstate(invalid="ignore"):
            beside = np.abs(guards[here, 1] - passes.y[:, None]) * passes.steepness[:, None]
            scores[:, here] &= beside > table.touch_m
    return scores


class KeeperMemory:
    """Smooth fictitious play of a keeper (Fudenberg & Levine 1998): the soft answer to the shots that it remembers.

    Args:
        places: it can choose from.
        shots: over which the mean of what it remembers is taken, the latest weighing most.
        temperature: of the answer, in goals a shot.
    """

    def __init__(self, places: int, shots: int, temperature: float) -> None:
        self._rate, self._temperature = 1.0 / shots, temperature
        self.conceded = np.zeros(places)
        """(C,) mean of the shots that would have gone in."""

    def forget(self) -> None:
        """Know nothing."""
        self.conceded[...] = 0.0

    def mix(self) -> Array:
        """(C,) the chances of its places."""
        return np.asarray(softmax(-self.conceded / self._temperature))

    def see(self, scored: NDArray[np.bool_]) -> None:
        """Remember shots: which of the places (k, C) each would have scored past."""
        for one in scored:
            self.conceded += self._rate * (one - self.conceded)

    def state_dict(self) -> dict[str, Any]:
        """What it remembers."""
        return {"conceded": self.conceded.copy()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        self.conceded[...] = state["conceded"]
