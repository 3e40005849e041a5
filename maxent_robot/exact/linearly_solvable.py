"""Linearly solvable decision processes: the exponent of the value solves a linear equation or is an eigenvector.

The controller chooses the next state's distribution u(. | s) itself, at the cost q(s) + KL(u(. | s) || p(. | s)) a
step, where p is the passive dynamics. With v the optimal cost-to-go and z = exp(-v) the desirability, z = exp(-q) P
z, and u*(s' | s) is proportional to p(s' | s) z(s') (E. Todorov, "Linearly-solvable Markov decision problems", 2006;
"Efficient computation of optimal actions", 2009). It is soft value iteration at temperature 1 whose actions are the
successors: see `as_tabular_mdp`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxent_robot.exact.mdp import TabularMdp
from maxent_robot.exact.validation import Array, ExactError, as_array, as_distribution, check_horizon, read_only


@dataclass(frozen=True, eq=False)
class LinearlySolvableMdp:
    """S states, passive dynamics and costs in nats; arrays are copied and closed to writing.

    Raises:
        ExactError: a table of the wrong shape, not finite or not a distribution, or a terminal state not absorbing.
    """

    passive: Array
    """(S, S), p(s' | s) without control."""
    state_cost: Array
    """(S,), q(s): paid at each step that starts in s, or once on arrival when s is terminal."""
    terminal: NDArray[np.bool_]
    """(S,)."""

    def __post_init__(self) -> None:
        passive = as_distribution("passive", self.passive, (None, None))
        states = passive.shape[0]
        if passive.shape != (states, states):
            raise ExactError(f"passive has shape {passive.shape}; allowed is (S, S), the same S twice")
        cost = as_array("state_cost", self.state_cost, (states,))
        terminal = np.array(self.terminal)
        if terminal.dtype != np.bool_ or terminal.shape != (states,):
            raise ExactError(f"terminal is {terminal.dtype} {terminal.shape}; allowed is bool ({states},)")
        for state in np.flatnonzero(terminal):
            if passive[state, state] != 1.0:
                raise ExactError(f"passive[{state}] leaves terminal state {state}; allowed is probability 1 of itself")
        terminal.setflags(write=False)
        object.__setattr__(self, "passive", read_only(passive))
        object.__setattr__(self, "state_cost", read_only(cost))
        object.__setattr__(self, "terminal", terminal)

    @property
    def states(self) -> int:
        """S."""
        return self.passive.shape[0]


def first_exit_desirability(problem: LinearlySolvableMdp) -> Array:
    """z (S,) of the undiscounted problem that ends in a terminal state: z_n = diag(exp(-q_n)) (P_nn z_n + P_nt z_t).

    Here z_t = exp(-q_t) at the terminal states, n are the others; -log z is the optimal cost-to-go (E. Todorov, 2009).

    Raises:
        ExactError: a state from which no terminal state can be reached, costs so low that staying pays for ever, or so
            high that z underflows.
    """
    inside, ends = np.flatnonzero(~problem.terminal), np.flatnonzero(problem.terminal)
    lost = inside[~_reachable(problem.passive)[np.ix_(inside, ends)].any(axis=1)]
    if lost.size:
        raise ExactError(f"passive leads from state {lost[0]} to no terminal state; allowed is that each state can end")
    z = np.exp(-problem.state_cost)
    weighted = z[inside, None] * problem.passive[inside]
    radius = float(np.abs(np.linalg.eigvals(weighted[:, inside])).max(initial=0.0))
    if radius >= 1.0:
        raise ExactError(
            f"state_cost gives exp(-q) P the spectral radius {radius:.6g}; allowed is < 1 (the cost is -inf)"
        )
    z[inside] = np.linalg.solve(np.eye(inside.size) - weighted[:, inside], weighted[:, ends] @ z[ends])
    return _checked(z)


def finite_horizon_desirability(problem: LinearlySolvableMdp, horizon: int) -> Array:
    """z_t = exp(-q) P z_{t+1}, (T + 1, S), from z_T = 1; terminal states have exp(-q) throughout (E. Todorov, 2009)."""
    steps = check_horizon(horizon)
    weight = np.exp(-problem.state_cost)
    z = np.ones((steps + 1, problem.states))
    z[:, problem.terminal] = weight[problem.terminal]
    inside = ~problem.terminal
    for t in reversed(range(steps)):
        z[t, inside] = weight[inside] * (problem.passive[inside] @ z[t + 1])
    return _checked(z)


def average_cost(problem: LinearlySolvableMdp) -> tuple[float, Array]:
    """Least cost per step in the long run, -log lambda, and z (S,), largest entry 1: lambda z = diag(exp(-q)) P z.

    lambda is the Perron eigenvalue, so in rewards r = -q the best average reward is log lambda (E. Todorov, 2009).

    Raises:
        ExactError: the passive dynamics are not irreducible, so that there is no single average.
    """
    if not _reachable(problem.passive).all():
        raise ExactError("passive is not irreducible; allowed is that each state can be reached from each other one")
    # Costs are taken from their least one: the answer shifts by it, and the exponents stay in range.
    least = float(problem.state_cost.min())
    values, vectors = np.linalg.eig(np.exp(least - problem.state_cost)[:, None] * problem.passive)
    perron = int(values.real.argmax())
    z = np.abs(vectors[:, perron].real)
    return least - float(np.log(values[perron].real)), _checked(z / z.max())


def controlled_transition(problem: LinearlySolvableMdp, z: ArrayLike) -> Array:
    """u*(s' | s) = p(s' | s) z(s') / sum_s'' p(s'' | s) z(s''), (S, S), from the next step's z (S,) (Todorov, 2009)."""
    joint = problem.passive * as_array("z", z, (problem.states,))
    return np.asarray(joint / joint.sum(axis=1, keepdims=True))


def control_cost(problem: LinearlySolvableMdp, transition: ArrayLike) -> Array:
    """q(s) + KL(u(. | s) || p(. | s)), (S,), of any controlled transition u (S, S); inf where u goes and p can't."""
    u = as_distribution("transition", transition, (problem.states, problem.states))
    used = u > 0.0
    with np.errstate(divide="ignore"):
        ratio = np.log(np.where(used, u, 1.0)) - np.log(np.where(used, problem.passive, 1.0))
    return np.asarray(problem.state_cost + (u * ratio).sum(axis=1))


def as_tabular_mdp(problem: LinearlySolvableMdp) -> TabularMdp:
    """The undiscounted decision process whose soft optimum at temperature 1 is V = log z, episodes started uniformly.

    Action a of state s leads to its a-th successor for the reward log p(s' | s) - q(s), so that log sum_a exp(r +
    V(s')) = -q + log sum_s' p(s' | s) exp(V(s')). A state with fewer successors than the most repeats its last one,
    which shares its probability among m copies, log(p / m): the sum is the same. A terminal state's cost is paid on
    arrival.
    """
    inside = np.flatnonzero(~problem.terminal)
    successors = [np.flatnonzero(problem.passive[state]) for state in range(problem.states)]
    actions = max((successors[state].size for state in inside), default=1)
    transition = np.zeros((problem.states, actions, problem.states))
    reward = np.zeros((problem.states, actions))
    for state in range(problem.states):
        copies = np.minimum(np.arange(actions), successors[state].size - 1)
        to = successors[state][copies]
        transition[state, np.arange(actions), to] = 1.0
        if not problem.terminal[state]:
            shared = np.bincount(copies)[copies]
            reward[state] = np.log(problem.passive[state, to] / shared) - problem.state_cost[state]
            reward[state] -= np.where(problem.terminal[to], problem.state_cost[to], 0.0)
    initial = np.full(problem.states, 1.0 / problem.states)
    return TabularMdp(transition, reward, 1.0, problem.terminal, initial)


def _reachable(passive: Array) -> NDArray[np.bool_]:
    reach = (passive > 0.0) | np.eye(len(passive), dtype=np.bool_)
    for _ in range(len(passive).bit_length()):
        reach = reach @ reach
    return reach


def _checked(z: Array) -> Array:
    if not (z > 0.0).all():
        raise ExactError(
            "state_cost is so high that a desirability underflows; allowed are costs-to-go below about 700"
        )
    return z
