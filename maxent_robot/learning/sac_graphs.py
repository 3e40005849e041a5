"""The gradients of Soft Actor-Critic as ONNX graphs, written out operator by operator.

Their inputs are a minibatch, noise and the weights, their outputs the gradient of every weight, so ONNX Runtime does
all arithmetic of an update in two calls. Names of weights: network, head, layer and kind, as `critic.1.0.weight`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from maxent_robot.learning.distribution import HALF_LOG_2PI, LOG_2
from maxent_robot.learning.onnx_graph import IR_VERSION, OPSET

NORM_EPSILON = 1e-5


@dataclass(frozen=True)
class SacShape:
    """What the graphs depend on beside the weights.

    Attributes:
        observation, privileged, action: sizes of the vectors.
        hidden_layers: of actor and critics.
        heads: number of critics.
        layer_norm: whether the critics' hidden layers have one.
        log_std_minimum, log_std_maximum: of the actor.
        dtype: np.float32 or np.float64.
    """

    observation: int
    privileged: int
    action: int
    hidden_layers: int
    heads: int
    layer_norm: bool
    log_std_minimum: float
    log_std_maximum: float
    dtype: type[np.floating]


@dataclass(frozen=True)
class _Layer:
    """A layer's weights, and what its backward pass needs of the forward pass; all are names of values."""

    weights: str
    inputs: str
    output: str
    norm: tuple[str, str, str] | None  # the norm's input, its mean and its inverse deviation


@dataclass(frozen=True)
class _Policy:
    """A sample of the squashed Gaussian, (n, action), with what its gradient needs."""

    layers: list[_Layer]
    action: str
    log_prob: str  # (n,)
    spread: str  # std times noise
    bounded: str  # tanh of the raw log standard deviation


