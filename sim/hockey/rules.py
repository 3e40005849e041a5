"""The rules: goals, faults for holding the puck too long, and pucks that nobody can reach.

After the Robot Air Hockey Challenge: 15 s on one side are a fault, three faults a goal for the other player.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.hockey.config import Rules, TableConfig
from sim.hockey.state import TableState


@dataclass(frozen=True)
class Call:
    """What the referee calls on each of n tables.

    Attributes:
        fault: (n,) int8: 1 against the home player, -1 against the away player, else 0.
        stuck: (n,) bool, nobody can play the puck.
    """

    fault: NDArray[np.int8]
    stuck: NDArray[np.bool_]


class Referee:
    """Watches n tables; goals are the table's to tell."""

    def __init__(self, rules: Rules, config: TableConfig, n: int) -> None:
        self.rules, self.config = rules, config
        self._side = np.zeros(n)
        self._held_s, self._rest_s = np.zeros(n), np.zeros(n)

    def begin(self, index: Any) -> None:
        """A new rally on the tables `index`."""
        self._side[index], self._held_s[index], self._rest_s[index] = 0.0, 0.0, 0.0

    def watch(self, state: TableState) -> Call:
        """One control period later."""
        period_s = self.config.control_period_s
        side = np.sign(state.puck[:, 0])
        self._held_s = np.where(side == self._side, self._held_s + period_s, 0.0)
        self._side = side
        slow = np.linalg.norm(state.puck_velocity, axis=1) < self.rules.stuck_m_s
        self._rest_s = np.where(slow & ~self.within_reach(state), self._rest_s + period_s, 0.0)
        fault = np.where(self._held_s >= self.rules.hold_s, -self._side, 0.0).astype(np.int8)
        return Call(fault, self._rest_s >= self.rules.stuck_s)

    def within_reach(self, state: TableState) -> NDArray[np.bool_]:
        """(n,) whether one of the mallets could touch the puck where it is."""
        mallet = self.config.mallet
        x, y = np.abs(state.puck).T
        beside = np.maximum(np.abs(x + np.mean(mallet.zone_x_m)) - 0.5 * np.ptp(mallet.zone_x_m), 0.0)
        above = np.maximum(y - mallet.zone_y_m[1], 0.0)
        reach: NDArray[np.bool_] = np.hypot(beside, above) < 0.95 * self.config.touch_m
        return reach

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on."""
        return {"side": self._side.copy(), "held_s": self._held_s.copy(), "rest_s": self._rest_s.copy()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state_dict` gave."""
        self._side, self._held_s, self._rest_s = (np.array(state[name]) for name in ("side", "held_s", "rest_s"))
