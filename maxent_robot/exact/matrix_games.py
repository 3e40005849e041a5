"""Zero-sum matrix games: equilibrium, maximum-entropy equilibrium, and what a strategy loses to who knows it.

`payoff[i, j]` is what the row player, who maximises, gets from the column player; strategies are distributions over the
rows or the columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from maxent_robot.exact.soft_operators import entropy, log_sum_exp, soft_maximum
from maxent_robot.exact.validation import (
    Array,
    ExactError,
    as_array,
    as_distribution,
    check_horizon,
    check_temperature,
    read_only,
)

_MOST_STEPS = 2_000_000


@dataclass(frozen=True)
class GameSolution:
    """Strategies of both players.

    Attributes:
        row: (R,) probabilities.
        column: (C,) probabilities.
        value: what the row player gets when both play so.
        gap: `duality_gap` of the two, or of the regularised game where that is solved: 0 at its equilibrium.
    """

    row: Array
    column: Array
    value: float
    gap: float


def guaranteed_payoff(payoff: ArrayLike, row: ArrayLike) -> float:
    """min_j sum_i x_i A_ij: what a row strategy gets against the best response to it."""
    table = as_array("payoff", payoff, (None, None))
    return float((as_distribution("row", row, (table.shape[0],)) @ table).min())


def duality_gap(payoff: ArrayLike, row: ArrayLike, column: ArrayLike) -> float:
    """max_i (A y)_i - min_j (x A)_j >= 0: what both together lose to best responses; 0 at an equilibrium only."""
    table = as_array("payoff", payoff, (None, None))
    y = as_distribution("column", column, (table.shape[1],))
    return float((table @ y).max()) - guaranteed_payoff(table, row)


def matrix_game_equilibrium(payoff: ArrayLike) -> GameSolution:
    """Mixed strategies that guarantee the value: max v with x A >= v, sum x = 1, x >= 0, and its dual.

    (J. von Neumann, "Zur Theorie der Gesellschaftsspiele", 1928; the linear programme by SciPy's HiGHS.)
    """
    from scipy.optimize import linprog

    table = as_array("payoff", payoff, (None, None))
    rows, columns = table.shape
    result = linprog(
        np.append(np.zeros(rows), -1.0),
        A_ub=np.hstack([-table.T, np.ones((columns, 1))]),
        b_ub=np.zeros(columns),
        A_eq=np.append(np.ones(rows), 0.0)[None],
        b_eq=[1.0],
        bounds=[(0.0, None)] * rows + [(None, None)],
    )
    if not result.success:
        raise ExactError(f"the linear programme of a {rows} x {columns} game has no solution: {result.message}")
    row, column = _normalised(result.x[:rows]), _normalised(-result.ineqlin.marginals)
    return GameSolution(row, column, float(row @ table @ column), duality_gap(table, row, column))


def maxent_equilibrium(payoff: ArrayLike, temperature: float, tolerance: float = 1e-9) -> GameSolution:
    """The saddle point of x A y + alpha H(x) - alpha H(y): each plays the soft best response to the other.

    It is the logit equilibrium of McKelvey and Palfrey (1995), unique, and comes as near to the equilibrium as alpha
    (log R + log C) as alpha falls. By predictive updates, which converge at the rate 1 - eta alpha (S. Cen, Y. Wei, Y.
    Chi, "Fast Policy Extragradient Methods for Competitive Games with Entropy Regularization", 2021, algorithm 1).

    Args:
        payoff: (R, C).
        temperature: alpha > 0.
        tolerance: on the duality gap of the regularised game.

    Raises:
        ExactError: the temperature is so small that the tolerance is out of reach.
    """
    table = as_array("payoff", payoff, (None, None))
    alpha = check_temperature(temperature, positive=True)
    step = 0.5 / (alpha + float(np.abs(table).max(initial=0.0)))
    x, y = (np.full(size, -np.log(size)) for size in table.shape)
    for count in range(_MOST_STEPS):
        toward, away = np.exp(x), np.exp(y)
        if count % 16 == 0:
            gap = _regularised_gap(table, toward, away, alpha)
            if gap <= tolerance:
                row, column = _normalised(toward), _normalised(away)
                return GameSolution(row, column, float(row @ table @ column), gap)
        ahead_x = _logits(x, table @ away, step, alpha)
        ahead_y = _logits(y, -(toward @ table), step, alpha)
        x, y = (
            _logits(x, table @ np.exp(ahead_y), step, alpha),
            _logits(y, -(np.exp(ahead_x) @ table), step, alpha),
        )
    raise ExactError(f"temperature is {temperature}: no gap of {tolerance:g} within {_MOST_STEPS} steps, but {gap:.1e}")


def fictitious_play(payoff: ArrayLike, rounds: int) -> GameSolution:
    """The mean strategies of two players who answer, round by round, the mean of what the other has done.

    Their guarantees come to the value (G. Brown, 1951; J. Robinson, "An Iterative Method of Solving a Game", 1951).
    """
    table = as_array("payoff", payoff, (None, None))
    counts_x, counts_y = (np.zeros(size) for size in table.shape)
    gained, paid = np.zeros(table.shape[0]), np.zeros(table.shape[1])
    for _ in range(check_horizon(rounds)):
        i, j = int(gained.argmax()), int(paid.argmin())
        counts_x[i] += 1.0
        counts_y[j] += 1.0
        gained += table[:, j]
        paid += table[i]
    row, column = _normalised(counts_x), _normalised(counts_y)
    return GameSolution(row, column, float(row @ table @ column), duality_gap(table, row, column))


def _logits(before: Array, gain: Array, step: float, alpha: float) -> Array:
    """log of x^(1 - eta alpha) exp(eta g), normalised."""
    raw = (1.0 - step * alpha) * before + step * gain
    return np.asarray(raw - log_sum_exp(raw))


def _regularised_gap(table: Array, x: Array, y: Array, alpha: float) -> float:
    upper = soft_maximum(table @ y, alpha) - alpha * entropy(y)
    lower = alpha * entropy(x) - soft_maximum(-(x @ table), alpha)
    return float(upper - lower)


def _normalised(weights: Array) -> Array:
    positive = np.maximum(weights, 0.0)
    return read_only(positive / positive.sum())
