"""Forward and backward pass of a dense network by hand: what autograd does, without what it does not need to do.

It keeps no graph, adds no gradients up, uses its buffers again, and stops at the first layer, or there at the columns
that are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn

_relu_backward = torch.ops.aten.threshold_backward.grad_input
_layer_norm_backward = torch.ops.aten.native_layer_norm_backward.default


class _Block(NamedTuple):
    linear: nn.Linear
    norm: nn.LayerNorm | None
    relu: bool


class _Saved(NamedTuple):
    """What the backward pass of a block needs: its input, what entered and left the norm, and the norm's statistics."""

    inputs: Tensor
    linear: Tensor
    output: Tensor
    mean: Tensor
    rstd: Tensor

    def rows(self, index: Tensor, buffer: Tensor) -> _Saved:
        """The same for some rows of the batch, their output in a buffer; the input is not needed for them."""
        output = torch.index_select(self.output, 0, index, out=buffer[: len(index)])
        if self.mean is self.linear:
            return _Saved(self.inputs, output, output, output, output)
        linear, mean, rstd = (part.index_select(0, index) for part in (self.linear, self.mean, self.rstd))
        return _Saved(self.inputs, linear, output, mean, rstd)


class DensePass:
    """Runs a stack of Linear, each with LayerNorm and ReLU after it or without, whose `grad`s are there already.

    What a call returns is valid until the next call.

    Args:
        layers: the modules, in their order; their parameters are read and their `grad`s written in place.

    Raises:
        TypeError: another kind of module, or one in another order.
    """

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        self._blocks: list[_Block] = []
        for layer in layers:
            last = self._blocks[-1] if self._blocks else None
            if isinstance(layer, nn.Linear):
                self._blocks.append(_Block(layer, None, relu=False))
            elif isinstance(layer, nn.LayerNorm) and last is not None and last.norm is None and not last.relu:
                self._blocks[-1] = last._replace(norm=layer)
            elif isinstance(layer, nn.ReLU) and last is not None and not last.relu:
                self._blocks[-1] = last._replace(relu=True)
            else:
                raise TypeError(f"no pass by hand through {type(layer).__name__} at this place")
        self._saved: list[_Saved] = []
        self._outputs: list[Tensor] = []
        self._gradients: list[Tensor] = []
        self._chosen: list[Tensor] = []

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, in) -> (batch, out); keeps what the backward passes need."""
        if not self._outputs or len(self._outputs[0]) != len(inputs):
            sizes = [(len(inputs), linear.out_features) for linear, _, _ in self._blocks]
            self._outputs = [inputs.new_empty(size) for size in sizes]
            self._gradients = [inputs.new_empty(size) for size in sizes]
            self._chosen = [inputs.new_empty(size) for size in sizes]
        self._saved.clear()
        for (linear, norm, relu), buffer in zip(self._blocks, self._outputs, strict=True):
            before = output = torch.addmm(linear.bias, inputs, linear.weight.t(), out=buffer)
            mean = rstd = before
            if norm is not None:
                output, mean, rstd = torch.native_layer_norm(
                    before, norm.normalized_shape, norm.weight, norm.bias, norm.eps
                )
            if relu:
                output.relu_()
            self._saved.append(_Saved(inputs, before, output, mean, rstd))
            inputs = output
        return inputs

    def backward_parameters(self, gradient: Tensor) -> None:
        """Write the `grad` of every parameter, given the gradient (batch, out) of the last output."""
        for number in reversed(range(len(self._blocks))):
            linear, norm, _ = self._blocks[number]
            saved = self._saved[number]
            gradient, scale, shift = self._activation(number, saved, gradient, parameters=True)
            if norm is not None:
                _grad(norm.weight).copy_(scale)
                _grad(norm.bias).copy_(shift)
            _outer_product(gradient, saved.inputs, _grad(linear.weight))
            torch.sum(gradient, 0, out=_grad(linear.bias))
            if number:
                gradient = torch.mm(gradient, linear.weight, out=self._gradients[number - 1])

    def backward_inputs(self, gradient: Tensor, columns: slice, rows: Tensor | None = None) -> Tensor:
        """Gradient (batch, columns) of those columns of the input, given that of the last output.

        Args:
            rows: (k,) the rows of the batch that `gradient`, then (k, out), is about; None is all.
        """
        for number in reversed(range(len(self._blocks))):
            saved = self._saved[number]
            if rows is not None and number < len(self._blocks) - 1:
                saved = saved.rows(rows, self._chosen[number])
            gradient, _, _ = self._activation(number, saved, gradient, parameters=False)
            weight = self._blocks[number].linear.weight
            if number:
                gradient = torch.mm(gradient, weight, out=self._gradients[number - 1][: len(gradient)])
            else:
                gradient = gradient @ weight[:, columns]
        return gradient

    def _activation(
        self, number: int, saved: _Saved, gradient: Tensor, parameters: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Gradient of a block's linear output, and of the norm's scale and shift."""
        _, norm, relu = self._blocks[number]
        if relu:
            gradient = _relu_backward(gradient, saved.output, 0.0, grad_input=gradient)
        if norm is None:
            return gradient, gradient, gradient
        wanted = [True, parameters, parameters]
        back: tuple[Tensor, Tensor, Tensor] = _layer_norm_backward(
            gradient, saved.linear, norm.normalized_shape, saved.mean, saved.rstd, norm.weight, norm.bias, wanted
        )
        return back


def _outer_product(gradient: Tensor, inputs: Tensor, result: Tensor) -> None:
    """gradient^T inputs, (out, in); with few inputs the transposed product takes half the time."""
    if 4 * result.shape[1] < result.shape[0]:
        result.copy_(torch.mm(inputs.t(), gradient).t())
    else:
        torch.mm(gradient.t(), inputs, out=result)


def _grad(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None, "flatten_parameters has not been called for this network"
    return parameter.grad
