"""The networks of all algorithms. They take raw observations: offset and scale are inside, and so are exported."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from maxent_robot.errors import ConfigError


class ObservationNetwork(nn.Module):
    """What the actors share: the observation is shifted and scaled, then passes ReLU layers and a linear head."""

    observation_offset: Tensor
    observation_scale: Tensor

    def __init__(self, observation_scale: np.ndarray, hidden_sizes: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.register_buffer("observation_offset", torch.zeros_like(_scale(observation_scale)))
        self.register_buffer("observation_scale", _scale(observation_scale))
        self.trunk = nn.Sequential(*dense_layers(len(observation_scale), hidden_sizes, layer_norm=False))
        self.head = nn.Linear(hidden_sizes[-1], outputs)
        nn.init.uniform_(self.head.weight, -3e-3, 3e-3)
        nn.init.zeros_(self.head.bias)

    def output(self, observation: Tensor) -> Tensor:
        """(batch, observation_size) -> (batch, outputs)."""
        output: Tensor = self.head(self.trunk((observation - self.observation_offset) / self.observation_scale))
        return output


class SquashedGaussianActor(ObservationNetwork):
    """Observation -> mean and log standard deviation of a Gaussian that tanh squashes into [-1, 1]^n.

    `log_std` is kept in [log_std_minimum, log_std_maximum] by a smooth bound, so its gradient never dies at the edge.

    Args:
        observation_scale: (observation_size,), positive; the input is divided by it.
        action_size: number of action axes.
        hidden_sizes: widths of the ReLU layers.
        log_std_minimum, log_std_maximum: range of the log standard deviation before tanh.
        log_std_initial: about what it is before training; by default the middle of the range.

    Raises:
        ConfigError: the initial value is not inside the range.
    """

    def __init__(
        self,
        observation_scale: np.ndarray,
        action_size: int,
        hidden_sizes: Sequence[int],
        log_std_minimum: float,
        log_std_maximum: float,
        log_std_initial: float | None = None,
    ) -> None:
        super().__init__(observation_scale, hidden_sizes, 2 * action_size)
        self.action_size = action_size
        self.log_std_minimum = log_std_minimum
        self.log_std_maximum = log_std_maximum
        if log_std_initial is not None:
            if not log_std_minimum < log_std_initial < log_std_maximum:
                raise ConfigError(
                    f"log_std_initial is {log_std_initial:g}, must be between log_std_minimum, {log_std_minimum:g}, "
                    f"and log_std_maximum, {log_std_maximum:g}"
                )
            share = (log_std_initial - log_std_minimum) / self.log_std_half_range - 1.0
            nn.init.constant_(self.head.bias[action_size:], math.atanh(share))

    @property
    def log_std_half_range(self) -> float:
        """Half the width of the range of the log standard deviation."""
        return 0.5 * (self.log_std_maximum - self.log_std_minimum)

    def forward(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, observation_size) -> mean before tanh and log_std, each (batch, action_size)."""
        return self.distribution(self.output(observation))

    def distribution(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Mean before tanh and bounded log_std of the head's output, (batch, 2 action_size)."""
        mean, raw = output.chunk(2, dim=-1)
        return mean, self.log_std_minimum + self.log_std_half_range * (torch.tanh(raw) + 1.0)


class DeterministicActor(ObservationNetwork):
    """Observation -> action tanh(head) in [-1, 1]^n. Arguments as `SquashedGaussianActor`."""

    def __init__(self, observation_scale: np.ndarray, action_size: int, hidden_sizes: Sequence[int]) -> None:
        super().__init__(observation_scale, hidden_sizes, action_size)

    def forward(self, observation: Tensor) -> Tensor:
        """(batch, observation_size) -> (batch, action_size)."""
        return torch.tanh(self.output(observation))


class CategoricalActor(ObservationNetwork):
    """Observation -> log probabilities of `action_count` actions. Arguments as `SquashedGaussianActor`."""

    def __init__(self, observation_scale: np.ndarray, action_count: int, hidden_sizes: Sequence[int]) -> None:
        super().__init__(observation_scale, hidden_sizes, action_count)

    def forward(self, observation: Tensor) -> Tensor:
        """(batch, observation_size) -> (batch, action_count)."""
        return functional.log_softmax(self.output(observation), dim=-1)


class Critics(nn.Module):
    """Several independent Q functions of the same inputs, which are shifted and scaled first.

    Args:
        input_scales: one (size,) positive array for each input, in the order of `forward`; inputs are divided by them.
        make_head: makes one function of all inputs, given their size.
        heads: number of Q functions.
    """

    input_offset: Tensor
    input_scale: Tensor

    def __init__(
        self, input_scales: Sequence[np.ndarray], make_head: Callable[[int], nn.Sequential], heads: int
    ) -> None:
        super().__init__()
        scale = np.concatenate([np.asarray(part, np.float32) for part in input_scales])
        self.register_buffer("input_offset", torch.zeros_like(_scale(scale)))
        self.register_buffer("input_scale", _scale(scale))
        self.heads = nn.ModuleList(make_head(len(scale)) for _ in range(heads))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Inputs of (batch, size), for example observation, privileged vector, action -> (batch, heads x outputs)."""
        features = (torch.cat(inputs, dim=-1) - self.input_offset) / self.input_scale
        return torch.cat([head(features) for head in self.heads], dim=-1)


class CriticEnsemble(Critics):
    """Each head Linear, LayerNorm or not, ReLU twice or more, Linear.

    Args:
        input_scales: as `Critics`.
        hidden_sizes: widths of the hidden layers.
        heads: number of Q functions.
        layer_norm: whether each hidden layer has one before its ReLU.
        outputs: values of each head: 1 where the action is an input, else one for each of the discrete actions.
    """

    def __init__(
        self,
        input_scales: Sequence[np.ndarray],
        hidden_sizes: Sequence[int],
        heads: int,
        layer_norm: bool = True,
        outputs: int = 1,
    ) -> None:
        def make_head(size: int) -> nn.Sequential:
            return nn.Sequential(*dense_layers(size, hidden_sizes, layer_norm), nn.Linear(hidden_sizes[-1], outputs))

        super().__init__(input_scales, make_head, heads)


class BatchNormCritics(Critics):
    """As `CriticEnsemble`, with batch normalisation of the inputs and after each ReLU (Bhatt et al. 2024).

    In training mode the statistics are those of the batch, else their running means.
    """

    def __init__(self, input_scales: Sequence[np.ndarray], hidden_sizes: Sequence[int], heads: int) -> None:
        def make_head(size: int) -> nn.Sequential:
            layers: list[nn.Module] = [_batch_norm(size)]
            for fan_in, fan_out in itertools.pairwise([size, *hidden_sizes]):
                layers += [nn.Linear(fan_in, fan_out), nn.ReLU(), _batch_norm(fan_out)]
            return nn.Sequential(*layers, nn.Linear(hidden_sizes[-1], 1))

        super().__init__(input_scales, make_head, heads)


def _batch_norm(size: int) -> nn.BatchNorm1d:
    return nn.BatchNorm1d(size, eps=1e-3, momentum=0.01)  # those of the paper


def dense_layers(input_size: int, hidden_sizes: Sequence[int], layer_norm: bool) -> list[nn.Module]:
    """Linear, LayerNorm where asked for, and ReLU, for each hidden layer."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise([input_size, *hidden_sizes]):
        layers += [nn.Linear(fan_in, fan_out), *([nn.LayerNorm(fan_out)] if layer_norm else []), nn.ReLU()]
    return layers


def _scale(scale: np.ndarray) -> Tensor:
    array = np.array(scale, dtype=np.float32)
    if array.ndim != 1 or not np.all(np.isfinite(array)) or np.any(array <= 0.0):
        raise ValueError(f"a scale is a vector of finite positive numbers, got {array!r}")
    return torch.from_numpy(array).to(torch.get_default_dtype())
