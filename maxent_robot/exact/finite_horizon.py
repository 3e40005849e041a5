"""Values over T steps: the soft optimum by backward induction, and the return of a given policy.

With gamma = 1 these are the plain sums that message passing and the robustness theorems speak of. Time t = 0 .. T - 1
is the step, index T the end, where the value is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from maxent_robot.exact.mdp import TabularMdp
from maxent_robot.exact.soft_operators import entropy, soft_maximum, softmax_policy
from maxent_robot.exact.validation import Array, as_distribution, check_horizon, check_temperature


@dataclass(frozen=True, eq=False)
class HorizonSolution:
    """The soft optimum at each time. Terminal states have V = Q = 0 and a uniform policy that nothing counts."""

    q: Array
    """(T, S, A)."""
    v: Array
    """(T + 1, S)."""
    policy: Array
    """(T, S, A)."""


def soft_backward_induction(mdp: TabularMdp, horizon: int, temperature: float) -> HorizonSolution:
    """Q_t = r + gamma E V_{t+1}, V_t = alpha log sum_a exp(Q_t / alpha), from V_T = 0.

    It is soft value iteration from zero, kept step by step, and the variational inference of S. Levine, "Reinforcement
    Learning and Control as Probabilistic Inference", 2018.
    """
    steps = check_horizon(horizon)
    q, v = np.zeros((steps, mdp.states, mdp.actions)), np.zeros((steps + 1, mdp.states))
    for t in reversed(range(steps)):
        q[t] = mdp.action_values(v[t + 1])
        v[t] = soft_maximum(q[t], temperature) * mdp.active
    policy = np.where(mdp.terminal[:, None], 1.0 / mdp.actions, softmax_policy(q, temperature))
    return HorizonSolution(q, v, policy)


def horizon_value(mdp: TabularMdp, policy: ArrayLike, horizon: int, temperature: float) -> Array:
    """V^pi_t(s) = E[sum_{k >= t} gamma^{k - t} (r + alpha H(pi_k(. | s_k))) | s_t = s], (T + 1, S).

    `policy` is (S, A), or (T, S, A) when it changes with time.

    Raises:
        ExactError: another shape, or not distributions.
    """
    steps = check_horizon(horizon)
    pi = _per_step(mdp, policy, steps)
    bonus = check_temperature(temperature) * entropy(pi)
    v = np.zeros((steps + 1, mdp.states))
    for t in reversed(range(steps)):
        v[t] = ((pi[t] * mdp.action_values(v[t + 1])).sum(axis=-1) + bonus[t]) * mdp.active
    return v


def horizon_return(mdp: TabularMdp, policy: ArrayLike, horizon: int, temperature: float) -> float:
    """J = sum_s p(s_0 = s) V^pi_0(s), the expectation of the soft return from `mdp.initial`."""
    return float(mdp.initial @ horizon_value(mdp, policy, horizon, temperature)[0])


def _per_step(mdp: TabularMdp, policy: ArrayLike, horizon: int) -> Array:
    shape = (mdp.states, mdp.actions)
    if np.ndim(policy) == 2:
        return np.broadcast_to(as_distribution("policy", policy, shape), (horizon, *shape))
    return as_distribution("policy", policy, (horizon, *shape))
