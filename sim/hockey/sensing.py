"""How players see the table: late, not quite right, and sometimes not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.hockey.config import Sensing
from sim.hockey.state import Array, TableState

_SEEN = 6
"""Numbers in a picture: the puck's place and both mallets'."""


class Camera:
    """Pictures of n tables, with a delay of its own for each table.

    Args:
        config: of all of them.
        n: how many.
        period_s: between two pictures.
    """

    def __init__(self, config: Sensing, n: int, period_s: float) -> None:
        self.config, self.n, self.period_s = config, n, period_s
        self._pictures = np.zeros((n, config.delay_periods[1] + 1, _SEEN))  # newest first
        self._delay = np.zeros(n, dtype=np.int64)
        self._seen = np.zeros((n, _SEEN))
        self._age_s = np.zeros(n)

    def begin(self, state: TableState, index: NDArray[np.intp], generator: np.random.Generator) -> None:
        """Forget what was seen of the tables `index`, and draw their delays."""
        low, high = self.config.delay_periods
        self._delay[index] = generator.integers(low, high + 1, size=len(index))
        now = self._picture(state, generator)[index]
        self._pictures[index] = now[:, None]
        self._seen[index] = now
        self._age_s[index] = self.period_s * self._delay[index]

    def look(self, state: TableState, generator: np.random.Generator) -> None:
        """Take the next picture of every table."""
        self._pictures[:, 1:] = self._pictures[:, :-1]
        self._pictures[:, 0] = self._picture(state, generator)
        arrives = generator.random(self.n) >= self.config.dropout
        late = self._pictures[np.arange(self.n), self._delay]
        self._seen = np.where(arrives[:, None], late, self._seen)
        self._age_s = np.where(arrives, self.period_s * self._delay, self._age_s + self.period_s)

    def _picture(self, state: TableState, generator: np.random.Generator) -> Array:
        true = np.concatenate([state.puck, state.mallets.reshape(self.n, 4)], axis=1)
        return true + generator.normal(0.0, self.config.noise_m, true.shape)

    @property
    def puck(self) -> Array:
        """(n, 2) where the puck was last seen, in frame `table` [m]."""
        return self._seen[:, :2]

    @property
    def puck_age_s(self) -> Array:
        """(n,) how long ago."""
        return self._age_s

    @property
    def mallets(self) -> Array:
        """(n, 2, 2) where the mallets were then [m]."""
        return self._seen[:, 2:].reshape(self.n, 2, 2)

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on bit for bit."""
        return {
            "pictures": self._pictures.copy(),
            "delay": self._delay.copy(),
            "seen": self._seen.copy(),
            "age_s": self._age_s.copy(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state_dict` gave."""
        self._pictures, self._delay = np.array(state["pictures"]), np.array(state["delay"])
        self._seen, self._age_s = np.array(state["seen"]), np.array(state["age_s"])
