"""An actor's forward pass in NumPy: for a few observations PyTorch's calls cost more than the arithmetic."""

from __future__ import annotations

import numpy as np
from torch import nn

from maxent_robot.learning.networks import ObservationNetwork


class NumpyActor:
    """Computes `network.output` on the network's own weights, so it follows them as they change in place.

    Args:
        network: its parameters must stay where they are, as those of an `AveragedNetwork` do.
    """

    def __init__(self, network: ObservationNetwork) -> None:
        self._offset, self._scale = network.observation_offset.numpy(), network.observation_scale.numpy()
        linear = [layer for layer in [*network.trunk, network.head] if isinstance(layer, nn.Linear)]
        self._layers = [(layer.weight.detach().numpy().T, layer.bias.detach().numpy()) for layer in linear]

    def __call__(self, observation: np.ndarray) -> np.ndarray:
        """(n, observation_size) float32 -> (n, outputs) float32."""
        value = (observation - self._offset) / self._scale
        for weight, bias in self._layers[:-1]:
            value = value @ weight
            value += bias
            np.maximum(value, 0.0, out=value)
        weight, bias = self._layers[-1]
        return np.asarray(value @ weight + bias)
