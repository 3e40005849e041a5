"""Adam on one flat vector of parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam


class FlatAdam:
    """Adam (Kingma & Ba 2015) with its usual settings, through PyTorch's functional form.

    `torch.optim.Adam` does the same arithmetic, but also looks after groups of parameters, which costs more than the
    step on a network of this size.

    Args:
        parameter: changed in place, by its `grad`.
        learning_rate: step size.
    """

    def __init__(self, parameter: Tensor, learning_rate: float) -> None:
        self.learning_rate = learning_rate
        self._parameter = parameter
        self._mean, self._square = torch.zeros_like(parameter), torch.zeros_like(parameter)
        self._count = torch.zeros((), dtype=torch.float32)

    @torch.no_grad()
    def step(self) -> None:
        """Move the parameter."""
        assert self._parameter.grad is not None
        adam(
            [self._parameter],
            [self._parameter.grad],
            [self._mean],
            [self._square],
            [],
            [self._count],
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self.learning_rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )

    def state_dict(self) -> dict[str, Any]:
        """The moments and the number of steps."""
        return {"mean": self._mean.clone(), "square": self._square.clone(), "count": self._count.clone()}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        self._mean.copy_(state["mean"])
        self._square.copy_(state["square"])
        self._count.copy_(state["count"])
