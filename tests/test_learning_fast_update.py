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
from maxent_robot.learning.environment import Spaces
from maxent_robot.learning.flat_adam import FlatAdam
from maxent_robot.learning.flat_parameters import ALIGNMENT, flatten_parameters
from maxent_robot.learning.optimised_network import AveragedNetwork

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
    ("heads", "layer_norm", "normalise", "threads"),
    [(1, True, False, 1), (2, True, False, 2), (3, True, True, 2), (2, False, True, 1), (2, False, False, 3)],
)
def test_a_hundred_updates_are_those_of_autograd(heads: int, layer_norm: bool, normalise: bool, threads: int) -> None:
    fast, reference = (
        make_learner(critic_heads=heads, layer_norm=layer_norm, normalise_observation=normalise, fast_update=choice)
        for choice in (True, False)
    )
    fast.use_threads(threads)
    for number in range(100):
        batch = make_batch(32 if number < 60 else 48, number)
        for learner in (fast, reference):
            learner.observe(batch.observation.numpy() + 0.5)
        one, two = (learner.update(batch, 0.7) for learner in (fast, reference))
        assert set(one) == set(two)
        for name in one:
            assert one[name] == pytest.approx(two[name], rel=1e-6, abs=1e-9), name
    assert fast.temperature.value == pytest.approx(reference.temperature.value, rel=1e-6)
    for name, network in fast.networks().items():
        other = reference.networks()[name]
        torch.testing.assert_close(network.weights, other.weights, rtol=1e-6, atol=1e-9)
        assert isinstance(network, AveragedNetwork)
        assert isinstance(other, AveragedNetwork)
        torch.testing.assert_close(network.average_weights, other.average_weights, rtol=1e-6, atol=1e-9)
    assert not torch.equal(fast.actor.weights, make_learner().actor.weights)


def test_single_precision_stays_close_to_autograd() -> None:
    """The operators of single precision, such as LayerNormalization, are not those of the test above."""
    fast, reference = (make_learner(fast_update=choice) for choice in (True, False))
    for number in range(20):
        one, two = (learner.update(make_batch(64, number), 0.7) for learner in (fast, reference))
    for name in one:
        assert one[name] == pytest.approx(two[name], rel=1e-3, abs=1e-4), name


def test_flat_adam_is_adam() -> None:
    generator = torch.Generator().manual_seed(0)
    vectors = [torch.nn.Parameter(torch.linspace(-1.0, 1.0, 7)) for _ in range(2)]
    for vector in vectors:
        vector.grad = torch.zeros(7)
    ours, theirs = FlatAdam(vectors[0], 0.01), torch.optim.Adam([vectors[1]], lr=0.01)
    for _ in range(50):
        gradient = torch.randn(7, generator=generator)
        for vector in vectors:
            gradient_of(vector).copy_(gradient)
        ours.step()
        theirs.step()
    torch.testing.assert_close(vectors[0], vectors[1], rtol=1e-5, atol=1e-7)


def test_flat_parameters_are_those_of_the_network() -> None:
    torch.manual_seed(0)  # some weights all but cancel, and their sum then shows the order of adding
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
        FastSacUpdate(learner.actor, learner.critic)


@pytest.mark.usefixtures("_double_precision")
@pytest.mark.parametrize("layer_norm", [True, False])
def test_a_critic_that_never_gives_the_least_value_gets_no_blame(layer_norm: bool) -> None:
    fast, reference = (make_learner(fast_update=choice, layer_norm=layer_norm) for choice in (True, False))
    for learner in (fast, reference):
        with torch.no_grad():
            list(learner.critic.online.heads[1].parameters())[-1].add_(1000.0)
    for number in range(3):
        one, two = (learner.update(make_batch(16, number), 0.7) for learner in (fast, reference))
        assert one == pytest.approx(two, rel=1e-6)
