"""The critics of a skill as one ONNX graph: observation and action to one soft Q value a head."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxent_robot.inference.session import ModelSource, Network
from maxent_robot.skill.bundle import SkillBundle


class OnnxCritic:
    """Soft Q(s, a) of every head: `critic(observation, action) -> q` of shape (n, heads) float32.

    Args:
        source: a verified skill bundle, or the path or bytes of a `critic.onnx`.

    Raises:
        InferenceError: not a graph with inputs `observation` and `action` and output `q`.
    """

    def __init__(self, source: SkillBundle | ModelSource) -> None:
        graph = source.critic_onnx if isinstance(source, SkillBundle) else source
        self._network = Network(graph, ("observation", "action"), ("q",))

    @property
    def observation_size(self) -> int:
        """Length of an observation."""
        return self._network.input_sizes[0]

    @property
    def action_size(self) -> int:
        """Length of an action."""
        return self._network.input_sizes[1]

    def __call__(self, observation: ArrayLike, action: ArrayLike) -> NDArray[np.float32]:
        """Evaluate the critics.

        Args:
            observation: (n, observation_size), SI units, or (1, observation_size) where all actions are of one state.
            action: (n, action_size), in [-1, 1], after the tanh.

        Returns:
            (n, heads) float32.

        Raises:
            InferenceError: wrong shape, or a value that is not finite, in or out.
        """
        states, actions = np.shape(observation), np.shape(action)
        if self._network.shares_batch and len(states) == len(actions) == 2 and states[0] == 1:
            observation = np.broadcast_to(observation, (actions[0], states[1]))
        return self._network(observation, action)[0]

    def disagreement(self, observation: ArrayLike, action: ArrayLike) -> NDArray[np.float64]:
        """Distance (n,) of the least to the greatest head, in units of reward; arguments and errors as of a call."""
        q = self(observation, action).astype(np.float64)
        distance: NDArray[np.float64] = q.max(axis=1) - q.min(axis=1)
        return distance
