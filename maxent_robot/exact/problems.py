"""Small decision processes with a name, and random ones: what learners are compared with the truth on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maxent_robot.exact.mdp import TabularMdp
from maxent_robot.exact.validation import Array, ExactError

GRID = ("....", "....", "SXXG")
"""The map of `detour_grid`: S start, G goal, X pit; both ends of an episode are terminal."""

_MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))


def corridor(length: int = 7, slip: float = 0.0, step_reward: float = -0.1, discount: float = 0.95) -> TabularMdp:
    """States 0 .. length - 1 in a row; action 0 steps down, action 1 up, the last state is the terminal goal.

    Each step pays `step_reward`, and one that arrives at the goal 1 more. With probability `slip` the move is the
    opposite one. The wall below state 0 holds the walker where it is. An episode starts in state 0.

    Raises:
        ExactError: length < 2, or slip not in [0, 1].
    """
    if length < 2:
        raise ExactError(f"length is {length}; allowed are whole numbers >= 2")
    _check_slip(slip)
    goal = length - 1
    transition = np.zeros((length, 2, length))
    for state in range(goal):
        down, up = max(state - 1, 0), state + 1
        transition[state, 0, [down, up]] = 1.0 - slip, slip
        transition[state, 1, [down, up]] = slip, 1.0 - slip
    transition[goal, :, goal] = 1.0
    reward = step_reward + transition[:, :, goal]
    reward[goal] = 0.0
    return _started_at(0, transition, reward, discount, np.arange(length) == goal)


def detour_grid(slip: float = 0.2, step_reward: float = -0.04, discount: float = 0.95) -> TabularMdp:
    """The 3 x 4 map `GRID`, row by row: the short way passes beside the pits, the detour keeps a row clear of them.

    Actions 0 .. 3 are up, right, down, left; with probability `slip` the move goes to one of its two sides instead,
    each with half of it; the border holds the walker. Each step pays `step_reward`, the goal 1 more and a pit 1 less.

    Raises:
        ExactError: slip not in [0, 1].
    """
    _check_slip(slip)
    cells = "".join(GRID)
    rows, columns, states = len(GRID), len(GRID[0]), len(cells)
    terminal = np.array([cell in "GX" for cell in cells])
    transition = np.zeros((states, len(_MOVES), states))
    for state in range(states):
        row, column = divmod(state, columns)
        for action in range(len(_MOVES)):
            for turn, share in ((0, 1.0 - slip), (1, slip / 2.0), (-1, slip / 2.0)):
                step = _MOVES[(action + turn) % len(_MOVES)]
                to_row = min(max(row + step[0], 0), rows - 1)
                to_column = min(max(column + step[1], 0), columns - 1)
                transition[state, action, state if terminal[state] else to_row * columns + to_column] += share
    # A sum of three shares may round: an absorbing state is exact.
    transition[terminal] = np.eye(states)[terminal][:, None, :]
    arrival = np.array([{"G": 1.0, "X": -1.0}.get(cell, 0.0) for cell in cells])
    reward = np.where(terminal[:, None], 0.0, step_reward + transition @ arrival)
    return _started_at(cells.index("S"), transition, reward, discount, terminal)


def fork(penalty: float = 10.0, discount: float = 0.9) -> TabularMdp:
    """A choice between two rooms of equal best reward, of which one leaves more ways to act well.

    State 0: action 0 leads to the wide room 1, action 1 to the narrow room 2, both pay 0. From the wide room both
    actions end in state 3 for nothing; from the narrow one action 0 does, and action 1 costs `penalty`. What looks
    one step ahead is indifferent; what counts future entropy prefers the wide room.
    """
    transition = np.zeros((4, 2, 4))
    transition[0, [0, 1], [1, 2]] = 1.0
    transition[1:, :, 3] = 1.0
    reward = np.zeros((4, 2))
    reward[2, 1] = -penalty
    return _started_at(0, transition, reward, discount, np.array([False, False, False, True]))


def random_mdp(
    seed: int,
    states: int = 6,
    actions: int = 3,
    discount: float = 0.9,
    terminals: int = 0,
    *,
    deterministic: bool = False,
) -> TabularMdp:
    """Standard normal rewards; transitions uniform on the simplex, or to one state drawn uniformly if `deterministic`.

    The last `terminals` states are terminal; the initial distribution is uniform over the others. A seed fixes it all.

    Raises:
        ExactError: fewer than one state beside the terminal ones.
    """
    if not 0 <= terminals < states:
        raise ExactError(f"terminals is {terminals} of {states} states; allowed is 0 <= terminals < states")
    generator = np.random.default_rng(seed)
    if deterministic:
        transition = np.eye(states)[generator.integers(states, size=(states, actions))]
    else:
        transition = generator.dirichlet(np.ones(states), size=(states, actions))
    reward = generator.standard_normal((states, actions))
    terminal = np.arange(states) >= states - terminals
    transition[terminal] = np.eye(states)[terminal][:, None, :]
    reward[terminal] = 0.0
    initial = np.where(terminal, 0.0, 1.0 / (states - terminals))
    return TabularMdp(transition, reward, discount, terminal, initial)


def _check_slip(slip: float) -> None:
    if not 0.0 <= slip <= 1.0:
        raise ExactError(f"slip is {slip}; allowed is 0 <= slip <= 1")


def _started_at(
    state: int, transition: Array, reward: Array, discount: float, terminal: NDArray[np.bool_]
) -> TabularMdp:
    return TabularMdp(transition, reward, discount, terminal, np.eye(len(reward))[state])
