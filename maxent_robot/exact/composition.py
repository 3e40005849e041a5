"""Composing soft Q functions: what the weighted sum of N skills' Qs is worth for the weighted sum of their rewards.

All skills share dynamics, discount and temperature; weights w_i >= 0 sum to 1. Q_i is the soft optimum of r_i, pi_i =
exp((Q_i - V_i) / alpha) its policy, Q*_C the soft optimum of sum w_i r_i, and Q_Sigma = sum w_i Q_i. The mean of two
skills is in T. Haarnoja et al., "Composable Deep Reinforcement Learning for Robotic Manipulation", 2018, two weights
in J. Hunt et al., "Composing Entropic Policies using Divergence Correction", 2019; the step to N skills is the same
algebra.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from maxent_robot.exact.mdp import TabularMdp, require_discounted
from maxent_robot.exact.soft_operators import iterate_contraction, log_probability, log_sum_exp, soft_maximum
from maxent_robot.exact.validation import Array, ExactError, as_array, as_distribution, check_temperature

TOLERANCE = 1e-11
"""Default bound on the error of a fixed point, in units of reward."""


def composed_q(skills: Sequence[ArrayLike] | Array, weights: ArrayLike) -> Array:
    """Q_Sigma(s, a) = sum_i w_i Q_i(s, a), (S, A), from N tables (S, A) and N weights (Haarnoja et al., 2018).

    Raises:
        ExactError: the tables differ in shape, or the weights are not N probabilities.
    """
    return _weighted_sum(_stacked("skills", skills), weights)


def normalised_q(skills: Sequence[ArrayLike] | Array, temperatures: ArrayLike) -> list[Array]:
    """Q_i / alpha_i of skills with temperatures of their own: the soft optima of r_i / alpha_i at temperature 1.

    Dividing reward and temperature by the same number changes no policy; after it the skills can be composed.

    Raises:
        ExactError: the tables differ in shape, or there is not one positive temperature each.
    """
    tables = _stacked("skills", skills)
    alphas = as_array("temperatures", temperatures, (len(tables),))
    return [table / check_temperature(alpha, positive=True) for table, alpha in zip(tables, alphas, strict=True)]


def product_policy(policies: Sequence[ArrayLike] | Array, weights: ArrayLike) -> Array:
    """prod_i pi_i(a | s)^{w_i}, normalised, (S, A): the product of experts. It is softmax(Q_Sigma / alpha).

    Raises:
        ExactError: the policies differ in shape or are not distributions, the weights are not N probabilities, or no
            action has mass in every policy.
    """
    tables = as_distribution("policies", _stacked("policies", policies), (None, None, None))
    logs = _weighted_sum(log_probability(tables), weights)
    norm = log_sum_exp(logs)
    if not np.isfinite(norm).all():
        state = int(np.argmin(np.isfinite(norm)))
        raise ExactError(f"policies exclude each other in state {state}; allowed is an action that all may take")
    return np.exp(logs - norm[..., None])


def composition_divergence(skills: Sequence[ArrayLike] | Array, weights: ArrayLike, temperature: float) -> Array:
    """d(s) = -alpha log sum_a prod_i pi_i(a | s)^{w_i} >= 0, (S,), from the skills' Q; 0 where all policies agree.

    It is what the soft maximum loses by mixing: sum_i w_i V_i = V_Sigma + d. For two skills and w = 1/2 it is alpha /
    2 times the Renyi divergence of order 1/2 (Haarnoja et al., 2018).

    Raises:
        ExactError: as `composed_q`, or a temperature that is not positive.
    """
    return -temperature * log_sum_exp(_log_product(skills, weights, temperature))


def composition_gap_bound(
    mdp: TabularMdp,
    skills: Sequence[ArrayLike] | Array,
    weights: ArrayLike,
    temperature: float,
    tolerance: float = TOLERANCE,
) -> Array:
    """C*(s, a) (S, A) with Q_Sigma >= Q*_C >= Q_Sigma - C*: fixed point of C = gamma E_s'[d(s') + max_a' C(s', a')].

    (Haarnoja et al., 2018.) Loose: it takes the worst action at each later step. Only the dynamics of `mdp` are read.

    Raises:
        ExactError: as `composition_divergence`, or gamma = 1.
    """
    d = composition_divergence(skills, weights, temperature)
    return _fixed_point(mdp, lambda gap: d + gap.max(axis=1), tolerance)


def composition_correction(
    mdp: TabularMdp,
    skills: Sequence[ArrayLike] | Array,
    weights: ArrayLike,
    temperature: float,
    tolerance: float = TOLERANCE,
) -> Array:
    """K(s, a) (S, A) with Q*_C = Q_Sigma - K exactly: fixed point of
    K = gamma E_s'[-alpha log sum_a' prod_i pi_i(a' | s')^{w_i} exp(-K(s', a') / alpha)].

    (Hunt et al., 2019.) Only the dynamics of `mdp` are read.

    Raises:
        ExactError: as `composition_divergence`, or gamma = 1.
    """
    logs = _log_product(skills, weights, temperature)
    return _fixed_point(mdp, lambda gap: -temperature * log_sum_exp(logs - gap / temperature), tolerance)


def product_gaussian(means: ArrayLike, covariances: ArrayLike, weights: ArrayLike) -> tuple[Array, Array]:
    """Mean (n,) and covariance (n, n) of prod_i N(mu_i, Sigma_i)^{w_i}, from means (N, n), covariances (N, n, n).

    Sigma^-1 = sum w_i Sigma_i^-1 and mu = Sigma sum w_i Sigma_i^-1 mu_i (products of Gaussian experts: G. Hinton,
    "Products of Experts", 1999). It is the product of the policies, not of the Qs they came from, unless these are
    quadratic.

    Raises:
        ExactError: shapes that do not fit, weights that are not N probabilities, or a covariance not symmetric positive
            definite.
    """
    mu = as_array("means", means, (None, None))
    count, size = mu.shape
    sigma = as_array("covariances", covariances, (count, size, size))
    w = as_distribution("weights", weights, (count,))
    for index, matrix in enumerate(sigma):
        if not np.allclose(matrix, matrix.T, rtol=1e-12, atol=0.0) or np.linalg.eigvalsh(matrix).min() <= 0.0:
            raise ExactError(f"covariances[{index}] is {matrix.tolist()}; allowed is symmetric positive definite")
    precisions = w[:, None, None] * np.linalg.inv(sigma)
    covariance = np.linalg.inv(precisions.sum(axis=0))
    return covariance @ np.einsum("nij,nj->i", precisions, mu), covariance


def _stacked(field: str, tables: Sequence[ArrayLike] | Array) -> Array:
    shapes = sorted({np.shape(table) for table in tables})
    if len(shapes) != 1:
        raise ExactError(f"{field} have the shapes {shapes}; allowed is one shape (S, A), at least once")
    return as_array(field, np.stack([np.asarray(table) for table in tables]), (None, None, None))


def _weighted_sum(tables: Array, weights: ArrayLike) -> Array:
    """sum_i w_i X_i, (S, A) from (N, S, A); a skill of weight 0 has no say, even where its entry is -inf."""
    w = as_distribution("weights", weights, (len(tables),))
    counted = w > 0.0
    return np.tensordot(w[counted], tables[counted], axes=1)


def _log_product(skills: Sequence[ArrayLike] | Array, weights: ArrayLike, temperature: float) -> Array:
    """sum_i w_i log pi_i, (S, A), with log pi_i = (Q_i - V_i) / alpha, in which no small probability underflows."""
    tables = _stacked("skills", skills)
    check_temperature(temperature, positive=True)
    return _weighted_sum((tables - soft_maximum(tables, temperature)[..., None]) / temperature, weights)


def _fixed_point(mdp: TabularMdp, next_state: Callable[[Array], Array], tolerance: float) -> Array:
    """Fixed point of X = gamma E_s'[next_state(X)(s')], (S, A), with nothing to come after a terminal state."""
    require_discounted(mdp)

    def operator(table: Array) -> Array:
        return mdp.discount * (mdp.transition @ (next_state(table) * mdp.active)) * mdp.active[:, None]

    return iterate_contraction(operator, np.zeros((mdp.states, mdp.actions)), mdp.discount, tolerance)[0]
