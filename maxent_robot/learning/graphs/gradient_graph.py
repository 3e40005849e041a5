"""Dense networks and their gradients as ONNX operators.

Names of weights: network, layer and kind, as `actor.0.weight`; a gradient's name is that of its weight and `.grad`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto, numpy_helper

from maxent_robot.learning.graphs.graph_builder import GraphBuilder


@dataclass(frozen=True)
class Layer:
    """A layer's weights, and what its backward pass needs of the forward pass; all are names of values."""

    weights: str
    inputs: str
    output: str
    norm: tuple[str, str, str] | None  # the norm's input, its mean and its inverse deviation


class GradientGraph(GraphBuilder):
    """A graph of single or double precision that knows dense networks, forwards and backwards.

    Args:
        dtype: np.float32 or np.float64.
    """

    def __init__(self, dtype: type[np.floating]) -> None:
        super().__init__()
        self.dtype = dtype
        self.inputs: dict[str, list[str | int] | None] = {}
        self.outputs: list[str] = []
        self._held: dict[str, str] = {}
        self._ones = ""

    def serialise(self, name: str) -> bytes:
        """The graph with all inputs and outputs declared so far."""
        kind = TensorProto.FLOAT if self.dtype is np.float32 else TensorProto.DOUBLE
        serialised: bytes = self.model(name, self.inputs, dict.fromkeys(self.outputs), kind).SerializeToString()
        return serialised

    def input(self, name: str, *size: str | int) -> str:
        """Declare an input once."""
        self.inputs.setdefault(name, list(size))
        return name

    def weight(self, name: str) -> str:
        """Declare a weight once; its size is that of the tensor that it is bound to."""
        self.inputs.setdefault(name, None)
        return name

    def constant(self, value: float | Sequence[int]) -> str:
        """A number of the graph's precision, or a list of integers."""
        key = str(value)
        if key not in self._held:
            self._held[key] = self.hold(np.array(value, self.dtype if isinstance(value, float) else np.int64))
        return self._held[key]

    def output(self, value: str, name: str) -> None:
        """Give a value to the outside."""
        self.outputs.append(self.apply("Identity", value, output=name))

    def add(self, *values: str) -> str:
        """Sum of values."""
        total = values[0]
        for value in values[1:]:
            total = self.apply("Add", total, value)
        return total

    def scale(self, value: str, factor: float) -> str:
        """A value times a number."""
        return self.apply("Mul", value, self.constant(float(factor)))

    def square(self, value: str) -> str:
        """A value times itself."""
        return self.apply("Mul", value, value)

    def rest(self, value: str) -> str:
        """1 - value^2, the derivative of tanh where it is `value`."""
        return self.apply("Sub", self.constant(1.0), self.square(value))

    def columns(self, value: str, start: int, stop: int, axis: int = 1) -> str:
        """A slice along an axis."""
        bounds = (self.constant([start]), self.constant([stop]), self.constant([axis]))
        return self.apply("Slice", value, *bounds)

    def sum(self, value: str, axis: int) -> str:
        """Sum over an axis, which goes."""
        return self.apply("ReduceSum", value, self.constant([axis]), keepdims=0)

    def sum_rows(self, value: str) -> str:
        """Sum over the rows of a matrix, as a product, which takes a sixth of the time of ReduceSum."""
        if not self._ones:
            rows = self.columns(self.apply("Shape", value), 0, 1, axis=0)
            size = self.apply("Concat", self.constant([1]), rows, axis=0)
            one = numpy_helper.from_array(np.ones(1, self.dtype))
            self._ones = self.apply("ConstantOfShape", size, value=one)
        return self.apply("Squeeze", self.apply("MatMul", self._ones, value), self.constant([0]))

    def mean(self, value: str) -> str:
        """Mean over everything."""
        return self.apply("ReduceMean", value, keepdims=0)

    def forward(self, network: str, inputs: str, hidden: int, norm_epsilon: float | None = None) -> list[Layer]:
        """A dense network of `hidden` ReLU layers, with a LayerNorm in each or without, and a linear one."""
        layers = []
        for number in range(hidden + 1):
            prefix = f"{network}.{number}"
            weight, bias = (self.weight(f"{prefix}.{kind}") for kind in ("weight", "bias"))
            output, norm = self.apply("Gemm", inputs, weight, bias, transB=1), None
            if number < hidden and norm_epsilon is not None:
                gain, offset = (self.weight(f"{prefix}.norm.{kind}") for kind in ("weight", "bias"))
                output, norm = self.layer_norm(output, gain, offset, norm_epsilon)
            if number < hidden:
                output = self.apply("Relu", output)
            layers.append(Layer(prefix, inputs, output, norm))
            inputs = output
        return layers

    def layer_norm(self, value: str, gain: str, offset: str, epsilon: float) -> tuple[str, tuple[str, str, str]]:
        """The normalised value; and the value before, its mean and its inverse deviation, (n, 1)."""
        if self.dtype is np.float32:
            output = self.apply("LayerNormalization", value, gain, offset, outputs=3, axis=-1, epsilon=epsilon)
            return output, (value, f"{output}:1", f"{output}:2")
        # The operator keeps its moments in single precision.
        mean = self.apply("ReduceMean", value, axes=[1], keepdims=1)
        shifted = self.apply("Sub", value, mean)
        variance = self.apply("ReduceMean", self.square(shifted), axes=[1], keepdims=1)
        padded = self.apply("Add", variance, self.constant(epsilon))
        deviation = self.apply("Reciprocal", self.apply("Sqrt", padded))
        scaled = self.apply("Mul", self.apply("Mul", shifted, deviation), gain)
        return self.apply("Add", scaled, offset), (value, mean, deviation)

    def relu_gradient(self, gradient: str, output: str) -> str:
        """Gradient of what entered a ReLU, given that of its output."""
        # A mask of numbers: Where takes ten times as long, Sign five times.
        mask = self.apply("CastLike", self.apply("Greater", output, self.constant(0.0)), gradient)
        return self.apply("Mul", gradient, mask)

    def norm_gradient(self, layer: Layer, gradient: str, standard: str, deviation: str) -> str:
        """Gradient of what entered a layer's norm, given that of its output and the standardised input."""
        inner = self.apply("Mul", gradient, self.weight(f"{layer.weights}.norm.weight"))
        drift = self.apply("ReduceMean", inner, axes=[1], keepdims=1)
        tilt = self.apply("ReduceMean", self.apply("Mul", inner, standard), axes=[1], keepdims=1)
        bent = self.apply("Sub", self.apply("Sub", inner, drift), self.apply("Mul", standard, tilt))
        return self.apply("Mul", bent, deviation)

    def standard(self, norm: tuple[str, ...]) -> str:
        """What entered a norm, shifted by its mean and scaled by its inverse deviation."""
        before, mean, deviation = norm
        return self.apply("Mul", self.apply("Sub", before, mean), deviation)

    def backward(self, layers: list[Layer], gradient: str) -> None:
        """Output the gradient of every weight, given that of the network's output."""
        for number in reversed(range(len(layers))):
            layer = layers[number]
            if number < len(layers) - 1:
                gradient = self.relu_gradient(gradient, layer.output)
            if layer.norm is not None:
                standard = self.standard(layer.norm)
                gain = self.sum_rows(self.apply("Mul", gradient, standard))
                self.output(gain, f"{layer.weights}.norm.weight.grad")
                self.output(self.sum_rows(gradient), f"{layer.weights}.norm.bias.grad")
                gradient = self.norm_gradient(layer, gradient, standard, layer.norm[2])
            self.output(self.apply("Gemm", gradient, layer.inputs, transA=1), f"{layer.weights}.weight.grad")
            self.output(self.sum_rows(gradient), f"{layer.weights}.bias.grad")
            if number:
                gradient = self.apply("MatMul", gradient, f"{layer.weights}.weight")

    def action_gradient(self, layers: list[Layer], rows: str, start: int, stop: int) -> str:
        """Gradient of a critic's value by columns of its input, for the rows of a mask, (k, stop - start)."""
        gradient = f"{layers[-1].weights}.weight"
        for number in reversed(range(len(layers) - 1)):
            layer = layers[number]
            output = self.apply("Compress", layer.output, rows, axis=0)
            gradient = self.relu_gradient(gradient, output)
            if layer.norm is not None:
                norm = tuple(self.apply("Compress", part, rows, axis=0) for part in layer.norm)
                gradient = self.norm_gradient(layer, gradient, self.standard(norm), norm[2])
            weight = f"{layer.weights}.weight"
            gradient = self.apply("MatMul", gradient, weight if number else self.columns(weight, start, stop))
        return gradient
