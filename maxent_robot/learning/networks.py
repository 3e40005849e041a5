"""The policy network and the ensemble of soft Q functions. Both take raw observations: the scales are inside."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn


class SquashedGaussianActor(nn.Module):
    """Observation -> mean and log standard deviation of a Gaussian that tanh squashes into [-1, 1]^n.

    `log_std` is kept in [log_std_minimum, log_std_maximum] by a smooth bound, so its gradient never dies at the edge.

    Args:
        observation_scale: (observation_size,), positive; the input is divided by it.
        action_size: number of action axes.
        hidden_sizes: widths of the ReLU layers.
        log_std_minimum, log_std_maximum: range of the log standard deviation before tanh.
    """

    observation_scale: Tensor

    def __init__(
        self,
        observation_scale: np.ndarray,
        action_size: int,
        hidden_sizes: Sequence[int],
        log_std_minimum: float,
        log_std_maximum: float,
    ) -> None:
        super().__init__()
        self.register_buffer("observation_scale", _scale(observation_scale))
        self.action_size = action_size
        self.log_std_minimum = log_std_minimum
        self.log_std_maximum = log_std_maximum
        layers: list[nn.Module] = []
        for fan_in, fan_out in _pairs(len(observation_scale), hidden_sizes):
            layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Linear(hidden_sizes[-1], 2 * action_size)
        nn.init.uniform_(self.head.weight, -3e-3, 3e-3)
        nn.init.zeros_(self.head.bias)

    @property
    def log_std_half_range(self) -> float:
        """Half the width of the range of the log standard deviation."""
        return 0.5 * (self.log_std_maximum - self.log_std_minimum)

    def forward(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, observation_size) -> mean before tanh and log_std, each (batch, action_size)."""
        return self.distribution(self.head(self.trunk(observation / self.observation_scale)))

    def distribution(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Mean before tanh and bounded log_std of the head's output, (batch, 2 action_size)."""
        mean, raw = output.chunk(2, dim=-1)
        return mean, self.log_std_minimum + self.log_std_half_range * (torch.tanh(raw) + 1.0)


class CriticEnsemble(nn.Module):
    """Several independent Q functions of the same inputs, each Linear, LayerNorm, ReLU twice or more, then Linear.

    Args:
        input_scales: one (size,) positive array for each input, in the order of `forward`; inputs are divided by them.
        hidden_sizes: widths of the hidden layers.
        heads: number of Q functions.
    """

    input_scale: Tensor

    def __init__(self, input_scales: Sequence[np.ndarray], hidden_sizes: Sequence[int], heads: int) -> None:
        super().__init__()
        scale = np.concatenate([np.asarray(part, np.float32) for part in input_scales])
        self.register_buffer("input_scale", _scale(scale))
        self.heads = nn.ModuleList(self._head(len(scale), hidden_sizes) for _ in range(heads))

    @staticmethod
    def _head(input_size: int, hidden_sizes: Sequence[int]) -> nn.Sequential:
        layers: list[nn.Module] = []
        for fan_in, fan_out in _pairs(input_size, hidden_sizes):
            layers += [nn.Linear(fan_in, fan_out), nn.LayerNorm(fan_out), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(hidden_sizes[-1], 1))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Inputs of (batch, size), for example observation, privileged vector, action -> (batch, heads)."""
        features = torch.cat(inputs, dim=-1) / self.input_scale
        return torch.cat([head(features) for head in self.heads], dim=-1)


def _pairs(input_size: int, hidden_sizes: Sequence[int]) -> list[tuple[int, int]]:
    return list(itertools.pairwise([input_size, *hidden_sizes]))


def _scale(scale: np.ndarray) -> Tensor:
    array = np.array(scale, dtype=np.float32)
    if array.ndim != 1 or not np.all(np.isfinite(array)) or np.any(array <= 0.0):
        raise ValueError(f"a scale is a vector of finite positive numbers, got {array!r}")
    return torch.from_numpy(array)
