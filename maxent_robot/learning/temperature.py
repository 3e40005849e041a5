"""The temperature alpha: the multiplier of the constraint E[-log pi] >= target entropy, moved by dual ascent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from maxent_robot.learning.flat_adam import FlatAdam


class Temperature:
    """alpha, kept as its logarithm, so that it stays positive and a step changes it by a ratio.

    Args:
        initial: alpha at the start.
        target_entropy: in nats, for all action axes together.
        learning_rate: of Adam on log alpha; None holds alpha.
    """

    def __init__(self, initial: float, target_entropy: float, learning_rate: float | None) -> None:
        self.target_entropy = target_entropy
        self.logarithm = torch.tensor(math.log(initial))
        self.logarithm.grad = self.gradient = torch.zeros_like(self.logarithm)
        self._optimiser = None if learning_rate is None else FlatAdam(self.logarithm, learning_rate)

    @property
    def value(self) -> float:
        """alpha."""
        return math.exp(self.logarithm.item())

    def update(self, entropy: float) -> None:
        """Raise log alpha while the entropy of the policy is under its target, and lower it while it is over.

        The gradient of -log alpha E[log pi + target entropy], which is that of Haarnoja et al. 2018, "Soft Actor-Critic
        Algorithms and Applications", equation 18, in log space.
        """
        if self._optimiser is not None:
            self.gradient.fill_(entropy - self.target_entropy)
            self._optimiser.step()

    def state_dict(self) -> dict[str, Any]:
        """The logarithm and the optimiser."""
        return {
            "logarithm": self.logarithm.clone(),
            "optimiser": None if self._optimiser is None else self._optimiser.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        self.logarithm.copy_(state["logarithm"])
        if self._optimiser is not None:
            self._optimiser.load_state_dict(state["optimiser"])
