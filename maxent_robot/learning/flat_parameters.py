"""The parameters of a network as one vector and their gradient as another, so that a step of the optimiser and a moving
average are one operation each."""

from __future__ import annotations

import torch
from torch import nn

ALIGNMENT = 16
"""Each parameter begins at a multiple of this many elements, 64 bytes in float32: a cache line."""


def flatten_parameters(module: nn.Module) -> nn.Parameter:
    """Make the parameters of `module` views of one vector, and their `grad` views of the vector's `grad`.

    Returns:
        The vector, for an optimiser. Between parameters it holds zeros, whose gradient is zero.
    """
    parameters = list(module.parameters())
    starts = [0]
    for parameter in parameters:
        starts.append(-(-(starts[-1] + parameter.numel()) // ALIGNMENT) * ALIGNMENT)
    vector = nn.Parameter(torch.zeros(starts[-1], dtype=parameters[0].dtype))
    vector.grad = torch.zeros_like(vector)
    for parameter, start in zip(parameters, starts[:-1], strict=True):
        part = slice(start, start + parameter.numel())
        view = vector.data[part].view_as(parameter)
        view.copy_(parameter.data)
        parameter.data = view
        parameter.grad = vector.grad[part].view_as(parameter)
    return vector


def write_gradient(module: nn.Module, gradient: tuple[torch.Tensor, ...]) -> None:
    """Copy the gradient of each parameter, in the order of `module.parameters()`, to where its optimiser reads it."""
    for parameter, value in zip(module.parameters(), gradient, strict=True):
        assert parameter.grad is not None, "flatten_parameters has not been called for this network"
        parameter.grad.copy_(value)