class _Graph:
    """Nodes so far; each method appends operators and returns the name of their output."""

    def __init__(self, shape: SacShape) -> None:
        self.shape = shape
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self.inputs: dict[str, list[str | int] | None] = {}
        self.outputs: list[str] = []
        self._ones = ""

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
        name = f"constant_{value}"
        array = np.array(value, self.shape.dtype if isinstance(value, float) else np.int64)
        self.constants.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def apply(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Append an operator and return its first output; the others end in `:1`, `:2`."""
        name = f"value_{len(self.nodes)}"
        names = [name, *(f"{name}:{number}" for number in range(1, outputs))]
        self.nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return name

    def output(self, value: str, name: str) -> None:
        """Give a value to the outside."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(name)

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
            one = numpy_helper.from_array(np.ones(1, self.shape.dtype))
            self._ones = self.apply("ConstantOfShape", size, value=one)
        return self.apply("Squeeze", self.apply("MatMul", self._ones, value), self.constant([0]))

    def mean(self, value: str) -> str:
        """Mean over everything."""
        return self.apply("ReduceMean", value, keepdims=0)

    def model(self, name: str) -> bytes:
        """The graph, serialised."""
        kind = TensorProto.FLOAT if self.shape.dtype is np.float32 else TensorProto.DOUBLE
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info(key, kind, size) for key, size in self.inputs.items()],
            [helper.make_tensor_value_info(key, kind, None) for key in self.outputs],
            list(self.constants.values()),
        )
        model = helper.make_model(graph, ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)])
        serialised: bytes = model.SerializeToString()
        return serialised

    def forward(self, network: str, inputs: str) -> list[_Layer]:
        """A dense network; the output of the last layer is that of the network."""
        layers = []
        hidden, is_critic = self.shape.hidden_layers, not network.startswith("actor")
        for number in range(hidden + 1):
            prefix = f"{network}.{number}"
            weight, bias = (self.weight(f"{prefix}.{kind}") for kind in ("weight", "bias"))
            output, norm = self.apply("Gemm", inputs, weight, bias, transB=1), None
            if number < hidden and is_critic and self.shape.layer_norm:
                gain, offset = (self.weight(f"{prefix}.norm.{kind}") for kind in ("weight", "bias"))
                output, norm = self.layer_norm(output, gain, offset)
            if number < hidden:
                output = self.apply("Relu", output)
            layers.append(_Layer(prefix, inputs, output, norm))
            inputs = output
        return layers

    def layer_norm(self, value: str, gain: str, offset: str) -> tuple[str, tuple[str, str, str]]:
        """The normalised value; and the value before, its mean and its inverse deviation, (n, 1)."""
        if self.shape.dtype is np.float32:
            output = self.apply("LayerNormalization", value, gain, offset, outputs=3, axis=-1, epsilon=NORM_EPSILON)
            return output, (value, f"{output}:1", f"{output}:2")
        # The operator keeps its moments in single precision.
        mean = self.apply("ReduceMean", value, axes=[1], keepdims=1)
        shifted = self.apply("Sub", value, mean)
        variance = self.apply("ReduceMean", self.square(shifted), axes=[1], keepdims=1)
        padded = self.apply("Add", variance, self.constant(NORM_EPSILON))
        deviation = self.apply("Reciprocal", self.apply("Sqrt", padded))
        scaled = self.apply("Mul", self.apply("Mul", shifted, deviation), gain)
        return self.apply("Add", scaled, offset), (value, mean, deviation)

    def relu_gradient(self, gradient: str, output: str) -> str:
        """Gradient of what entered a ReLU, given that of its output."""
        # A mask of numbers: Where takes ten times as long, Sign five times.
        mask = self.apply("CastLike", self.apply("Greater", output, self.constant(0.0)), gradient)
        return self.apply("Mul", gradient, mask)

    def norm_gradient(self, layer: _Layer, gradient: str, standard: str, deviation: str) -> str:
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

    def backward(self, layers: list[_Layer], gradient: str) -> None:
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

    def action_gradient(self, layers: list[_Layer], rows: str, start: int, stop: int) -> str:
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

    def scaled(self, *parts: str) -> str:
        """What a critic sees: observation, privileged vector and action, shifted and scaled."""
        joined = self.apply("Concat", *parts, axis=1)
        size = self.shape.observation + self.shape.privileged + self.shape.action
        offset, scale = self.input("offset", size), self.input("scale", size)
        return self.apply("Div", self.apply("Sub", joined, offset), scale)

    def policy(self, observation: str, noise: str) -> _Policy:
        """As `reparameterised_sample` of `SquashedGaussianActor.distribution`."""
        shape = self.shape
        size = shape.observation + shape.privileged + shape.action
        offset, scale = (
            self.columns(self.input(name, size), 0, shape.observation, axis=0) for name in ("offset", "scale")
        )
        layers = self.forward("actor", self.apply("Div", self.apply("Sub", observation, offset), scale))
        mean = self.columns(layers[-1].output, 0, shape.action)
        bounded = self.apply("Tanh", self.columns(layers[-1].output, shape.action, 2 * shape.action))
        half = 0.5 * (shape.log_std_maximum - shape.log_std_minimum)
        log_std = self.apply("Add", self.scale(bounded, half), self.constant(float(shape.log_std_minimum + half)))
        spread = self.apply("Mul", self.apply("Exp", log_std), noise)
        u = self.apply("Add", mean, spread)
        tail = self.apply("Exp", self.scale(self.apply("Abs", u), -2.0))
        softplus = self.add(
            self.apply("Log", self.apply("Add", tail, self.constant(1.0))), self.apply("Relu", self.scale(u, -2.0))
        )
        density = self.apply("Sub", self.scale(self.apply("Add", u, softplus), 2.0), log_std)
        density = self.apply("Sub", density, self.scale(self.square(noise), 0.5))
        constant = self.constant(shape.action * (HALF_LOG_2PI + 2.0 * LOG_2))
        log_prob = self.apply("Sub", self.sum(density, 1), constant)
        return _Policy(layers, self.apply("Tanh", u), log_prob, spread, bounded)

    def values(self, network: str, inputs: str) -> tuple[list[list[_Layer]], str]:
        """All critics: their layers, and Q (n, heads)."""
        passes = [self.forward(f"{network}.{head}", inputs) for head in range(self.shape.heads)]
        return passes, self.apply("Concat", *(layers[-1].output for layers in passes), axis=1)

    def batch(self, *names: str) -> list[str]:
        """Inputs with a row for each transition; vectors of size zero are left out."""
        sizes = {
            "observation": self.shape.observation,
            "privileged": self.shape.privileged,
            "action": self.shape.action,
            "next_observation": self.shape.observation,
            "next_privileged": self.shape.privileged,
            "noise": self.shape.action,
            "next_noise": self.shape.action,
        }
        wanted = [name for name in names if sizes.get(name, 1)]
        return [self.input(name, "batch", *([sizes[name]] if name in sizes else [])) for name in wanted]


