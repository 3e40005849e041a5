"""A Markov decision process as tables, and the one rule for its ends: a terminal state has value 0 and no entropy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxent_robot.exact.validation import Array, ExactError, as_array, as_distribution, read_only


@dataclass(frozen=True, eq=False)
class TabularMdp:
    """S states, A actions in each of them, everything known.

    An episode ends on arrival in a terminal state: neither reward nor entropy nor a bootstrap follows. To keep the
    tables unambiguous, a terminal state must be written as absorbing: it leads to itself and pays 0.

    Arrays are copied and closed to writing.

    Raises:
        ExactError: a table of the wrong shape, not finite or not a distribution, a discount outside [0, 1], or a
            terminal state that is not absorbing.
    """

    transition: Array
    """(S, A, S), p(s' | s, a)."""
    reward: Array
    """(S, A), r(s, a)."""
    discount: float
    """gamma in [0, 1]; with 1 only finite horizons have a value."""
    terminal: NDArray[np.bool_]
    """(S,)."""
    initial: Array
    """(S,), p(s_0)."""

    def __post_init__(self) -> None:
        transition = as_distribution("transition", self.transition, (None, None, None))
        states, actions, successors = transition.shape
        if successors != states:
            raise ExactError(f"transition has shape {transition.shape}; allowed is (S, A, S), the same S twice")
        reward = as_array("reward", self.reward, (states, actions))
        initial = as_distribution("initial", self.initial, (states,))
        terminal = np.array(self.terminal)
        if terminal.dtype != np.bool_ or terminal.shape != (states,):
            raise ExactError(f"terminal is {terminal.dtype} {terminal.shape}; allowed is bool ({states},)")
        if not 0.0 <= self.discount <= 1.0:
            raise ExactError(f"discount is {self.discount}; allowed is 0 <= discount <= 1")
        for state in np.flatnonzero(terminal):
            if (transition[state, :, state] != 1.0).any():
                raise ExactError(
                    f"transition[{state}] leaves terminal state {state}; allowed is probability 1 of itself"
                )
            if (reward[state] != 0.0).any():
                raise ExactError(f"reward[{state}] of a terminal state is {reward[state]}; allowed is 0")
        terminal.setflags(write=False)
        object.__setattr__(self, "transition", read_only(transition))
        object.__setattr__(self, "reward", read_only(reward))
        object.__setattr__(self, "initial", read_only(initial))
        object.__setattr__(self, "terminal", terminal)

    @property
    def states(self) -> int:
        """S."""
        return self.transition.shape[0]

    @property
    def actions(self) -> int:
        """A."""
        return self.transition.shape[1]

    @property
    def active(self) -> NDArray[np.bool_]:
        """(S,), where an action is taken: the states that are not terminal."""
        return ~self.terminal

    def action_values(self, v: ArrayLike) -> Array:
        """Q(s, a) = r(s, a) + gamma sum_s' p(s' | s, a) V(s'), (S, A) from (S,); V of a terminal state counts as 0."""
        value = np.where(self.terminal, 0.0, as_array("v", v, (self.states,)))
        return self.reward + self.discount * (self.transition @ value)

    def check_policy(self, policy: ArrayLike) -> Array:
        """`policy` (S, A) as an array, each row a distribution.

        Raises:
            ExactError: it is not.
        """
        return as_distribution("policy", policy, (self.states, self.actions))


def require_discounted(mdp: TabularMdp) -> None:
    """Raise ExactError unless gamma < 1, which makes the Bellman operators contractions in the maximum norm."""
    if mdp.discount >= 1.0:
        raise ExactError(f"discount is {mdp.discount}; allowed is < 1 here (use a finite horizon)")


def require_undiscounted(mdp: TabularMdp) -> None:
    """Raise ExactError unless gamma = 1: the equation is of the plain sum over a finite horizon."""
    if mdp.discount != 1.0:
        raise ExactError(f"discount is {mdp.discount}; allowed is 1 here (dataclasses.replace(mdp, discount=1.0))")
