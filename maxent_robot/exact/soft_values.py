"""The soft optimum of a discounted decision process, by value iteration and by policy iteration.

Q(s, a) = r(s, a) + gamma E V(s'), V(s) = alpha log sum_a exp(Q(s, a) / alpha), pi(a | s) = exp((Q(s, a) - V(s)) /
alpha) (B. Ziebart, 2010; T. Haarnoja et al., "Reinforcement Learning with Deep Energy-Based Policies", 2017).
Temperature 0 is the hard optimum: max and argmax.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from maxent_robot.exact.mdp import TabularMdp, require_discounted
from maxent_robot.exact.policy_values import policy_value
from maxent_robot.exact.soft_operators import error_bound, iterate_contraction, soft_maximum, softmax_policy
from maxent_robot.exact.validation import Array, ExactError, check_temperature

TOLERANCE = 1e-10
"""Default bound on the error of a value, in units of reward."""

POLICY_STEPS = 1000
"""Bound on the steps of policy iteration, which takes about ten: it is Newton's method on V = T V."""


@dataclass(frozen=True, eq=False)
class SoftSolution:
    """A soft optimum, to `error_bound`. Terminal states have V = Q = 0 and a uniform policy that nothing counts."""

    q: Array
    """(S, A)."""
    v: Array
    """(S,)."""
    policy: Array
    """(S, A)."""
    error_bound: float
    """Largest |V(s) - V*(s)| that the residual and rounding leave possible."""
    iterations: int


def soft_bellman_backup(mdp: TabularMdp, v: ArrayLike, temperature: float) -> Array:
    """(T V)(s) = alpha log sum_a exp((r(s, a) + gamma E V(s')) / alpha), (S,) from (S,); 0 in terminal states.

    A contraction by gamma in the maximum norm, since the soft maximum moves by no more than its arguments.
    """
    return np.where(mdp.terminal, 0.0, soft_maximum(mdp.action_values(v), temperature))


def soft_value_iteration(mdp: TabularMdp, temperature: float, tolerance: float = TOLERANCE) -> SoftSolution:
    """Apply the soft Bellman backup from V = 0 until |V - V*| <= `tolerance` is certain.

    Raises:
        ExactError: gamma = 1, a negative temperature, or a tolerance that rounding does not allow.
    """
    require_discounted(mdp)
    check_temperature(temperature)
    v, bound, steps = iterate_contraction(
        lambda value: soft_bellman_backup(mdp, value, temperature), np.zeros(mdp.states), mdp.discount, tolerance
    )
    return _solution(mdp, v, temperature, bound, steps)


def soft_policy_iteration(mdp: TabularMdp, temperature: float, tolerance: float = TOLERANCE) -> SoftSolution:
    """Evaluate exactly, improve by softmax(Q / alpha), repeat until |V - V*| <= |T V - V| / (1 - gamma) <= `tolerance`.

    The values never fall from one step to the next (T. Haarnoja et al., "Soft Actor-Critic", 2018, theorem 1).

    Raises:
        ExactError: as `soft_value_iteration`.
    """
    require_discounted(mdp)
    policy = np.full((mdp.states, mdp.actions), 1.0 / mdp.actions)
    bound = np.inf
    for steps in range(1, POLICY_STEPS + 1):
        v = policy_value(mdp, policy, temperature)
        residual = float(np.abs(soft_bellman_backup(mdp, v, temperature) - v).max())
        bound = error_bound(residual, v, mdp.discount)
        if bound <= tolerance:
            return _solution(mdp, v, temperature, bound, steps)
        policy = softmax_policy(mdp.action_values(v), temperature)
    raise ExactError(f"tolerance is {tolerance}, below rounding; reached is {bound:.1e}")


def greedy_entropy_policy(mdp: TabularMdp, temperature: float, tolerance: float = TOLERANCE) -> Array:
    """softmax(Q*_hard / alpha), (S, A): the best trade of *one* step's entropy against the plain optimal return.

    pi(. | s) = argmax_pi { E_pi Q*_hard(s, .) + alpha H(pi) }. It ignores the entropy of the states it leads to, which
    is what maximum entropy reinforcement learning adds (B. Eysenbach, "Maximum Entropy RL", CMU 10-703).
    """
    return softmax_policy(soft_policy_iteration(mdp, 0.0, tolerance).q, temperature)


def _solution(mdp: TabularMdp, v: Array, temperature: float, bound: float, steps: int) -> SoftSolution:
    q = mdp.action_values(v)
    policy = np.where(mdp.terminal[:, None], 1.0 / mdp.actions, softmax_policy(q, temperature))
    return SoftSolution(q, v, policy, bound, steps)
