"""An actor's forward pass in NumPy: for a few observations PyTorch's calls cost more than the arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import nn

from maxent_robot.learning.networks import ObservationNetwork

Layer = tuple[np.ndarray, np.ndarray]


class NumpyActor:
    """Computes `network.output`.

    Args:
        offset, scale: (observation_size,) of the observation.
        layers: weights (inputs, outputs) and biases (outputs,).
    """

    def __init__(self, offset: np.ndarray, scale: np.ndarray, layers: list[Layer]) -> None:
        self._offset, self._scale, self._layers = offset, scale, layers

    @classmethod
    def of(cls, network: ObservationNetwork) -> NumpyActor:
        """On the network's own weights, so that it follows them as they change in place.

        Args:
            network: its parameters must stay where they are, as those of an `AveragedNetwork` do.
        """
        linear = [layer for layer in [*network.trunk, network.head] if isinstance(layer, nn.Linear)]
        layers = [(layer.weight.detach().numpy().T, layer.bias.detach().numpy()) for layer in linear]
        return cls(network.observation_offset.numpy(), network.observation_scale.numpy(), layers)

    def copy(self) -> NumpyActor:
        """One that stays as it is."""
        return self.from_state(self.state_dict())

    def state_dict(self) -> dict[str, Any]:
        """Copies of the weights."""
        layers = [(weight.copy(), bias.copy()) for weight, bias in self._layers]
        return {"offset": self._offset.copy(), "scale": self._scale.copy(), "layers": layers}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> NumpyActor:
        """What gave the state."""
        return cls(state["offset"], state["scale"], list(state["layers"]))

    def __call__(self, observation: np.ndarray) -> np.ndarray:
        """(n, observation_size) float32 -> (n, outputs) float32."""
        value = (observation - self._offset) / self._scale
        for weight, bias in self._layers[:-1]:
            value = value @ weight
            value += bias
            np.maximum(value, 0.0, out=value)
        weight, bias = self._layers[-1]
        return np.asarray(value @ weight + bias)


def split_gaussian(output: np.ndarray, log_std_minimum: float, half_range: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean before tanh and bounded log_std of an actor's output, as `SquashedGaussianActor.distribution`."""
    mean, raw = np.split(output, 2, axis=1)
    return mean, log_std_minimum + half_range * (np.tanh(raw) + 1.0)
