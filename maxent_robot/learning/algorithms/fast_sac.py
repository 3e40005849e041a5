"""One update of Soft Actor-Critic by graphs that are written by hand: the mathematics of `sac`, in less time.

That module by autograd is the reference; `tests/test_learning_fast_update.py` holds this one to it. What is saved: the
calls of some hundred small operators, the actor's gradient through critics that did not give the least value, and
everything of the critics' input gradient but the columns of the action.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from maxent_robot.learning.graphs.sac_graphs import SacShape, actor_gradient_graph, critic_gradient_graph
from maxent_robot.learning.networks import CriticEnsemble, SquashedGaussianActor
from maxent_robot.learning.optimised_network import AveragedNetwork
from maxent_robot.learning.replay import Batch


class FastSacUpdate:
    """Moves the critics and the actor by one minibatch.

    The graphs read the weights where they are and write the gradients to where the optimisers look for them.

    Args:
        actor: the policy.
        critic: ensembles that see the observation, the privileged vector and the action, scaled for the observation as
            the actor is.
        threads: of ONNX Runtime.
    """

    def __init__(
        self, actor: AveragedNetwork[SquashedGaussianActor], critic: AveragedNetwork[CriticEnsemble], threads: int = 1
    ) -> None:
        size = len(actor.online.observation_scale)
        if not torch.equal(critic.online.input_scale[:size], actor.online.observation_scale):
            raise ValueError("actor and critics must scale the observation alike")
        self._actor, self._critic = actor, critic
        one = actor.online
        hidden = [layer for layer in one.trunk if isinstance(layer, nn.Linear)]
        shape = SacShape(
            observation=size,
            privileged=len(critic.online.input_scale) - size - one.action_size,
            action=one.action_size,
            hidden_layers=len(hidden),
            heads=len(critic.online.heads),
            norm_epsilon=next((one.eps for one in critic.online.modules() if isinstance(one, nn.LayerNorm)), None),
            log_std_minimum=one.log_std_minimum,
            log_std_maximum=one.log_std_maximum,
            dtype=np.float32 if actor.weights.dtype == torch.float32 else np.float64,
        )
        tensors: dict[str, Tensor] = {"offset": critic.online.input_offset, "scale": critic.online.input_scale}
        tensors.update(_named("actor", [*one.trunk, one.head]))
        for name, ensemble in (("critic", critic.online), ("target", critic.average)):
            for number, head in enumerate(ensemble.heads):
                tensors.update(_named(f"{name}.{number}", list(head.children())))
        self._scalars = {name: np.zeros((), shape.dtype) for name in ("temperature", "cost_weight")}
        tensors.update({name: torch.from_numpy(value) for name, value in self._scalars.items()})
        self._critic_gradient = _BoundGraph(critic_gradient_graph(shape), tensors, ("loss", "q"), threads)
        self._actor_gradient = _BoundGraph(actor_gradient_graph(shape), tensors, ("loss", "entropy"), threads)

    def __call__(
        self, batch: Batch, temperature: float, cost_weight: float, next_noise: Tensor, noise: Tensor
    ) -> dict[str, float]:
        """As `Learner.improve_critic` and `MaximumEntropyLearner.improve_policy`. Returns scalars to log.

        Args:
            next_noise, noise: (batch, action_size), standard normal, for the next states and for the states.
        """
        self._scalars["temperature"][()] = temperature
        self._scalars["cost_weight"][()] = cost_weight
        data = {**batch._asdict(), "next_noise": next_noise, "noise": noise}
        critic_loss, q = self._critic_gradient.run(data)
        self._critic.optimiser.step()
        actor_loss, entropy = self._actor_gradient.run(data)
        self._actor.optimiser.step()
        return {"critic_loss": critic_loss, "q": q, "actor_loss": actor_loss, "entropy": entropy}


class _BoundGraph:
    """A graph whose weights, gradients and scalars have fixed places in memory.

    Args:
        model: the graph, serialised.
        tensors: its inputs that stay where they are, with their `grad`s.
        scalars: names of the outputs that are numbers.
        threads: that it runs on.
    """

    def __init__(self, model: bytes, tensors: dict[str, Tensor], scalars: tuple[str, ...], threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Two graphs take turns: the threads of the one that waits must not keep the cores of the other.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._binding = self._session.io_binding()
        self._dtype = tensors["offset"].numpy().dtype
        self._tensors = tensors  # what the graph reads and writes must outlive it
        inputs = [value.name for value in self._session.get_inputs()]
        for name in inputs:
            if name in tensors:
                self._bind(self._binding.bind_input, name, tensors[name].detach())
        self._scalars = [torch.zeros((), dtype=tensors["offset"].dtype) for _ in scalars]
        places = dict(zip(scalars, self._scalars, strict=True))
        for value in self._session.get_outputs():
            place = places.get(value.name)
            if place is None:
                place = tensors[value.name.removesuffix(".grad")].grad
                assert place is not None, "flatten_parameters has not been called for this network"
            self._bind(self._binding.bind_output, value.name, place)
        self._data_names = [name for name in inputs if name not in tensors]
        self._data: dict[str, Tensor] = {}

    def run(self, data: dict[str, Tensor]) -> list[float]:
        """Copy what the graph wants of `data` into its inputs, run it, and return its scalars."""
        if not self._data or len(self._data[self._data_names[0]]) != len(data[self._data_names[0]]):
            self._data = {name: torch.empty_like(data[name]).contiguous() for name in self._data_names}
            for name, tensor in self._data.items():
                self._bind(self._binding.bind_input, name, tensor)
        for name, tensor in self._data.items():
            tensor.copy_(data[name])
        self._session.run_with_iobinding(self._binding)
        return [scalar.item() for scalar in self._scalars]

    def _bind(self, bind: Any, name: str, tensor: Tensor) -> None:
        assert tensor.is_contiguous()
        bind(name, "cpu", 0, self._dtype, list(tensor.shape), tensor.data_ptr())


def _named(network: str, layers: list[nn.Module]) -> dict[str, Tensor]:
    """Parameters under the names of the graphs."""
    named: dict[str, Tensor] = {}
    number = -1
    for layer in layers:
        if isinstance(layer, nn.Linear):
            number += 1
            prefix = f"{network}.{number}"
        elif isinstance(layer, nn.LayerNorm):
            prefix = f"{network}.{number}.norm"
        else:
            continue
        named[f"{prefix}.weight"], named[f"{prefix}.bias"] = layer.weight, layer.bias
    return named
