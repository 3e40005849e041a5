"""Running mean and deviation of the observations, written into the networks that shift and scale by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

MINIMUM_SCALE = 1e-2
"""Least scale: a channel that hardly changes is not blown up when it does."""


class ObservationNormaliser:
    """Moments over all observations seen (Chan et al. 1979, the parallel form of Welford's method).

    Because replay keeps raw observations, and the networks normalise what is drawn, old data follow new moments.

    Args:
        places: (offset, scale) pairs of the networks' buffers, (>= size,); their first `size` elements are written.
        size: of the observation.
    """

    def __init__(self, places: Sequence[tuple[Tensor, Tensor]], size: int) -> None:
        self._places = [(offset[:size], scale[:size]) for offset, scale in places]
        self.count = 0.0
        self.mean = np.zeros(size)
        self.square = np.zeros(size)  # sum of squared deviations from the mean

    def observe(self, observation: np.ndarray) -> None:
        """Take (n, size) observations into the moments and write these to the networks."""
        count, mean = len(observation), observation.mean(axis=0, dtype=np.float64)
        total, shift = self.count + count, mean - self.mean
        self.square += ((observation - mean) ** 2).sum(axis=0) + shift**2 * (self.count * count / total)
        self.mean += shift * (count / total)
        self.count = total
        self._write()

    @torch.no_grad()
    def _write(self) -> None:
        mean = torch.from_numpy(self.mean)
        deviation = torch.from_numpy(np.maximum(np.sqrt(self.square / self.count), MINIMUM_SCALE))
        for offset, scale in self._places:
            offset.copy_(mean)
            scale.copy_(deviation)

    def state_dict(self) -> dict[str, Any]:
        """The moments."""
        return {"count": self.count, "mean": self.mean.copy(), "square": self.square.copy()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` gave; the networks' buffers come with the networks."""
        self.count = float(state["count"])
        self.mean, self.square = np.array(state["mean"]), np.array(state["square"])
