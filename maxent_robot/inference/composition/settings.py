"""What is composed and how."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maxent_robot.inference.composition.energies import OPERATORS
from maxent_robot.inference.session import InferenceError

CANDIDATES_RANGE = (16, 1024)


@dataclass(frozen=True)
class Composition:
    """Replaced as a whole, so that a change while running takes effect at once.

    Attributes:
        weights: one of each skill, not negative, not all 0; only their ratios matter.
        operator: one of `OPERATORS`.
        primary: index of the skill that acts alone when the composition can't.
        candidates: of a round.
        hold_steps: steps for which the candidates keep their noise, so that the action does not jump between equals.
        max_divergence: of the actors [nat], above which the primary skill acts alone.

    Raises:
        InferenceError: names the setting and says what is allowed.
    """

    weights: tuple[float, ...]
    operator: str = "mean"
    primary: int = 0
    candidates: int = 128
    hold_steps: int = 1
    max_divergence: float = math.inf

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            raise InferenceError(f"operator is '{self.operator}', must be one of {', '.join(OPERATORS)}")
        if not all(math.isfinite(weight) and weight >= 0.0 for weight in self.weights):
            raise InferenceError(f"weights are {self.weights}, must be finite and not negative")
        if not any(self.weights):
            raise InferenceError(f"weights are {self.weights}, at least one must be positive")
        if not 0 <= self.primary < len(self.weights):
            raise InferenceError(f"primary is {self.primary}, must be the index of one of {len(self.weights)} skills")
        if self.operator == "hybrid" and not self.shares[self.primary]:
            raise InferenceError(
                f"weights are {self.weights}, operator 'hybrid' needs a positive one of the primary skill"
            )
        low, high = CANDIDATES_RANGE
        if not low <= self.candidates <= high:
            raise InferenceError(f"candidates is {self.candidates}, must be {low} to {high}")
        if self.hold_steps < 1:
            raise InferenceError(f"hold_steps is {self.hold_steps}, must be at least 1")
        if not self.max_divergence > 0.0:
            raise InferenceError(f"max_divergence is {self.max_divergence}, must be positive")

    @property
    def shares(self) -> NDArray[np.float64]:
        """The weights (N,), scaled to a sum of 1."""
        weights = np.array(self.weights, dtype=np.float64)
        weights /= weights.max()  # so that no sum overflows
        shares: NDArray[np.float64] = weights / weights.sum()
        return shares

    @property
    def judges(self) -> tuple[int, ...]:
        """Indices of the skills whose Q is used."""
        active = [index for index, weight in enumerate(self.weights) if weight]
        if self.operator == "product":
            return ()
        return tuple(index for index in active if self.operator != "hybrid" or index != self.primary)
