"""Search without memory: a goal hidden in one of n cells by a belief p, tries drawn independently from q until found.

Why a random policy can be the best one: in the meta-POMDP, where the goal is unknown and nothing is remembered
between tries, the expected number of tries is least for q proportional to sqrt(p) (B. Eysenbach and S. Levine, "If
MaxEnt RL is the Answer, What is the Question?", 2019). That is the maximum entropy policy for the reward log p at
temperature 2. Memory does better: `systematic_tries`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from maxent_robot.exact.validation import Array, as_distribution, check_temperature


def expected_tries(belief: ArrayLike, proposal: ArrayLike) -> float:
    """sum_i p_i / q_i, the mean of a geometric number of tries; inf where q never looks and p may be.

    Raises:
        ExactError: not two distributions (n,) of the same size.
    """
    p = as_distribution("belief", belief, (None,))
    q = as_distribution("proposal", proposal, p.shape)
    hidden = p > 0.0
    with np.errstate(divide="ignore"):
        return float((p[hidden] / q[hidden]).sum())


def tempered_proposal(belief: ArrayLike, temperature: float) -> Array:
    """q proportional to p^{1 / alpha}, (n,): the maximum entropy policy for the reward log p; 0 where p is 0.

    alpha = 1 matches the belief, alpha = 2 is the optimum, alpha to infinity looks everywhere alike.

    Raises:
        ExactError: not a distribution, or a temperature that is not positive.
    """
    p = as_distribution("belief", belief, (None,))
    power = (p / p.max()) ** (1.0 / check_temperature(temperature, positive=True))
    return np.asarray(power / power.sum())


def optimal_proposal(belief: ArrayLike) -> Array:
    """q proportional to sqrt(p), (n,), the minimiser of `expected_tries` (Eysenbach and Levine, 2019)."""
    root = np.sqrt(as_distribution("belief", belief, (None,)))
    return np.asarray(root / root.sum())


def optimal_tries(belief: ArrayLike) -> float:
    """(sum_i sqrt(p_i))^2, the least expected number of tries without memory (by Cauchy-Schwarz)."""
    return float(np.sqrt(as_distribution("belief", belief, (None,))).sum() ** 2)


def matching_tries(belief: ArrayLike) -> float:
    """Expected number of tries of q = p: the number of cells that may hold the goal, however unlikely they are."""
    return float(np.count_nonzero(as_distribution("belief", belief, (None,))))


def systematic_tries(belief: ArrayLike) -> float:
    """sum_k k p_(k), p sorted from the likeliest: the least of any search, which remembers and never repeats a cell."""
    ordered = np.sort(as_distribution("belief", belief, (None,)))[::-1]
    return float(ordered @ np.arange(1, ordered.size + 1))
