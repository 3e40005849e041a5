"""What maximum entropy reinforcement learning is robust to, with every constant, over T undiscounted steps.

(B. Eysenbach and S. Levine, "Maximum Entropy RL (Provably) Solves Some Robust RL Problems", arXiv 2103.06257.)
Policies are stationary, (S, A), with mass on every action. Both sets are bounded by a budget eps on a divergence
under the policy, and both bounds fall by eps. For tables, unlike densities, eps = 0 describes a set without the true
model: the unperturbed reward has the divergence alpha log A a step, and no dynamics have less than log A.

Training on r itself is covered for rewards; for dynamics the theorem speaks of `dynamics_reward`, which is another
reward.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from maxent_robot.exact.finite_horizon import horizon_return
from maxent_robot.exact.mdp import TabularMdp, require_undiscounted
from maxent_robot.exact.soft_operators import entropy, log_probability, log_sum_exp
from maxent_robot.exact.validation import (
    Array,
    ExactError,
    as_array,
    as_distribution,
    check_horizon,
    check_temperature,
)


def horizon_sum(mdp: TabularMdp, policy: ArrayLike, per_state: ArrayLike, horizon: int) -> float:
    """E_pi sum_{t < T} f(s_t) from `mdp.initial`, for f (S,), counted until termination.

    Raises:
        ExactError: gamma < 1, f of another shape, or a policy that is not (S, A) distributions.
    """
    require_undiscounted(mdp)
    f = as_array("per_state", per_state, (mdp.states,)) * mdp.active
    paid = replace(mdp, reward=np.repeat(f[:, None], mdp.actions, axis=1))
    return horizon_return(paid, mdp.check_policy(policy), horizon, 0.0)


def reward_divergence(
    mdp: TabularMdp, policy: ArrayLike, perturbed_reward: ArrayLike, horizon: int, temperature: float
) -> float:
    """E_pi sum_t alpha log sum_a' exp((r(s_t, a') - r~(s_t, a')) / alpha), of a reward r~ (S, A).

    The robust set of a policy is {r~ : this <= eps} (Eysenbach and Levine; there alpha = 1 and an integral over a').

    Raises:
        ExactError: shapes that do not fit, gamma < 1, or a temperature that is not positive.
    """
    alpha = check_temperature(temperature, positive=True)
    perturbed = as_array("perturbed_reward", perturbed_reward, mdp.reward.shape)
    return horizon_sum(mdp, policy, alpha * log_sum_exp((mdp.reward - perturbed) / alpha), horizon)


def worst_reward(mdp: TabularMdp, policy: ArrayLike, horizon: int, temperature: float, budget: float = 0.0) -> Array:
    """r~(s, a) = r(s, a) - alpha log pi(a | s) - eps / n, (S, A): the worst of the set, n the expected number of steps.

    Proof: for any r~, log sum exp((r - r~) / alpha) >= E_pi (r - r~) / alpha + H(pi), with equality where r - r~ is
    alpha log pi plus a constant of the state. So E_pi sum r~ >= E_pi sum r + alpha H(pi) - eps. Terminal states stay
    at 0.

    Raises:
        ExactError: as `reward_divergence`, or a policy without mass on some action.
    """
    alpha, pi = check_temperature(temperature, positive=True), _full_support(mdp, policy)
    steps = horizon_sum(mdp, pi, np.ones(mdp.states), horizon)
    shift = budget / steps if steps > 0.0 else 0.0
    return np.where(mdp.active[:, None], mdp.reward - alpha * np.log(pi) - shift, 0.0)


def worst_return(mdp: TabularMdp, policy: ArrayLike, horizon: int, temperature: float, budget: float = 0.0) -> float:
    """min over {r~ : divergence <= eps} of E_pi sum r~ = J_MaxEnt(pi; p, r) - eps, for every policy.

    With eps = 0 it is J_MaxEnt itself. So the policy that maximises J_MaxEnt is the best against this adversary, for
    any eps.

    Raises:
        ExactError: as `worst_reward`.
    """
    require_undiscounted(mdp)
    alpha = check_temperature(temperature, positive=True)
    return horizon_return(mdp, _full_support(mdp, policy), horizon, alpha) - budget


def dynamics_reward(mdp: TabularMdp, horizon: int) -> Array:
    """r_bar(s, a) = (1 / T) log r(s, a) + H(p(. | s, a)), (S, A): the reward whose MaxEnt objective is the bound.

    (Eysenbach and Levine.)

    Raises:
        ExactError: a reward that is not positive, a terminal state (the bound counts T steps), or gamma < 1.
    """
    require_undiscounted(mdp)
    if mdp.terminal.any():
        raise ExactError(f"terminal[{int(mdp.terminal.argmax())}] is True; allowed are no terminal states here")
    if (mdp.reward <= 0.0).any():
        raise ExactError(f"reward has the least entry {mdp.reward.min()}; allowed are rewards > 0 here")
    return np.log(mdp.reward) / check_horizon(horizon) + entropy(mdp.transition)


def dynamics_divergence(mdp: TabularMdp, policy: ArrayLike, perturbed_transition: ArrayLike, horizon: int) -> float:
    """E_{pi, p} sum_t log sum_{a', s'} p(s' | s_t, a') / p~(s' | s_t, a'), of p~ (S, A, S), under the *true* p.

    The robust set of a policy is {p~ : this <= eps} (Eysenbach and Levine; there integrals). Terms with p = 0 count
    0; the result is inf where p~ forbids what p may do.

    Raises:
        ExactError: shapes that do not fit, not distributions, or gamma < 1.
    """
    perturbed = as_distribution("perturbed_transition", perturbed_transition, mdp.transition.shape)
    possible = mdp.transition > 0.0
    if (possible & (perturbed == 0.0)).any():
        return float("inf")
    ratio = np.where(possible, log_probability(mdp.transition) - np.log(np.where(possible, perturbed, 1.0)), -np.inf)
    return horizon_sum(mdp, policy, log_sum_exp(ratio, axis=(1, 2)), horizon)


def dynamics_lower_bound(mdp: TabularMdp, policy: ArrayLike, horizon: int, budget: float) -> float:
    """min over {p~ : divergence <= eps} of J(pi; p~, r) >= exp(J_MaxEnt(pi; p, r_bar) + log T - eps), for r > 0.

    Proof: log E_p~ sum r >= E_p [log (p~ / p)(trajectory) + log sum r] (Jensen), log sum_t r >= log T + (1 / T) sum
    log r (Jensen), and E sum_t log (p~ / p) >= E sum (H(pi) + H(p)) - eps as in `worst_reward`, over pairs (a', s').
    Equality for a constant reward, uniform policy, and dynamics uniform over equally many successors, at p~ = p.
    The bound without eps is that of eps = 0.

    Raises:
        ExactError: as `dynamics_reward`, or a policy that is not (S, A) distributions.
    """
    bar = replace(mdp, reward=dynamics_reward(mdp, horizon))
    return float(horizon * np.exp(horizon_return(bar, mdp.check_policy(policy), horizon, 1.0) - budget))


def _full_support(mdp: TabularMdp, policy: ArrayLike) -> Array:
    pi = mdp.check_policy(policy)
    if (pi <= 0.0).any():
        state, action = (int(i) for i in np.argwhere(pi <= 0.0)[0])
        raise ExactError(f"policy[{state}, {action}] is {pi[state, action]}; allowed is mass on every action")
    return pi
