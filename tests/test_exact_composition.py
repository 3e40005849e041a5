"""Composed soft Qs: the bound holds, the correction is exact, on sixty random processes with two to four skills."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from maxent_robot.exact import (
    ExactError,
    TabularMdp,
    composed_q,
    composition_correction,
    composition_divergence,
    composition_gap_bound,
    normalised_q,
    product_gaussian,
    product_policy,
    random_mdp,
    soft_maximum,
    soft_policy_iteration,
    softmax_policy,
)

SEEDS = range(60)


def skills(seed: int) -> tuple[TabularMdp, list[np.ndarray], np.ndarray, np.ndarray, float]:
    """Dynamics, the skills' rewards, their soft Qs, weights and temperature; seed by seed all of them vary."""
    generator = np.random.default_rng([seed, 7])
    mdp = random_mdp(seed, states=5, actions=4, discount=[0.5, 0.9, 0.97][seed % 3], terminals=seed % 2)
    count, alpha = 2 + seed % 3, float([0.05, 0.3, 1.0, 5.0][seed % 4])
    rewards = [generator.normal(size=(5, 4)) * mdp.active[:, None] for _ in range(count)]
    qs = np.stack([soft_policy_iteration(replace(mdp, reward=reward), alpha, 1e-11).q for reward in rewards])
    return mdp, rewards, qs, generator.dirichlet(np.ones(count)), alpha


@pytest.mark.parametrize("seed", SEEDS)
def test_the_bound_holds_and_the_correction_is_exact(seed: int) -> None:
    mdp, rewards, qs, weights, alpha = skills(seed)
    together = replace(mdp, reward=np.tensordot(weights, np.stack(rewards), axes=1))
    optimum = soft_policy_iteration(together, alpha, 1e-11).q
    composed = composed_q(qs, weights)
    gap = composition_gap_bound(mdp, qs, weights, alpha)
    assert (composed >= optimum - 1e-10).all()
    assert (optimum >= composed - gap - 1e-10).all()
    correction = composition_correction(mdp, qs, weights, alpha)
    np.testing.assert_allclose(composed - correction, optimum, rtol=0.0, atol=1e-9)
    assert (correction <= gap + 1e-10).all()
    # Neither is empty: the skills do disagree.
    assert correction[mdp.active].max() > 1e-5


@pytest.mark.parametrize("seed", SEEDS[:12])
def test_the_divergence_is_what_the_soft_maximum_loses_and_the_product_is_its_softmax(seed: int) -> None:
    _, _, qs, weights, alpha = skills(seed)
    policies = softmax_policy(qs, alpha)
    d = composition_divergence(qs, weights, alpha)
    lost = weights @ soft_maximum(qs, alpha) - soft_maximum(composed_q(qs, weights), alpha)
    np.testing.assert_allclose(d, lost, rtol=0.0, atol=1e-10)
    assert (d >= -1e-12).all()
    if (policies > 1e-300).all():
        direct = -alpha * np.log(np.prod(policies ** weights[:, None, None], axis=0).sum(axis=1))
        np.testing.assert_allclose(d, direct, rtol=0.0, atol=1e-10)
        expected = softmax_policy(composed_q(qs, weights), alpha)
        np.testing.assert_allclose(product_policy(list(policies), weights), expected, rtol=0.0, atol=1e-11)


def test_two_equal_weights_give_half_the_renyi_divergence_of_order_one_half() -> None:
    _, _, qs, _, _ = skills(6)
    p, q = softmax_policy(qs[:2], 2.0)
    renyi = -2.0 * np.log(np.sqrt(p * q).sum(axis=1))
    np.testing.assert_allclose(composition_divergence(qs[:2], [0.5, 0.5], 2.0), 2.0 / 2.0 * renyi, rtol=0.0, atol=1e-12)


def test_skills_that_agree_lose_nothing() -> None:
    mdp, _, qs, _, _ = skills(2)
    same = [qs[0], qs[0] + 3.0, qs[0] - 1.0]
    np.testing.assert_allclose(composition_divergence(same, [0.2, 0.3, 0.5], 1.0), 0.0, rtol=0.0, atol=1e-12)
    assert np.abs(composition_correction(mdp, same, [0.2, 0.3, 0.5], 1.0)).max() < 1e-10


