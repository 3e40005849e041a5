"""A network that is optimised, and its moving average: a target critic, a target actor, or the actor that is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from maxent_robot.learning.flat_adam import FlatAdam
from maxent_robot.learning.flat_parameters import flatten_parameters, write_gradient

Network = TypeVar("Network", bound=nn.Module)


class AveragedNetwork(Generic[Network]):
    """`online`, Adam on all its parameters as one vector, and `average`, which follows it.

    Args:
        make: makes the network; called twice.
        learning_rate: of Adam.
        rate: share of `online` mixed into `average` by each `follow`.
    """

    def __init__(self, make: Callable[[], Network], learning_rate: float, rate: float) -> None:
        self.online, self.average = make(), make()
        self.average.load_state_dict(self.online.state_dict())
        self.average.requires_grad_(False)
        self.weights, self.average_weights = flatten_parameters(self.online), flatten_parameters(self.average)
        self.optimiser = FlatAdam(self.weights, learning_rate)
        self.rate = rate

    def minimise(self, loss: Tensor) -> float:
        """One step down the gradient of `loss` in the parameters of `online` alone. Returns the loss before it."""
        write_gradient(self.online, torch.autograd.grad(loss, list(self.online.parameters())))
        self.optimiser.step()
        return loss.item()

    @torch.no_grad()
    def follow(self) -> None:
        """average <- (1 - rate) average + rate online."""
        self.average_weights.lerp_(self.weights, self.rate)

    def state_dict(self) -> dict[str, Any]:
        """Both networks and the optimiser."""
        return {
            "online": self.online.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        self.online.load_state_dict(state["online"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
