"""The soft maximum: stable, between the maximum and its bound, attained by its softmax alone, hard at temperature 0."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from maxent_robot.exact import ExactError, divergence, entropy, soft_maximum, softmax_policy
from maxent_robot.exact.soft_operators import iterate_contraction, log_probability, log_sum_exp

QUICK = settings(deadline=None, derandomize=True, max_examples=40)
rows = arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 5)), elements=st.floats(-50.0, 50.0))
temperatures = st.sampled_from([0.01, 0.3, 1.0, 20.0])


@QUICK
@given(rows, temperatures, st.integers(0, 2**31))
def test_no_distribution_beats_the_soft_maximum_and_the_softmax_attains_it(
    q: np.ndarray, alpha: float, seed: int
) -> None:
    best, policy = soft_maximum(q, alpha), softmax_policy(q, alpha)
    attained = (policy * q).sum(-1) + alpha * entropy(policy)
    np.testing.assert_allclose(attained, best, rtol=0.0, atol=1e-11)
    other = np.random.default_rng(seed).dirichlet(np.ones(q.shape[-1]), size=len(q))
    gap = best - (other * q).sum(-1) - alpha * entropy(other)
    # The gap is exactly alpha KL(other || softmax); in a form that no underflow of the softmax touches.
    log_policy = (q - best[:, None]) / alpha
    np.testing.assert_allclose(gap, alpha * (other * (np.log(other) - log_policy)).sum(-1), rtol=0.0, atol=1e-10)
    assert (gap >= -1e-11).all()


@QUICK
@given(rows, temperatures, st.floats(-1e6, 1e6))
def test_the_soft_maximum_is_bracketed_and_moves_with_its_arguments(q: np.ndarray, alpha: float, shift: float) -> None:
    best = soft_maximum(q, alpha)
    assert (best >= q.max(-1)).all()
    assert (best <= q.max(-1) + alpha * np.log(q.shape[-1]) + 1e-12).all()
    np.testing.assert_allclose(soft_maximum(q + shift, alpha), best + shift, rtol=0.0, atol=1e-9)


def test_it_does_not_overflow_and_is_hard_at_temperature_zero() -> None:
    q = np.array([[1e5, 1e5, -1e5], [3.0, 7.0, 7.0]])
    np.testing.assert_allclose(soft_maximum(q[0], 1e-3), 1e5 + 1e-3 * np.log(2.0), rtol=1e-15)
    assert soft_maximum(q, 0.0).tolist() == [1e5, 7.0]
    assert softmax_policy(q, 0.0).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    np.testing.assert_allclose(soft_maximum(q, 1e-9), soft_maximum(q, 0.0), rtol=0.0, atol=1e-8)
    np.testing.assert_allclose(softmax_policy(q, 1e-9), [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]], atol=1e-15)


def test_entropy_and_divergence_of_known_distributions() -> None:
    assert entropy([0.25] * 4) == pytest.approx(np.log(4.0), abs=1e-15)
    assert entropy([0.0, 1.0]) == 0.0
    assert divergence([0.5, 0.5], [0.25, 0.75]) == pytest.approx(0.5 * np.log(4.0 / 3.0), abs=1e-15)
    assert divergence([0.0, 1.0], [0.5, 0.5]) == pytest.approx(np.log(2.0), abs=1e-15)
    assert divergence([0.5, 0.5], [0.0, 1.0]) == np.inf
    assert divergence([0.3, 0.7], [0.3, 0.7]) == 0.0
    assert divergence([0.1, 0.9], [0.5, 0.5]) == pytest.approx(np.log(2.0) - entropy([0.1, 0.9]), abs=1e-15)


def test_log_sum_exp_counts_minus_infinity_as_nothing() -> None:
    logs = log_probability([[0.0, 0.2, 0.3], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(log_sum_exp(logs), [np.log(0.5), -np.inf], rtol=1e-15)
    assert log_sum_exp([-2000.0, -2000.0]) == pytest.approx(-2000.0 + np.log(2.0), abs=1e-12)
    assert log_sum_exp(np.zeros((2, 3, 4)), axis=(1, 2)).tolist() == pytest.approx([np.log(12.0)] * 2, abs=1e-15)


@pytest.mark.parametrize("modulus", [0.0, 0.5, 0.99])
def test_an_iteration_stops_once_its_error_is_certain(modulus: float) -> None:
    fixed = 3.0
    value, bound, steps = iterate_contraction(lambda x: fixed + modulus * (x - fixed), np.zeros(2), modulus, 1e-8)
    assert np.abs(value - fixed).max() <= bound <= 1e-8
    # One step earlier it could not have been known.
    assert modulus == 0.0 or fixed * modulus ** (steps - 1) > 0.99e-8


def test_a_tolerance_below_rounding_is_refused_rather_than_pretended() -> None:
    with pytest.raises(ExactError, match=r"tolerance is 1e-13, below rounding; reached is"):
        iterate_contraction(lambda x: 1e3 + 0.9 * (x - 1e3), np.zeros(1), 0.9, 1e-13)
    with pytest.raises(ExactError, match=r"tolerance is 0\.0; allowed are numbers > 0"):
        iterate_contraction(lambda x: 0.5 * x, np.ones(1), 0.5, 0.0)
