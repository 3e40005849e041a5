"""Energies: what the skills say together of an action, as the logarithm of a density up to a constant.

`q` holds Q_i(s, a_k) / alpha_i in (N, K), skill by skill; weights (N,) sum to 1. A skill of weight 0 has no say.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

OPERATORS = ("mean", "max", "or", "hybrid", "corrected", "product")
"""`mean`: the weighted mean of the soft Qs. `max`: the greatest of them (generalised policy improvement). `or`: their
weighted log-sum-exp. `hybrid`: log pi of the primary skill and the soft Qs of the others. `corrected`: the mean less a
divergence correction that was learned for its weights. `product`: the weighted product of the actors, which needs no
critic."""


def weighted_mean(q: Array, weights: Array) -> Array:
    """sum_i w_i Q_i / alpha_i, (K,): near the optimum of the weighted sum of the rewards (Haarnoja et al., 2018)."""
    result: Array = weights @ q
    return result


def greatest(q: Array, weights: Array) -> Array:
    """max_i Q_i / alpha_i over the skills that have a weight, (K,) (Barreto et al., 2017)."""
    result: Array = q[weights > 0.0].max(axis=0)
    return result


def disjunction(q: Array, weights: Array) -> Array:
    """log sum_i w_i exp(Q_i / alpha_i), (K,): whichever task is at hand (Todorov, 2009; van Niekerk et al., 2019)."""
    counted = weights > 0.0
    result: Array = np.logaddexp.reduce(np.log(weights[counted])[:, None] + q[counted], axis=0)
    return result


def hybrid(q: Array, weights: Array, primary: int, log_prob: Array) -> Array:
    """log pi_p + sum over i != p of (w_i / w_p) Q_i / alpha_i, (K,), from log pi_p(a_k | s) (K,), w_p > 0.

    For an exact primary skill log pi_p = (Q_p - V_p) / alpha_p, which makes it `weighted_mean` over w_p: the density is
    sharper, as if the rewards were added and not averaged.
    """
    shares = weights / weights[primary]
    shares[primary] = 0.0
    result: Array = log_prob + shares @ q
    return result


OF_VALUES = {"mean": weighted_mean, "max": greatest, "or": disjunction}
"""The operators that need nothing but the values."""
