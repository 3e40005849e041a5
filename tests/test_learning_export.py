"""Exported graphs compute what the networks compute, or are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from maxent_robot.inference.actor import OnnxActor
from maxent_robot.inference.critic import OnnxCritic
from maxent_robot.learning import export
from maxent_robot.learning.algorithms.maximum_entropy import make_actor
from maxent_robot.learning.config import LearnerConfig
from maxent_robot.learning.deployable_critic import make_deployable_critic
from maxent_robot.learning.networks import CriticEnsemble, SquashedGaussianActor
from maxent_robot.skill import OBSERVATION_SIZE, observation_scale


def make_networks() -> tuple[SquashedGaussianActor, CriticEnsemble]:
    """Networks of the shipped sizes, with weights as uneven as those of trained ones."""
    config, scale = LearnerConfig(), observation_scale()
    torch.manual_seed(0)
    actor, critic = make_actor(config, scale, 6), make_deployable_critic(config, scale, 6)
    with torch.no_grad():
        for parameter in [*actor.parameters(), *critic.parameters()]:
            parameter.add_(0.2 * torch.randn_like(parameter))
        actor.observation_offset.copy_(0.5 * actor.observation_scale)
        critic.input_offset[: len(scale)] = actor.observation_offset
    return actor, critic


def test_graphs_agree_with_torch_for_any_batch() -> None:
    actor, critic = make_networks()
    networks = export.export_networks(actor, critic, seed=1)
    assert 0.0 < networks.parity_error <= 1e-5
    generator = np.random.default_rng(2)
    for batch in (1, 7):
        observation = (observation_scale() * generator.standard_normal((batch, OBSERVATION_SIZE))).astype(np.float32)
        action = generator.uniform(-1.0, 1.0, (batch, 6)).astype(np.float32)
        mean, log_std = OnnxActor(networks.actor_onnx)(observation)
        q = OnnxCritic(networks.critic_onnx)(observation, action)
        with torch.no_grad():
            expected_mean, expected_log_std = actor(torch.from_numpy(observation))
            expected_q = critic(torch.from_numpy(observation), torch.from_numpy(action))
        np.testing.assert_allclose(mean, expected_mean.numpy(), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(log_std, expected_log_std.numpy(), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(q, expected_q.numpy(), rtol=1e-4, atol=1e-5)
    assert len(networks.actor_onnx) + len(networks.critic_onnx) < 1_000_000


def test_graph_that_computes_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    actor, critic = make_networks()

    def shifted(network: SquashedGaussianActor) -> bytes:
        with torch.no_grad():
            network.head.bias[0] += 1e-3
            graph = original(network)
            network.head.bias[0] -= 1e-3
        return graph

    original = export.actor_graph
    monkeypatch.setattr(export, "actor_graph", shifted)
    with pytest.raises(export.ExportError, match=r"actor\.onnx: output 'mean' differs from PyTorch by"):
        export.export_networks(actor, critic, seed=1)


def test_network_with_a_value_that_is_not_finite_is_refused() -> None:
    actor, critic = make_networks()
    with torch.no_grad():
        actor.head.bias[0] = float("nan")
    with pytest.raises(export.ExportError, match="differs from PyTorch by nan"):
        export.export_networks(actor, critic, seed=1)
