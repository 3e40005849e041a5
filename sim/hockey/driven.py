"""Tables whose mallets are held by arms: the puck in NumPy, the mallets wherever the arms have them."""

from __future__ import annotations

from typing import Any

import numpy as np

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from sim.hockey.arm_driver import T_BASE_PLAYER
from sim.hockey.arms import MalletArms
from sim.hockey.config import TableConfig
from sim.hockey.mallets import move_targets
from sim.hockey.planar import PlanarTable
from sim.hockey.state import SIDES, Array, TableState

_HELD = ("mallets", "mallet_velocities", "targets", "target_velocities")


class DrivenTable(PlanarTable):
    """n tables whose mallets go where they are led; see `Table`.

    Args:
        config: of all of them.
        n: how many.
    """

    def __init__(self, config: TableConfig, n: int) -> None:
        super().__init__(config, n)
        self._ahead = self.state.mallets.copy()

    def place(self, state: TableState, index: Any = ...) -> None:
        """Put the pucks of the places `index` where `state` says; the mallets stay where they are held."""
        held = {name: value[index].copy() for name, value in self.state.as_dict().items() if name in _HELD}
        super().place(state, index)
        for name, value in held.items():
            getattr(self.state, name)[index] = value

    def lead(self, mallets: Array) -> None:
        """Where the mallets (n, 2, 2) are to be at the end of the next piece [m]."""
        self._ahead[...] = mallets

    def _move_mallets(self, velocity: Array) -> Array:
        path: Array = (self._ahead - self.state.mallets) / self.config.target_period_s
        self.state.mallet_velocities[...] = path
        return path


class ArmTable(DrivenTable):
    """n tables with two simulated arms each, which follow targets that move by the law of `move_targets`.

    A table that is placed anew has its arms at rest where the mallets are to be. A match on it takes nine times as long
    as one on the planar table.

    Args:
        config: of all of them.
        n: how many.
        robot: of every arm.
    """

    def __init__(self, config: TableConfig, n: int, robot: RobotConfig) -> None:
        super().__init__(config, n)
        self._arms = MalletArms(robot, 2 * n, config.target_period_s)
        self.place(self.state.copy())

    def place(self, state: TableState, index: Any = ...) -> None:
        """See `Table`."""
        PlanarTable.place(self, state, index)
        chosen = np.arange(2 * self.n).reshape(self.n, 2)[index].reshape(-1)
        self._arms.put(self._poses(self.state.mallets)[chosen], chosen)
        self._ahead[index] = self.state.mallets[index]

    def _move_mallets(self, velocity: Array) -> Array:
        move_targets(self.state, velocity, self.config)
        tcp = self._arms.follow(self._poses(self.state.targets))
        self.lead(SIDES[:, None] * (tcp - T_BASE_PLAYER.position)[:, :2].reshape(self.n, 2, 2))
        return super()._move_mallets(velocity)

    def _poses(self, places: Array) -> Pose:
        """T_base_tcp (2 n,) of mallets at places (n, 2, 2) of the table, their feet flat."""
        own = (SIDES[:, None] * places).reshape(-1, 2) + T_BASE_PLAYER.position[:2]
        heights = np.full((len(own), 1), self._arms.task.position[2])
        return Pose(np.hstack([own, heights]), np.tile(self._arms.task.quaternion, (len(own), 1)))
