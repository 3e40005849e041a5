"""The state of n tables, and what is asked of whatever moves them on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.hockey.config import TableConfig

Array = NDArray[np.float64]
HOME, AWAY = 0, 1
"""The players: the home player defends the goal at negative x."""

SIDES = np.array([1.0, -1.0])
"""Of the home and of the away player: the frame of the other one is turned by half a turn."""


@dataclass(frozen=True)
class TableState:
    """n tables, in frame `table`; the arrays are the table's own, which a step writes to.

    Attributes:
        puck: (n, 2) centre [m].
        puck_velocity: (n, 2) [m/s].
        spin: (n,) about the vertical [rad/s].
        mallets: (n, 2, 2) centres of the home and the away player's [m].
        mallet_velocities: (n, 2, 2) [m/s].
        targets: (n, 2, 2) to which the impedance pulls them [m].
        target_velocities: (n, 2, 2) at which these were to go on [m/s].
        arm_factors: (n, 2, 2) on mass and damping of the arms of both players.
    """

    puck: Array
    puck_velocity: Array
    spin: Array
    mallets: Array
    mallet_velocities: Array
    targets: Array
    target_velocities: Array
    arm_factors: Array

    @classmethod
    def at_rest(cls, n: int, config: TableConfig) -> TableState:
        """Pucks in the middle, mallets in the middle of their zones."""
        mallets = np.zeros((n, 2, 2))
        mallets[:, HOME] = np.mean(config.mallet.zone_x_m), np.mean(config.mallet.zone_y_m)
        mallets[:, AWAY] = -mallets[:, HOME]
        still = np.zeros((n, 2, 2))
        return cls(
            puck=np.zeros((n, 2)),
            puck_velocity=np.zeros((n, 2)),
            spin=np.zeros(n),
            mallets=mallets,
            mallet_velocities=still,
            targets=mallets.copy(),
            target_velocities=still.copy(),
            arm_factors=np.ones((n, 2, 2)),
        )

    def copy(self) -> TableState:
        """One that no step writes to."""
        return TableState(*(getattr(self, field.name).copy() for field in fields(self)))

    def of(self, index: NDArray[np.intp]) -> TableState:
        """Some of the tables, which no step writes to."""
        return TableState(*(getattr(self, field.name)[index] for field in fields(self)))

    def set(self, other: TableState, index: Any = ...) -> None:
        """Take the places `index` of another one of the same size, or of one as large as the places."""
        for field in fields(self):
            getattr(self, field.name)[index] = getattr(other, field.name)

    def as_dict(self) -> dict[str, Array]:
        """A copy by name."""
        return {field.name: getattr(self, field.name).copy() for field in fields(self)}

    @classmethod
    def joined(cls, states: Sequence[TableState]) -> TableState:
        """The tables of all of them, one after the other."""
        arrays = [state.as_dict() for state in states]
        return cls(**{name: np.concatenate([one[name] for one in arrays]) for name in arrays[0]})

    @classmethod
    def from_dict(cls, arrays: dict[str, Array]) -> TableState:
        """What `as_dict` gave."""
        return cls(**{name: np.array(value) for name, value in arrays.items()})


@dataclass(frozen=True)
class Happened:
    """What happened in a control period, on each of n tables.

    Attributes:
        goal: (n,) int8: 1 if the home player scored, -1 if the away player did, else 0. The puck of such a table lies
            still in the goal until it is placed again.
        touched: (n, 2) bool, whether the mallets hit the puck.
    """

    goal: NDArray[np.int8]
    touched: NDArray[np.bool_]


class Table(ABC):
    """n tables that are moved on together.

    Args:
        config: of all of them.
        n: how many.

    Attributes:
        state: of the tables; the arrays are written to by `place` and `step`.
    """

    def __init__(self, config: TableConfig, n: int) -> None:
        self.config, self.n = config, n
        self.state = TableState.at_rest(n, config)

    def place(self, state: TableState, index: Any = ...) -> None:
        """Put pucks and mallets of the places `index` where `state` says."""
        self.state.set(state, index)

    def step(self, velocity: Array) -> Happened:
        """One control period in which the targets move at `velocity`, (n, 2, 2) in m/s."""
        happened = Happened(np.zeros(self.n, dtype=np.int8), np.zeros((self.n, 2), dtype=bool))
        for _ in range(self.config.target_moves):
            self._piece(velocity, happened)
        return happened

    @abstractmethod
    def _piece(self, velocity: Array, happened: Happened) -> None:
        """One period of the targets; what happens in it is written to `happened`."""

    def _score(self, scored: NDArray[np.intp], happened: Happened) -> None:
        """Count the goals of the tables `scored`, and lay their pucks still into the goals that they are at."""
        side = np.sign(self.state.puck[scored, 0])
        happened.goal[scored] = side
        self.state.puck[scored, 0] = side * (0.5 * self.config.length_m + 2.0 * self.config.puck.radius_m)
        self.state.puck_velocity[scored], self.state.spin[scored] = 0.0, 0.0
