"""Noise of a colour for actions: standard normal at every step whatever the colour, but with a memory of the last ones.

The policy's law at each single step is therefore unchanged; only how the steps hang together differs. (Pink noise as
exploration: Eberhard et al., 2023.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maxent_robot.inference.session import InferenceError

Array = NDArray[np.float64]

COLOURS = ("white", "ar1", "pink")
"""`white`: no memory. `ar1`: an autoregression of first order. `pink`: power falls as 1 / frequency."""

CORRELATION_RANGE = (1.0, 1024.0)
"""Steps."""


class ColouredNoise:
    """Rows of standard normal numbers, one row for each state of a batch, correlated from call to call.

    `pink` is a sum of autoregressions whose correlation times are an octave apart, each with the same share of the
    variance: a superposition of relaxations has a 1 / f spectrum between their rates (Bernamont, 1937).

    Args:
        colour: one of `COLOURS`.
        correlation_steps: after which the autocorrelation of `ar1` is 1/e; the longest of those of `pink`.

    Raises:
        InferenceError: unknown colour, or a correlation out of range.
    """

    def __init__(self, colour: str = "white", correlation_steps: float = 8.0) -> None:
        if colour not in COLOURS:
            raise InferenceError(f"noise is '{colour}', must be one of {', '.join(COLOURS)}")
        low, high = CORRELATION_RANGE
        if not low <= correlation_steps <= high:
            raise InferenceError(f"correlation_steps is {correlation_steps}, must be in [{low:g}, {high:g}]")
        self.colour = colour
        times = {
            "white": np.zeros(0),
            "ar1": np.array([correlation_steps]),
            "pink": correlation_steps * 0.5 ** np.arange(np.floor(np.log2(correlation_steps)) + 2),
        }[colour]
        self._keep = np.exp(-1.0 / times)[:, None, None]
        self._parts: Array | None = None

    def draw(self, generator: np.random.Generator, shape: tuple[int, int]) -> Array:
        """The next numbers (n, A); a batch of another shape than the last begins anew."""
        if self.colour == "white":
            return generator.standard_normal(shape)
        fresh = generator.standard_normal((len(self._keep), *shape))
        if self._parts is None or self._parts.shape != fresh.shape:
            self._parts = fresh
        else:
            self._parts = self._keep * self._parts + np.sqrt(1.0 - self._keep**2) * fresh
        result: Array = self._parts.sum(axis=0) / np.sqrt(len(self._parts))
        return result
