"""The soft value of a given policy, where it goes, and what it loses against the best one; each by a linear solve.

The objective is that of maximum entropy reinforcement learning, V^pi(s) = E sum_t gamma^t (r(s_t, a_t) + alpha
H(pi(. | s_t))): the entropy of *every* step counts, those to come as well. Temperature 0 is the plain return.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from maxent_robot.exact.mdp import TabularMdp, require_discounted
from maxent_robot.exact.soft_operators import divergence, entropy
from maxent_robot.exact.validation import Array, ExactError, check_temperature


def state_transition(mdp: TabularMdp, policy: ArrayLike) -> Array:
    """P_pi(s, s') = sum_a pi(a | s) p(s' | s, a), (S, S), with rows of zeros for terminal states: nothing follows."""
    pi = mdp.check_policy(policy)
    return np.einsum("sa,sap->sp", pi, mdp.transition) * mdp.active[:, None]


def policy_value(mdp: TabularMdp, policy: ArrayLike, temperature: float) -> Array:
    """V^pi = (I - gamma P_pi)^-1 (r_pi + alpha H_pi), (S,); 0 in terminal states.

    It solves the fixed point of soft policy evaluation (T. Haarnoja et al., "Soft Actor-Critic", 2018, lemma 1) at
    once.

    Raises:
        ExactError: `policy` is not (S, A) distributions, or gamma = 1.
    """
    pi = mdp.check_policy(policy)
    bonus = (pi * mdp.reward).sum(axis=-1) + check_temperature(temperature) * entropy(pi)
    return discounted_sum(mdp, pi, bonus)


def discounted_sum(mdp: TabularMdp, policy: ArrayLike, per_state: ArrayLike) -> Array:
    """E_pi[sum_t gamma^t f(s_t) | s_0 = s] = (I - gamma P_pi)^-1 f, (S,) from f (S,), counted until termination."""
    require_discounted(mdp)
    f = np.where(mdp.terminal, 0.0, np.asarray(per_state, dtype=np.float64))
    return np.asarray(np.linalg.solve(np.eye(mdp.states) - mdp.discount * state_transition(mdp, policy), f))


def discounted_occupancy(mdp: TabularMdp, policy: ArrayLike) -> Array:
    """rho(s, a) = sum_t gamma^t Pr(s_t = s, a_t = a), (S, A), from `mdp.initial`; 0 in terminal states.

    Not normalised: it sums to 1 / (1 - gamma) when there is no terminal state, and sum rho r is the return
    (M. Puterman, "Markov Decision Processes", 1994, linear programming).
    """
    require_discounted(mdp)
    pi = mdp.check_policy(policy)
    visits = np.linalg.solve(np.eye(mdp.states) - mdp.discount * state_transition(mdp, pi).T, mdp.initial)
    return (visits * mdp.active)[:, None] * pi


def soft_advantage(q: ArrayLike, v: ArrayLike) -> Array:
    """A(s, a) = Q(s, a) - V(s), (S, A). For the soft optimum A = alpha log pi*, so it is nowhere positive."""
    return np.asarray(q, dtype=np.float64) - np.asarray(v, dtype=np.float64)[..., None]


def soft_regret(mdp: TabularMdp, policy: ArrayLike, optimal_policy: ArrayLike, temperature: float) -> Array:
    """V*(s) - V^pi(s) = E_pi[sum_t gamma^t alpha KL(pi(. | s_t) || pi*(. | s_t))], (S,), without any value.

    (J. Mei et al., "On the Global Convergence Rates of Softmax Policy Gradient Methods", 2020, soft sub-optimality.)

    Raises:
        ExactError: a policy is not (S, A) distributions, the optimum lacks mass that the policy has, the temperature
            is not positive, or gamma = 1.
    """
    pi, best = mdp.check_policy(policy), mdp.check_policy(optimal_policy)
    loss = check_temperature(temperature, positive=True) * divergence(pi, best)
    if not np.isfinite(loss[mdp.active]).all():
        state = int(np.argmax(~np.isfinite(loss) & mdp.active))
        raise ExactError(f"optimal_policy[{state}] is {best[state]}; allowed is mass where policy has {pi[state]}")
    return discounted_sum(mdp, pi, loss)
