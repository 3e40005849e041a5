"""What a vector environment keeps of its episodes: their numbers, and what they have brought so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


class EpisodeLedger:
    """The ``j``-th episode in place ``i`` is number ``j * n + i`` of the seed, whatever the actions were.

    Args:
        n: places.

    Attributes:
        returns: (n,) sum of the rewards of the running episodes.
        lengths: (n,) their steps.
    """

    def __init__(self, n: int) -> None:
        self._seed, self._n = 0, n
        self._episode = np.zeros(n, dtype=np.int64)
        self.returns, self.lengths = np.zeros(n), np.zeros(n, dtype=np.int64)
        self._terms: dict[str, NDArray[np.float64]] = {}

    def reset(self, seed: int) -> None:
        """The first episodes of ``seed`` begin."""
        self._seed = seed
        self._episode[:] = 0
        self.returns[:], self.lengths[:] = 0.0, 0
        self._terms = {}

    def name(self, index: int) -> tuple[int, ...]:
        """What fixes how the running episode in a place began."""
        return (self._seed, int(self._episode[index]) * self._n + index)

    def count(self, reward: NDArray[np.float64], terms: Mapping[str, NDArray[np.float64]]) -> None:
        """Add a step: its reward (n,) and the named terms of it, (n,) each."""
        self.returns += reward
        self.lengths += 1
        for name, value in terms.items():
            self._terms[name] = self._terms.get(name, 0.0) + value

    def begin_next(self, index: Any) -> None:
        """The next episodes begin in the places ``index``."""
        self._episode[index] += 1
        self.returns[index], self.lengths[index] = 0.0, 0
        for value in self._terms.values():
            value[index] = 0.0

    def terms(self, index: int) -> dict[str, float]:
        """Sums of the named terms of the running episode in a place."""
        return {name: float(value[index]) for name, value in self._terms.items()}

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on."""
        return {
            "seed": self._seed,
            "episode": self._episode.copy(),
            "returns": self.returns.copy(),
            "lengths": self.lengths.copy(),
            "terms": {name: value.copy() for name, value in self._terms.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to what ``state_dict`` gave."""
        self._seed = int(state["seed"])
        self._episode = np.array(state["episode"])
        self.returns, self.lengths = np.array(state["returns"]), np.array(state["lengths"])
        self._terms = {name: np.array(value) for name, value in state["terms"].items()}
