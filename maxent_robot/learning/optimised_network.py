"""A network that is optimised, alone or with its moving average: a target, or the actor that is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from maxent_robot.learning.flat_adam import FlatAdam
from maxent_robot.learning.flat_parameters import flatten_parameters, write_gradient

Network = TypeVar("Network", bound=nn.Module)


class OptimisedNetwork(Generic[Network]):
    """`online`, and Adam on all its parameters as one vector.

    Args:
        make: makes the network.
        learning_rate: of Adam.
        momentum: of Adam, beta 1.
    """

    def __init__(self, make: Callable[[], Network], learning_rate: float, momentum: float = 0.9) -> None:
        self.online = make()
        self.weights = flatten_parameters(self.online)
        self.optimiser = FlatAdam(self.weights, learning_rate, momentum)

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The network with all its copies."""
        return (self.online,)

    def minimise(self, loss: Tensor) -> float:
        """One step down the gradient of `loss` in the parameters of `online` alone. Returns the loss before it."""
        write_gradient(self.online, torch.autograd.grad(loss, list(self.online.parameters())))
        self.optimiser.step()
        return loss.item()

    def follow(self) -> None:
        """Move what follows the network, if anything does."""

    def state_dict(self) -> dict[str, Any]:
        """The network and the optimiser."""
        return {"online": self.online.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        self.online.load_state_dict(state["online"])
        self.optimiser.load_state_dict(state["optimiser"])


class AveragedNetwork(OptimisedNetwork[Network]):
    """A network and `average`, which follows it.

    Args:
        make: makes the network; called twice.
        learning_rate: of Adam.
        rate: share of `online` mixed into `average` by each `follow`.
        momentum: of Adam, beta 1.
    """

    def __init__(self, make: Callable[[], Network], learning_rate: float, rate: float, momentum: float = 0.9) -> None:
        super().__init__(make, learning_rate, momentum)
        self.average = make()
        self.average.load_state_dict(self.online.state_dict())
        self.average.requires_grad_(False)
        self.average_weights = flatten_parameters(self.average)
        self.rate = rate

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        return self.online, self.average

    @torch.no_grad()
    def follow(self) -> None:
        """average <- (1 - rate) average + rate online."""
        self.average_weights.lerp_(self.weights, self.rate)

    def state_dict(self) -> dict[str, Any]:
        """Both networks and the optimiser."""
        return {**super().state_dict(), "average": self.average.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.average.load_state_dict(state["average"])
