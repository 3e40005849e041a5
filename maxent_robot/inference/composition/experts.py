"""The actors' Gaussians, before the tanh: their product, and how far they are from agreeing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def product_gaussian(mean: Array, log_std: Array, weights: Array) -> tuple[Array, Array]:
    """Mean and log standard deviation (A,) of prod_i N(mean_i, std_i)^{w_i}, axis by axis (Hinton, 1999).

    `mean` and `log_std` are (N, A), the weights (N,) sum to 1. The same product of the squashed Gaussians is this one
    squashed, because their common Jacobian appears once.
    """
    precision = weights[:, None] * np.exp(-2.0 * log_std)
    total = precision.sum(axis=0)
    return (precision * mean).sum(axis=0) / total, -0.5 * np.log(total)


def divergence(mean: Array, log_std: Array, weights: Array, product: tuple[Array, Array]) -> float:
    """-log integral prod_i pi_i^{w_i} >= 0 [nat]: 0 where all actors agree; the tanh changes nothing in it.

    What composing gives away at this step (`exact.composition_divergence`, at temperature 1). `product` is what
    `product_gaussian` gives for the same actors.
    """
    middle, spread = product
    apart = 0.5 * ((mean - middle) * np.exp(-log_std)) ** 2
    return max(0.0, float((weights @ (log_std + apart) - spread).sum()))