def test_skills_of_different_temperatures_compose_after_each_is_divided_by_its_own() -> None:
    mdp, rewards, _, weights, _ = skills(5)
    alphas = [0.2, 1.0, 3.0, 0.5]
    qs = [
        soft_policy_iteration(replace(mdp, reward=reward), alpha, 1e-11).q
        for reward, alpha in zip(rewards, alphas, strict=False)
    ]
    unit = normalised_q(qs, alphas[: len(qs)])
    mixed = sum(w * reward / alpha for w, reward, alpha in zip(weights, rewards, alphas, strict=False))
    optimum = soft_policy_iteration(replace(mdp, reward=np.asarray(mixed)), 1.0, 1e-11).q
    corrected = composed_q(unit, weights) - composition_correction(mdp, unit, weights, 1.0)
    np.testing.assert_allclose(corrected, optimum, rtol=0.0, atol=1e-9)
    # Added up as they are, without the division, they are something else.
    assert np.abs(composed_q(qs, weights) - composition_correction(mdp, qs, weights, 1.0) - optimum).max() > 0.1


def test_a_skill_without_weight_has_no_say_even_where_it_forbids() -> None:
    first, second = np.array([[0.3, 0.7]]), np.array([[1.0, 0.0]])
    np.testing.assert_allclose(product_policy([first, second], [1.0, 0.0]), first, rtol=1e-15)
    assert product_policy([first, second], [0.5, 0.5]).tolist() == [[1.0, 0.0]]
    with pytest.raises(ExactError, match="policies exclude each other in state 0"):
        product_policy([second, second[:, ::-1]], [0.5, 0.5])


def test_the_product_of_gaussians_has_the_weighted_sum_of_log_densities() -> None:
    generator = np.random.default_rng(0)
    roots = generator.normal(size=(3, 2, 2))
    means, covariances = generator.normal(size=(3, 2)), roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(2)
    weights = np.array([0.2, 0.5, 0.3])
    mean, covariance = product_gaussian(means, covariances, weights)

    def log_density(x: np.ndarray, mu: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        return np.asarray(-0.5 * np.einsum("ni,ij,nj->n", x - mu, np.linalg.inv(sigma), x - mu))

    x = generator.normal(size=(20, 2))
    mixed = sum(w * log_density(x, mu, sigma) for w, mu, sigma in zip(weights, means, covariances, strict=True))
    np.testing.assert_allclose(np.ptp(np.asarray(mixed) - log_density(x, mean, covariance)), 0.0, rtol=0.0, atol=1e-11)


def test_two_scalar_gaussians_meet_at_their_precision_weighted_mean() -> None:
    mean, covariance = product_gaussian([[0.0], [3.0]], [[[1.0]], [[0.5]]], [0.5, 0.5])
    assert (mean[0], covariance[0, 0]) == pytest.approx((2.0, 1.0 / 1.5), abs=1e-14)


def test_skills_that_do_not_fit_are_refused() -> None:
    mdp, _, qs, _, _ = skills(0)
    with pytest.raises(ExactError, match=r"skills have the shapes \[\(5, 3\), \(5, 4\)\]"):
        composed_q([qs[0], qs[0][:, :3]], [0.5, 0.5])
    with pytest.raises(ExactError, match="weights sums to"):
        composed_q(qs, [0.5, 0.6])
    with pytest.raises(ExactError, match="temperature is 0"):
        composition_correction(mdp, qs, [0.5, 0.5], 0.0)
    with pytest.raises(ExactError, match="discount is 1"):
        composition_gap_bound(replace(mdp, discount=1.0), qs, [0.5, 0.5], 1.0)
    with pytest.raises(ExactError, match=r"covariances\[0\] is .*; allowed is symmetric positive definite"):
        product_gaussian([[0.0]], [[[-1.0]]], [1.0])
