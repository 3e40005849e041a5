"""Export of trained networks: ONNX graphs that are shown to compute what PyTorch computes, or nothing at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from maxent_robot.errors import MaxentRobotError
from maxent_robot.learning.graphs.onnx_graph import actor_graph, critic_graph
from maxent_robot.learning.networks import CriticEnsemble, SquashedGaussianActor

PARITY_LIMIT = 1e-5
"""Largest relative difference of PyTorch and ONNX Runtime with which a graph is accepted."""

PARITY_INPUTS = 4096


class ExportError(MaxentRobotError):
    """The exported graph does not compute what the trained network computes."""


@dataclass(frozen=True)
class ExportedNetworks:
    """Serialised graphs and the largest relative difference found between them and PyTorch."""

    actor_onnx: bytes
    critic_onnx: bytes
    parity_error: float


def export_networks(actor: SquashedGaussianActor, critic: CriticEnsemble, seed: int) -> ExportedNetworks:
    """Build the graphs of an actor and a critic of (observation, action), and compare them on fresh inputs.

    Args:
        seed: of the inputs: observations from three times their scale down to a hundredth, actions in [-1, 1].

    Raises:
        ExportError: a graph differs from PyTorch by more than `PARITY_LIMIT`.
    """
    generator = np.random.default_rng(seed)
    scale = actor.observation_scale.numpy()
    spread = np.exp(generator.uniform(np.log(0.01), np.log(3.0), (PARITY_INPUTS, 1)))
    observation = (scale * spread * generator.standard_normal((PARITY_INPUTS, len(scale)))).astype(np.float32)
    action = generator.uniform(-1.0, 1.0, (PARITY_INPUTS, actor.action_size)).astype(np.float32)
    actor_onnx = actor_graph(actor)
    critic_onnx = critic_graph(critic, actor.action_size)
    with torch.no_grad():
        mean, log_std = actor(torch.from_numpy(observation))
        q = critic(torch.from_numpy(observation), torch.from_numpy(action))
    error = max(
        compare("actor.onnx", actor_onnx, {"observation": observation}, {"mean": mean, "log_std": log_std}),
        compare("critic.onnx", critic_onnx, {"observation": observation, "action": action}, {"q": q}),
    )
    return ExportedNetworks(actor_onnx, critic_onnx, error)


def compare(name: str, graph: bytes, inputs: dict[str, np.ndarray], expected: dict[str, Tensor]) -> float:
    """Largest difference of each output to `expected`, relative to the largest value of that output.

    Raises:
        ExportError: it is over `PARITY_LIMIT` or not finite; names the graph, the output and the difference.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    worst = 0.0
    for output, value in zip(expected, session.run(list(expected), inputs), strict=True):
        reference = expected[output].numpy().astype(np.float64)
        error = float(np.max(np.abs(value - reference)) / np.max(np.abs(reference)))
        if not error <= PARITY_LIMIT:
            raise ExportError(
                f"{name}: output {output!r} differs from PyTorch by {error:.3g} relative, allowed is {PARITY_LIMIT:g}"
            )
        worst = max(worst, error)
    return worst
