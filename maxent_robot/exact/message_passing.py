"""Control as inference: messages on the graphical model with optimality variables, in logarithms.

Optimality O_t has the likelihood p(O_t = 1 | s, a) = exp(r(s, a) / alpha), up to a constant; a trajectory's posterior
given that all steps are optimal is proportional to p(s_0) prod p(s' | s, a) exp(r / alpha) (S. Levine, "Reinforcement
Learning and Control as Probabilistic Inference: Tutorial and Review", 2018). The prior over actions is the counting
measure: with Levine's uniform prior each backward message is less by the constant factor A^-(T - t).

Here the agent's optimism shows: conditioning on success conditions the *dynamics* too. The backward message is log E
exp(V), where the soft Bellman backup, which keeps the dynamics (Levine's structured variational inference), has E V.
They agree where the dynamics are deterministic; elsewhere the message is larger (Jensen).
`finite_horizon.soft_backward_induction` is that other backup.

Times t = 0 .. T - 1 are steps, index T the end. The sum is undiscounted: gamma must be 1. A terminal state sends the
message 0.
"""

from __future__ import annotations

import numpy as np

from maxent_robot.exact.mdp import TabularMdp, require_undiscounted
from maxent_robot.exact.soft_operators import log_probability, log_sum_exp
from maxent_robot.exact.validation import Array, check_horizon, check_temperature


def backward_messages(mdp: TabularMdp, horizon: int, temperature: float) -> tuple[Array, Array]:
    """log beta_t(s, a), (T, S, A), and log beta_t(s), (T + 1, S): how likely optimality is from t on.

    beta_t(s, a) = p(O_t .. O_{T-1} | s_t = s, a_t = a) = exp(r / alpha) sum_s' p(s' | s, a) beta_{t+1}(s'), beta_t(s)
    = sum_a beta_t(s, a), beta_T = 1 (Levine, 2018).

    Raises:
        ExactError: gamma < 1, horizon < 1, or a temperature that is not positive.
    """
    require_undiscounted(mdp)
    steps, alpha = check_horizon(horizon), check_temperature(temperature, positive=True)
    log_p = log_probability(mdp.transition)
    per_action = np.zeros((steps, mdp.states, mdp.actions))
    per_state = np.zeros((steps + 1, mdp.states))
    for t in reversed(range(steps)):
        per_action[t] = mdp.reward / alpha + log_sum_exp(log_p + per_state[t + 1])
        per_state[t] = log_sum_exp(per_action[t]) * mdp.active
    return per_action, per_state


def forward_messages(mdp: TabularMdp, horizon: int, temperature: float) -> Array:
    """log alpha_t(s), (T + 1, S), with alpha_t(s) = p(s_t = s, O_0 .. O_{t-1}); -inf where it is 0.

    alpha_{t+1}(s') = sum_{s, a} p(s' | s, a) exp(r(s, a) / alpha) alpha_t(s), alpha_0 = p(s_0) (Levine, 2018, up to the
    normalisation); a terminal state keeps what it has.

    Raises:
        ExactError: as `backward_messages`.
    """
    require_undiscounted(mdp)
    steps, alpha = check_horizon(horizon), check_temperature(temperature, positive=True)
    log_step = log_sum_exp(np.moveaxis(log_probability(mdp.transition) + mdp.reward[..., None] / alpha, 1, -1))
    log_step[mdp.terminal] = log_probability(np.eye(mdp.states))[mdp.terminal]
    messages = np.empty((steps + 1, mdp.states))
    messages[0] = log_probability(mdp.initial)
    for t in range(steps):
        messages[t + 1] = log_sum_exp((messages[t][:, None] + log_step).T)
    return messages


def smoothed_marginals(mdp: TabularMdp, horizon: int, temperature: float) -> tuple[Array, Array]:
    """p(s_t, a_t | O), (T, S, A), and p(s_t | O), (T + 1, S), given that every step is optimal.

    Proportional to alpha_t(s) beta_t(s, a) and alpha_t(s) beta_t(s) (Levine, 2018). No action is taken in a terminal
    state, so the first sums to less than 1 once an episode may have ended.

    Raises:
        ExactError: as `backward_messages`.
    """
    per_action, per_state = backward_messages(mdp, horizon, temperature)
    joint = forward_messages(mdp, horizon, temperature) + per_state
    evidence = log_sum_exp(joint[0])
    acting = np.exp(joint[:-1, :, None] + per_action - per_state[:-1, :, None] - evidence) * mdp.active[:, None]
    return acting, np.exp(joint - evidence)


def posterior_policy(mdp: TabularMdp, horizon: int, temperature: float) -> Array:
    """p(a_t | s_t, O) = beta_t(s, a) / beta_t(s), (T, S, A); uniform in terminal states (Levine, 2018).

    Under stochastic dynamics it is risk seeking: right only if the posterior's luck came true as well.

    Raises:
        ExactError: as `backward_messages`.
    """
    per_action, _ = backward_messages(mdp, horizon, temperature)
    return np.exp(per_action - log_sum_exp(per_action)[..., None])


def posterior_transition(mdp: TabularMdp, horizon: int, temperature: float) -> Array:
    """p(s_{t+1} | s_t, a_t, O), (T, S, A, S), proportional to p(s' | s, a) beta_{t+1}(s'): the luck that is assumed.

    (Levine, 2018.) It is p itself where p is deterministic.

    Raises:
        ExactError: as `backward_messages`.
    """
    _, per_state = backward_messages(mdp, horizon, temperature)
    joint = log_probability(mdp.transition) + per_state[1:, None, None, :]
    return np.exp(joint - log_sum_exp(joint)[..., None])
