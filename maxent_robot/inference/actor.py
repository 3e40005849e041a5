"""The actor of a skill as an ONNX graph: observation to the pre-tanh mean and log standard deviation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxent_robot.inference.session import InferenceError, ModelSource, Network
from maxent_robot.skill.bundle import SkillBundle


class OnnxActor:
    """pi(a | s) before the tanh: `actor(observation) -> (mean, log_std)`, each (n, actions) float32.

    Args:
        source: a verified skill bundle, or the path or bytes of an `actor.onnx`.

    Raises:
        InferenceError: not a graph with input `observation` and outputs `mean` and `log_std`.
    """

    def __init__(self, source: SkillBundle | ModelSource) -> None:
        graph = source.actor_onnx if isinstance(source, SkillBundle) else source
        self._network = Network(graph, ("observation",), ("mean", "log_std"))

    @property
    def observation_size(self) -> int:
        """Length of an observation."""
        return self._network.input_sizes[0]

    def __call__(self, observation: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Evaluate the actor.

        Args:
            observation: (n, observation_size), SI units: the normalisation is inside the graph.

        Returns:
            Pre-tanh mean and log standard deviation, each (n, actions) float32.

        Raises:
            InferenceError: wrong shape, or a value that is not finite, in or out.
        """
        mean, log_std = self._network(observation)
        if mean.shape != log_std.shape:
            raise InferenceError(f"{self._network.name}: mean is {mean.shape} and log_std {log_std.shape}, must agree")
        return mean, log_std