def critic_gradient_graph(shape: SacShape) -> bytes:
    """Minibatch, `next_noise`, `temperature`, `cost_weight` and weights -> gradients of the critics, `loss`, `q`.

    Of the mean squared error to R - w C + gamma^k (min_i Q'_i(s', a') - alpha log pi(a'|s')), a' ~ pi.
    """
    graph = _Graph(shape)
    state, after = graph.batch("observation", "privileged"), graph.batch("next_observation", "next_privileged")
    policy = graph.policy(after[0], *graph.batch("next_noise"))
    _, next_q = graph.values("target", graph.scaled(*after, policy.action))
    least = graph.apply("ReduceMin", next_q, axes=[1], keepdims=0)
    value = graph.apply("Sub", least, graph.apply("Mul", graph.input("temperature"), policy.log_prob))
    reward, cost, discount = graph.batch("reward", "cost", "discount")
    paid = graph.apply("Sub", reward, graph.apply("Mul", graph.input("cost_weight"), cost))
    target = graph.add(paid, graph.apply("Mul", discount, value))
    passes, q = graph.values("critic", graph.scaled(*state, *graph.batch("action")))
    error = graph.apply("Sub", q, graph.apply("Unsqueeze", target, graph.constant([1])))
    share = graph.apply("Div", error, graph.apply("CastLike", graph.apply("Size", error), error))
    for head, layers in enumerate(passes):
        graph.backward(layers, graph.columns(share, head, head + 1))
    graph.output(graph.scale(graph.mean(graph.square(error)), 0.5), "loss")
    graph.output(graph.mean(q), "q")
    return graph.model("critic_gradient")


def actor_gradient_graph(shape: SacShape) -> bytes:
    """Minibatch, `noise`, `temperature` and weights -> gradients of the actor, `loss`, `entropy`.

    Of the mean of alpha log pi(a|s) - min_i Q_i(s, a). With a = tanh(u), u = mean + std noise, log pi has the
    derivatives d log pi / d u = 2 a and d log pi / d log std = -1 + 2 a std noise.
    """
    graph = _Graph(shape)
    state, temperature = graph.batch("observation", "privileged"), graph.input("temperature")
    policy = graph.policy(state[0], *graph.batch("noise"))
    passes, q = graph.values("critic", graph.scaled(*state, policy.action))
    winner = graph.apply("ArgMin", q, axis=1, keepdims=0)
    start = shape.observation + shape.privileged
    q_action = graph.apply("Sub", policy.action, policy.action)
    for head, layers in enumerate(passes):
        rows = graph.apply("Equal", winner, graph.constant([head]))
        index = graph.apply("Transpose", graph.apply("NonZero", rows))
        q_action = graph.apply(
            "ScatterND", q_action, index, graph.action_gradient(layers, rows, start, start + shape.action)
        )
    scale = graph.columns(graph.input("scale"), start, start + shape.action, axis=0)
    rising = graph.apply("Mul", graph.apply("Div", q_action, scale), graph.rest(policy.action))
    pre_tanh = graph.apply("Sub", graph.apply("Mul", graph.scale(policy.action, 2.0), temperature), rising)
    of_log_std = graph.apply("Sub", graph.apply("Mul", pre_tanh, policy.spread), temperature)
    half = 0.5 * (shape.log_std_maximum - shape.log_std_minimum)
    of_raw = graph.scale(graph.apply("Mul", of_log_std, graph.rest(policy.bounded)), half)
    gradient = graph.apply("Concat", pre_tanh, of_raw, axis=1)
    count = graph.apply("CastLike", graph.apply("Size", policy.log_prob), gradient)
    graph.backward(policy.layers, graph.apply("Div", gradient, count))
    entropy = graph.scale(graph.mean(policy.log_prob), -1.0)
    least = graph.mean(graph.apply("ReduceMin", q, axes=[1], keepdims=0))
    loss = graph.scale(graph.add(graph.apply("Mul", temperature, entropy), least), -1.0)
    graph.output(loss, "loss")
    graph.output(entropy, "entropy")
    return graph.model("actor_gradient")
