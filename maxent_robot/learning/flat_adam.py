"""Adam on one flat vector of parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class FlatAdam:
    """Adam (Kingma & Ba 2015) with beta 2 of 0.999, by PyTorch's fused kernel.

    `torch.optim.Adam` ends in the same kernel, but also looks after groups of parameters, which costs more than the
    step on a network of this size.

    Args:
        parameter: changed in place, by its `grad`, which has to be there.
        learning_rate: step size.
        momentum: beta 1.
    """

    def __init__(self, parameter: Tensor, learning_rate: float, momentum: float = 0.9) -> None:
        self.learning_rate, self.momentum = learning_rate, momentum
        assert parameter.grad is not None
        self._parameter, self._gradient = parameter.data, parameter.grad
        self._mean, self._square = torch.zeros_like(parameter.data), torch.zeros_like(parameter.data)
        self._count = torch.zeros((), dtype=torch.float32)

    @torch.no_grad()
    def step(self) -> None:
        """Move the parameter."""
        self._count += 1.0  # the kernel expects the number of this step
        torch._fused_adam_(
            [self._parameter],
            [self._gradient],
            [self._mean],
            [self._square],
            [],
            [self._count],
            lr=self.learning_rate,
            beta1=self.momentum,
            beta2=0.999,
            weight_decay=0.0,
            eps=1e-8,
            amsgrad=False,
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
