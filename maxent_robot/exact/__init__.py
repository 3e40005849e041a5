"""Tabular maximum entropy reinforcement learning in NumPy: the truth that learners are tested against.

Each function is one equation with its source. Temperatures are alpha, entropies in nats; docs/exact.md lists them all.
"""

from __future__ import annotations

from maxent_robot.exact.composition import (
    composed_q,
    composition_correction,
    composition_divergence,
    composition_gap_bound,
    normalised_q,
    product_gaussian,
    product_policy,
)
from maxent_robot.exact.finite_horizon import HorizonSolution, horizon_return, horizon_value, soft_backward_induction
from maxent_robot.exact.linear_quadratic import (
    LinearQuadraticProblem,
    SoftRegulator,
    linear_policy_value,
    regulator_action_value,
    soft_regulator,
)
from maxent_robot.exact.linearly_solvable import (
    LinearlySolvableMdp,
    as_tabular_mdp,
    average_cost,
    control_cost,
    controlled_transition,
    finite_horizon_desirability,
    first_exit_desirability,
)
from maxent_robot.exact.matrix_games import (
    GameSolution,
    duality_gap,
    fictitious_play,
    guaranteed_payoff,
    matrix_game_equilibrium,
    maxent_equilibrium,
)
from maxent_robot.exact.mdp import TabularMdp
from maxent_robot.exact.memoryless_search import (
    expected_tries,
    matching_tries,
    optimal_proposal,
    optimal_tries,
    systematic_tries,
    tempered_proposal,
)
from maxent_robot.exact.message_passing import (
    backward_messages,
    forward_messages,
    posterior_policy,
    posterior_transition,
    smoothed_marginals,
)
from maxent_robot.exact.policy_values import (
    discounted_occupancy,
    discounted_sum,
    policy_value,
    soft_advantage,
    soft_regret,
    state_transition,
)
from maxent_robot.exact.problems import corridor, detour_grid, fork, random_mdp
from maxent_robot.exact.robustness import (
    dynamics_divergence,
    dynamics_lower_bound,
    dynamics_reward,
    horizon_sum,
    reward_divergence,
    worst_return,
    worst_reward,
)
from maxent_robot.exact.soft_operators import divergence, entropy, soft_maximum, softmax_policy
from maxent_robot.exact.soft_values import (
    SoftSolution,
    greedy_entropy_policy,
    soft_bellman_backup,
    soft_policy_iteration,
    soft_value_iteration,
)
from maxent_robot.exact.validation import ExactError

__all__ = [
    "ExactError",
    "GameSolution",
    "HorizonSolution",
    "LinearQuadraticProblem",
    "LinearlySolvableMdp",
    "SoftRegulator",
    "SoftSolution",
    "TabularMdp",
    "as_tabular_mdp",
    "average_cost",
    "backward_messages",
    "composed_q",
    "composition_correction",
    "composition_divergence",
    "composition_gap_bound",
    "control_cost",
    "controlled_transition",
    "corridor",
    "detour_grid",
    "discounted_occupancy",
    "discounted_sum",
    "divergence",
    "duality_gap",
    "dynamics_divergence",
    "dynamics_lower_bound",
    "dynamics_reward",
    "entropy",
    "expected_tries",
    "fictitious_play",
    "finite_horizon_desirability",
    "first_exit_desirability",
    "fork",
    "forward_messages",
    "greedy_entropy_policy",
    "guaranteed_payoff",
    "horizon_return",
    "horizon_sum",
    "horizon_value",
    "linear_policy_value",
    "matching_tries",
    "matrix_game_equilibrium",
    "maxent_equilibrium",
    "normalised_q",
    "optimal_proposal",
    "optimal_tries",
    "policy_value",
    "posterior_policy",
    "posterior_transition",
    "product_gaussian",
    "product_policy",
    "random_mdp",
    "regulator_action_value",
    "reward_divergence",
    "smoothed_marginals",
    "soft_advantage",
    "soft_backward_induction",
    "soft_bellman_backup",
    "soft_maximum",
    "soft_policy_iteration",
    "soft_regret",
    "soft_regulator",
    "soft_value_iteration",
    "softmax_policy",
    "state_transition",
    "systematic_tries",
    "tempered_proposal",
    "worst_return",
    "worst_reward",
]
