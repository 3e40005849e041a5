"""The gradients of Soft Actor-Critic as ONNX graphs, written out operator by operator.

Their inputs are a minibatch, noise and the weights, their outputs the gradient of every weight, so ONNX Runtime does
all arithmetic of an update in two calls. The networks are `actor`, `critic.<head>` and `target.<head>`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maxent_robot.learning.distribution import HALF_LOG_2PI, LOG_2
from maxent_robot.learning.graphs.gradient_graph import GradientGraph, Layer


@dataclass(frozen=True)
class SacShape:
    """What the graphs depend on beside the weights.

    Attributes:
        observation, privileged, action: sizes of the vectors.
        hidden_layers: of actor and critics.
        heads: number of critics.
        norm_epsilon: of the LayerNorm in the critics' hidden layers; None where they have none.
        log_std_minimum, log_std_maximum: of the actor.
        dtype: np.float32 or np.float64.
    """

    observation: int
    privileged: int
    action: int
    hidden_layers: int
    heads: int
    norm_epsilon: float | None
    log_std_minimum: float
    log_std_maximum: float
    dtype: type[np.floating]


@dataclass(frozen=True)
class _Policy:
    """A sample of the squashed Gaussian, (n, action), with what its gradient needs."""

    layers: list[Layer]
    action: str
    log_prob: str  # (n,)
    spread: str  # std times noise
    bounded: str  # tanh of the raw log standard deviation


class _Graph(GradientGraph):
    """Policy and critics of a shape."""

    def __init__(self, shape: SacShape) -> None:
        super().__init__(shape.dtype)
        self.shape = shape

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
        scaled = self.apply("Div", self.apply("Sub", observation, offset), scale)
        layers = self.forward("actor", scaled, shape.hidden_layers)
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

    def values(self, network: str, inputs: str) -> tuple[list[list[Layer]], str]:
        """All critics: their layers, and Q (n, heads)."""
        shape = self.shape
        passes = [
            self.forward(f"{network}.{head}", inputs, shape.hidden_layers, shape.norm_epsilon)
            for head in range(shape.heads)
        ]
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

    Of the mean squared error to R - w C + alpha H + gamma^k (min_i Q'_i(s', a') - alpha log pi(a'|s')), a' ~ pi.
    """
    graph = _Graph(shape)
    state, after = graph.batch("observation", "privileged"), graph.batch("next_observation", "next_privileged")
    policy = graph.policy(after[0], *graph.batch("next_noise"))
    _, next_q = graph.values("target", graph.scaled(*after, policy.action))
    least = graph.apply("ReduceMin", next_q, axes=[1], keepdims=0)
    value = graph.apply("Sub", least, graph.apply("Mul", graph.input("temperature"), policy.log_prob))
    reward, cost, surprisal, discount = graph.batch("reward", "cost", "surprisal", "discount")
    fined = graph.apply("Sub", reward, graph.apply("Mul", graph.input("cost_weight"), cost))
    paid = graph.apply("Mul", graph.input("temperature"), surprisal)
    target = graph.add(fined, paid, graph.apply("Mul", discount, value))
    passes, q = graph.values("critic", graph.scaled(*state, *graph.batch("action")))
    error = graph.apply("Sub", q, graph.apply("Unsqueeze", target, graph.constant([1])))
    share = graph.apply("Div", error, graph.apply("CastLike", graph.apply("Size", error), error))
    for head, layers in enumerate(passes):
        graph.backward(layers, graph.columns(share, head, head + 1))
    graph.output(graph.scale(graph.mean(graph.square(error)), 0.5), "loss")
    graph.output(graph.mean(q), "q")
    return graph.serialise("critic_gradient")


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
    return graph.serialise("actor_gradient")
