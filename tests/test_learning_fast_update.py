"""The update by hand computes what autograd computes, and the flat vectors are the networks' parameters."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from learners import ACTIONS, make_batch
from torch import nn

from maxent_robot.learning.algorithms.fast_sac import FastSacUpdate
from maxent_robot.learning.algorithms.sac import SoftActorCritic
from maxent_robot.learning.config import LearnerConfig
from maxent_robot.learning.dense_pass import DensePass
from maxent_robot.learning.environment import Spaces
from maxent_robot.learning.flat_parameters import ALIGNMENT, flatten_parameters

OBSERVATION_SCALE = np.array([0.5, 1.0, 2.0, 4.0, 0.25], np.float32)
PRIVILEGED_SCALE = np.array([3.0, 0.1], np.float32)


@pytest.fixture
def _double_precision() -> Iterator[None]:
    """Rounding in float32 would hide a wrong term, and Adam turns it into steps of another sign."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def make_learner(**settings: object) -> SoftActorCritic:
    config = LearnerConfig(**{"hidden_sizes": (32, 24), "initial_temperature": 0.2, **settings})  # type: ignore[arg-type]
    return SoftActorCritic(config, Spaces(OBSERVATION_SCALE, PRIVILEGED_SCALE, ACTIONS), seed=3)


def gradient_of(parameter: torch.Tensor) -> torch.Tensor:
    assert parameter.grad is not None
    return parameter.grad


@pytest.mark.usefixtures("_double_precision")
@pytest.mark.parametrize(
    ("heads", "layer_norm", "normalise"), [(1, True, False), (2, True, False), (3, True, True), (2, False, True)]
)
def test_a_hundred_updates_are_those_of_autograd(heads: int, layer_norm: bool, normalise: bool) -> None:
    fast, reference = (
        make_learner(critic_heads=heads, layer_norm=layer_norm, normalise_observation=normalise, fast_update=choice)
        for choice in (True, False)
    )
    for number in range(100):
        batch = make_batch(32 if number < 60 else 48, number)
        for learner in (fast, reference):
            learner.observe(batch.observation.numpy() + 0.5)
        one, two = (learner.update(batch, 0.7) for learner in (fast, reference))
        assert set(one) == set(two)
        for name in one:
            torch.testing.assert_close(one[name], two[name], rtol=1e-6, atol=1e-9)
    assert fast.temperature.value == pytest.approx(reference.temperature.value, rel=1e-6)
    for name, network in fast.networks().items():
        other = reference.networks()[name]
        torch.testing.assert_close(network.weights, other.weights, rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(network.average_weights, other.average_weights, rtol=1e-6, atol=1e-9)
    assert not torch.equal(fast.actor.weights, make_learner().actor.weights)


@pytest.mark.usefixtures("_double_precision")
def test_a_dense_pass_is_the_module_and_its_gradient() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(6, 9), nn.LayerNorm(9), nn.ReLU(), nn.Linear(9, 5), nn.ReLU(), nn.Linear(5, 2))
    inputs, gradient = torch.randn(7, 6, requires_grad=True), torch.randn(7, 2)
    output = module(inputs)
    expected = torch.autograd.grad(output, [inputs, *module.parameters()], gradient)
    vector = flatten_parameters(module)
    by_hand = DensePass(module.children())
    with torch.no_grad():
        torch.testing.assert_close(by_hand.forward(inputs), output)
        torch.testing.assert_close(by_hand.backward_inputs(gradient.clone(), slice(2, 5)), expected[0][:, 2:5])
        rows = torch.tensor([1, 4, 5])
        some = by_hand.backward_inputs(gradient[rows], slice(2, 5), rows)
        torch.testing.assert_close(some, expected[0][rows, 2:5])
        assert not gradient_of(vector).any(), "only the inputs were asked for"
        by_hand.backward_parameters(gradient)
    for parameter, value in zip(module.parameters(), expected[1:], strict=True):
        torch.testing.assert_close(parameter.grad, value)


@pytest.mark.parametrize(
    "layers", [[nn.ReLU()], [nn.Linear(2, 2), nn.Tanh()], [nn.Linear(2, 2), nn.ReLU(), nn.LayerNorm(2)]]
)
def test_a_dense_pass_refuses_what_it_does_not_know(layers: list[nn.Module]) -> None:
    with pytest.raises(TypeError, match=f"through {type(layers[-1]).__name__}"):
        DensePass(layers)


def test_flat_parameters_are_those_of_the_network() -> None:
    module = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 1))
    before = [parameter.detach().clone() for parameter in module.parameters()]
    vector = flatten_parameters(module)
    for parameter, value in zip(module.parameters(), before, strict=True):
        torch.testing.assert_close(parameter.detach(), value, rtol=0.0, atol=0.0)
        assert (parameter.data_ptr() - vector.data_ptr()) % (4 * ALIGNMENT) == 0
    assert float(vector.detach().sum()) == pytest.approx(float(sum(value.sum() for value in before)))
    optimiser = torch.optim.SGD([vector], lr=1.0)
    for parameter in module.parameters():
        gradient_of(parameter).fill_(0.5)
    optimiser.step()
    for parameter, value in zip(module.parameters(), before, strict=True):
        torch.testing.assert_close(parameter.detach(), value - 0.5)
    module.load_state_dict({name: torch.ones_like(value) for name, value in module.state_dict().items()})
    assert float(vector.detach().sum()) == sum(value.numel() for value in before)


def test_scales_that_differ_are_refused() -> None:
    learner = make_learner()
    learner.actor.online.observation_scale.mul_(2.0)
    with pytest.raises(ValueError, match="scale the observation alike"):
        FastSacUpdate(learner.actor.online, learner.critic.online, learner.critic.average)
