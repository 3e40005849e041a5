"""The soft regulator: its Bellman equation by quadrature, its optimality among linear Gaussian policies, its limits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maxent_robot.exact import (
    ExactError,
    LinearQuadraticProblem,
    linear_policy_value,
    regulator_action_value,
    soft_regulator,
)

QUICK = settings(deadline=None, derandomize=True, max_examples=15)
seeds = st.integers(0, 10_000)


def random_problem(seed: int, states: int = 3, actions: int = 2, discount: float = 0.95) -> LinearQuadraticProblem:
    """Dynamics that may be unstable, random costs and noise."""
    generator = np.random.default_rng(seed)

    def positive(size: int, least: float) -> np.ndarray:
        root = generator.normal(size=(size, size))
        return np.asarray(root @ root.T + least * np.eye(size))

    A, B = generator.normal(size=(states, states)), generator.normal(size=(states, actions))
    return LinearQuadraticProblem(A, B, positive(states, 0.0), positive(actions, 0.2), positive(states, 0.0), discount)


@QUICK
@given(seeds, st.sampled_from([0.1, 1.0, 5.0]))
def test_the_soft_bellman_equation_holds_by_quadrature_over_actions(seed: int, alpha: float) -> None:
    problem = random_problem(seed)
    regulator = soft_regulator(problem, alpha)
    root = np.linalg.cholesky(regulator.covariance)
    grid = np.linspace(-9.0, 9.0, 61)
    standard = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    cell = (grid[1] - grid[0]) ** 2 * np.linalg.det(root)
    for x in np.random.default_rng(seed).normal(size=(3, 3)):
        # The trapezoidal rule on a decaying analytic function errs by far less than rounding.
        u = standard @ root.T - regulator.gain @ x
        q = regulator_action_value(problem, regulator, x, u)
        soft = q.max() + alpha * np.log(cell * np.exp((q - q.max()) / alpha).sum())
        assert regulator.value(x) == pytest.approx(soft, rel=1e-10, abs=1e-10)
        log_density = -0.5 * (standard**2).sum(1) - np.log(2.0 * np.pi * np.linalg.det(root))
        # A difference of two values: what it keeps are digits of the values, not of the difference.
        kept = 1e-10 * max(1.0, abs(float(regulator.value(x))) / alpha)
        np.testing.assert_allclose((q - regulator.value(x)) / alpha, log_density, rtol=1e-10, atol=kept)


@QUICK
@given(seeds, st.sampled_from([0.0, 0.4, 3.0]))
def test_no_linear_gaussian_policy_is_better(seed: int, alpha: float) -> None:
    problem = random_problem(seed)
    best = soft_regulator(problem, alpha)
    P, constant = linear_policy_value(problem, best.gain, best.covariance, alpha)
    np.testing.assert_allclose(P, best.P, rtol=1e-9, atol=1e-9)
    assert constant == pytest.approx(best.constant, rel=1e-9, abs=1e-9)
    generator = np.random.default_rng(seed)
    for scale in (1e-3, 1e-2, 1e-1):
        gain = best.gain + scale * generator.normal(size=best.gain.shape)
        root = np.eye(2) + scale * generator.normal(size=(2, 2))
        spread = root @ best.covariance @ root.T + (alpha == 0.0) * scale * np.eye(2)
        if np.abs(np.linalg.eigvals(problem.A - problem.B @ gain)).max() * np.sqrt(problem.discount) >= 1.0:
            continue
        other, other_constant = linear_policy_value(problem, gain, spread, alpha)
        assert np.linalg.eigvalsh(other - best.P).min() >= -1e-9 * np.abs(other).max()
        assert np.linalg.eigvalsh(other - best.P).max() > 0.0
        assert other_constant < best.constant


@QUICK
@given(seeds)
def test_the_temperature_moves_neither_gain_nor_curvature_and_zero_is_the_plain_regulator(seed: int) -> None:
    problem = random_problem(seed)
    plain, soft = soft_regulator(problem, 0.0), soft_regulator(problem, 2.0)
    np.testing.assert_array_equal(plain.P, soft.P)
    np.testing.assert_array_equal(plain.gain, soft.gain)
    assert (plain.covariance == 0.0).all()
    np.testing.assert_allclose(soft_regulator(problem, 1.0).covariance, 0.5 * soft.covariance, rtol=1e-14)
    assert plain.constant == pytest.approx(-0.95 * np.trace(plain.P @ problem.noise) / 0.05, rel=1e-12)
    tiny = soft_regulator(problem, 1e-12)
    assert tiny.constant == pytest.approx(plain.constant, rel=1e-8, abs=1e-8)
    # The plain optimal value, by following the gain: x_t = (A - B K)^t x, without noise.
    quiet = replace(problem, noise=np.zeros((3, 3)))
    x, total = np.ones(3), 0.0
    for t in range(3000):
        u = -plain.gain @ x
        total -= 0.95**t * float(x @ problem.Q @ x + u @ problem.R @ u)
        x = problem.A @ x + problem.B @ u
    assert soft_regulator(quiet, 0.0).value(np.ones(3)) == pytest.approx(total, rel=1e-9)


def test_a_scalar_problem_solves_its_quadratic_equation() -> None:
    # gamma b^2 P^2 + (R - gamma a^2 R - gamma b^2 Q) P - Q R = 0.
    a, b, q, r, gamma, alpha = 1.3, 0.7, 2.0, 0.5, 0.9, 0.8
    linear = r - gamma * a * a * r - gamma * b * b * q
    P = (-linear + np.sqrt(linear**2 + 4.0 * gamma * b * b * q * r)) / (2.0 * gamma * b * b)
    A, B, Q, R, noise = (np.array([[value]]) for value in (a, b, q, r, 0.0))
    problem = LinearQuadraticProblem(A, B, Q, R, noise, gamma)
    regulator = soft_regulator(problem, alpha)
    assert regulator.P[0, 0] == pytest.approx(P, rel=1e-13)
    curvature = r + gamma * b * b * P
    assert regulator.gain[0, 0] == pytest.approx(gamma * a * b * P / curvature, rel=1e-13)
    assert regulator.covariance[0, 0] == pytest.approx(alpha / (2.0 * curvature), rel=1e-13)
    assert regulator.constant == pytest.approx(
        0.5 * alpha * np.log(np.pi * alpha / curvature) / (1.0 - gamma), rel=1e-12
    )


def test_values_take_any_batch_of_states_and_actions() -> None:
    problem = random_problem(0)
    regulator = soft_regulator(problem, 1.0)
    x, u = np.random.default_rng(0).normal(size=(4, 5, 3)), np.zeros((4, 5, 2))
    q = regulator_action_value(problem, regulator, x, u)
    assert regulator.value(x).shape == q.shape == (4, 5)
    assert q[1, 2] == pytest.approx(float(regulator_action_value(problem, regulator, x[1, 2], u[1, 2])), rel=1e-14)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("A", np.ones((2, 3)), r"A has shape \(2, 3\); allowed is \(2, 2\)"),
        ("B", np.ones((3, 1)), r"B has shape \(3, 1\); allowed is \(2, n >= 1\)"),
        ("Q", -np.eye(2), "Q is .*; allowed is symmetric positive semidefinite"),
        ("Q", np.array([[1.0, 0.5], [0.0, 1.0]]), "Q is .*; allowed is symmetric"),
        ("R", np.zeros((1, 1)), "R is .*; allowed is symmetric positive definite"),
        ("noise", -np.eye(2), "noise is .*semidefinite"),
        ("discount", 1.0, r"discount is 1\.0; allowed is 0 < discount < 1"),
    ],
)
def test_a_problem_that_makes_no_sense_is_refused(field: str, value: object, message: str) -> None:
    good: dict[str, Any] = {
        "A": np.eye(2),
        "B": np.ones((2, 1)),
        "Q": np.zeros((2, 2)),
        "R": np.eye(1),
        "noise": np.zeros((2, 2)),
        "discount": 0.9,
    }
    assert soft_regulator(LinearQuadraticProblem(**good), 0.0).P.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    with pytest.raises(ExactError, match=message):
        LinearQuadraticProblem(**{**good, field: value})


def test_what_can_not_be_stabilised_is_refused() -> None:
    zero, one = np.zeros((1, 1)), np.ones((1, 1))
    adrift = LinearQuadraticProblem(2.0 * one, zero, one, one, zero, 0.9)
    with pytest.raises(ExactError, match="can be stabilised"):
        soft_regulator(adrift, 1.0)
    with pytest.raises(ExactError, match=r"spectral radius 1\.89737; allowed is < 1"):
        linear_policy_value(adrift, zero, one, 1.0)
    with pytest.raises(ExactError, match=r"covariance is .*; allowed is positive definite"):
        linear_policy_value(random_problem(0), np.zeros((2, 3)), np.zeros((2, 2)), 1.0)
