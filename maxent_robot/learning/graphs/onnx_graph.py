"""The networks as ONNX graphs, built operator by operator.

The graphs hold nothing but the arithmetic of `networks.py`, so they need no tracer, and what a robot runs can be read
off this page.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import onnx
from onnx import helper
from torch import Tensor, nn

from maxent_robot.learning.graphs.graph_builder import GraphBuilder
from maxent_robot.learning.networks import CriticEnsemble, SquashedGaussianActor


class _Graph(GraphBuilder):
    """What the layers of a network are as operators."""

    def weight(self, value: Tensor | np.ndarray | float) -> str:
        array = value.detach().numpy() if isinstance(value, Tensor) else value
        return self.hold(np.ascontiguousarray(array, np.float32))

    def normalise(self, value: str, offset: Tensor, scale: Tensor) -> str:
        shifted = self.apply("Sub", value, self.weight(offset)) if offset.any() else value
        return self.apply("Div", shifted, self.weight(scale))

    def split(self, value: str, size: int) -> tuple[str, str]:
        names = (f"value_{len(self.nodes)}_first", f"value_{len(self.nodes)}_second")
        sizes = self.hold(np.array([size, size], np.int64))
        self.nodes.append(helper.make_node("Split", [value, sizes], list(names), axis=1))
        return names

    def layers(self, value: str, modules: nn.Sequential) -> str:
        for module in modules:
            if isinstance(module, nn.Linear):
                value = self.apply("Gemm", value, self.weight(module.weight), self.weight(module.bias), transB=1)
            elif isinstance(module, nn.LayerNorm):
                gain, offset = self.weight(module.weight), self.weight(module.bias)
                value = self.apply("LayerNormalization", value, gain, offset, axis=-1, epsilon=module.eps)
            elif isinstance(module, nn.ReLU):
                value = self.apply("Relu", value)
            else:
                raise TypeError(f"no ONNX operator for {type(module).__name__}")
        return value

    def serialise(self, name: str, inputs: dict[str, int], outputs: dict[str, int], states: str = "") -> bytes:
        """The model; input `states`, if named, may have a batch of its own."""

        def batched(sizes: dict[str, int]) -> dict[str, tuple[str, int]]:
            return {key: ("states" if key == states else "batch", size) for key, size in sizes.items()}

        model = self.model(name, batched(inputs), batched(outputs))
        onnx.checker.check_model(model, full_check=True)
        return cast(bytes, model.SerializeToString())


def actor_graph(actor: SquashedGaussianActor) -> bytes:
    """`observation` (batch, n) -> `mean` before tanh and `log_std`, each (batch, actions)."""
    graph = _Graph()
    scaled = graph.normalise("observation", actor.observation_offset, actor.observation_scale)
    head = graph.layers(graph.layers(scaled, actor.trunk), nn.Sequential(actor.head))
    mean, raw = graph.split(head, actor.action_size)
    graph.apply("Identity", mean, output="mean")
    half_range = 0.5 * (actor.log_std_maximum - actor.log_std_minimum)
    raised = graph.apply("Add", graph.apply("Tanh", raw), graph.weight(1.0))
    above = graph.apply("Mul", raised, graph.weight(half_range))
    graph.apply("Add", above, graph.weight(actor.log_std_minimum), output="log_std")
    size = actor.action_size
    return graph.serialise("actor", {"observation": len(actor.observation_scale)}, {"mean": size, "log_std": size})


def critic_graph(critic: CriticEnsemble, action_size: int) -> bytes:
    """`observation` (states, n), `action` (batch, actions) -> `q` (batch, heads); as many states as actions, or one.

    The first layer takes the two inputs apart, so that of many actions in one state only the actions cost anything.
    """
    graph = _Graph()
    seen = len(critic.input_scale) - action_size
    observation = graph.normalise("observation", critic.input_offset[:seen], critic.input_scale[:seen])
    action = graph.normalise("action", critic.input_offset[seen:], critic.input_scale[seen:])
    values = []
    for head in critic.heads:
        first, *rest = cast(nn.Sequential, head)
        weight = cast(nn.Linear, first).weight
        of_state = graph.apply("Gemm", observation, graph.weight(weight[:, :seen]), transB=1)
        of_action = graph.apply(
            "Gemm", action, graph.weight(weight[:, seen:]), graph.weight(cast(nn.Linear, first).bias), transB=1
        )
        values.append(graph.layers(graph.apply("Add", of_state, of_action), nn.Sequential(*rest)))
    graph.apply("Concat", *values, axis=1, output="q")
    return graph.serialise(
        "critic", {"observation": seen, "action": action_size}, {"q": len(critic.heads)}, states="observation"
    )
