"""The squashed Gaussian's density: exact where it can be checked, and finite where tanh has saturated."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from maxent_robot.learning.distribution import log_prob, log_tanh_derivative, reparameterised_sample


@pytest.mark.parametrize(("mean", "log_std"), [(0.0, 0.0), (0.7, -1.0), (-1.5, 0.4), (0.2, -3.0)])
def test_density_integrates_to_one_over_the_action(mean: float, log_std: float) -> None:
    u = torch.linspace(-20.0, 20.0, 400_001, dtype=torch.float64)
    action = torch.tanh(u)
    density = log_prob(u[:, None], torch.tensor([mean]), torch.tensor([log_std])).exp()
    total = torch.trapezoid(density, action).item()
    assert total == pytest.approx(1.0, abs=1e-6)


def test_probability_of_an_interval_of_actions_is_that_of_the_gaussian() -> None:
    mean, log_std, edge = 0.3, -0.5, 0.6
    action = torch.linspace(-0.999999, edge, 2_000_001, dtype=torch.float64)
    density = log_prob(torch.atanh(action)[:, None], torch.tensor([mean]), torch.tensor([log_std])).exp()
    z = (math.atanh(edge) - mean) / math.exp(log_std)
    assert torch.trapezoid(density, action).item() == pytest.approx(0.5 * (1 + math.erf(z / math.sqrt(2))), abs=1e-6)


def test_sample_has_the_density_that_log_prob_gives_it() -> None:
    generator = torch.Generator().manual_seed(0)
    mean, log_std, noise = (torch.randn(64, 6, generator=generator, dtype=torch.float64) for _ in range(3))
    action, density = reparameterised_sample(mean, log_std, noise)
    u = mean + log_std.exp() * noise
    torch.testing.assert_close(action, torch.tanh(u))
    torch.testing.assert_close(density, log_prob(u, mean, log_std))


def test_gradient_of_the_density_is_that_of_finite_differences() -> None:
    generator = torch.Generator().manual_seed(1)
    mean, log_std, noise = (torch.randn(4, 3, generator=generator, dtype=torch.float64) for _ in range(3))
    mean.requires_grad_()
    log_std.requires_grad_()
    assert torch.autograd.gradcheck(lambda m, s: reparameterised_sample(m, s, noise), (mean, log_std))


def test_log_tanh_derivative_is_exact_where_the_naive_form_is_minus_infinity() -> None:
    u = torch.tensor([-40.0, -12.0, 0.0, 12.0, 40.0])
    expected = (
        np.log(4.0) - 2.0 * np.abs(u.double().numpy()) - 2.0 * np.log1p(np.exp(-2.0 * np.abs(u.double().numpy())))
    )
    np.testing.assert_allclose(log_tanh_derivative(u).numpy(), expected, rtol=1e-6, atol=1e-6)
    assert not torch.isfinite(torch.log(1.0 - torch.tanh(u) ** 2)).all()
