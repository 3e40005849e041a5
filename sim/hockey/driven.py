"""Tables whose mallets are held by arms: the puck in NumPy, the mallets wherever the arms have them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from sim.hockey.arm_driver import T_BASE_PLAYER, MalletArmDriver
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

    A table that is placed anew has its arms at rest where the mallets are to be. All arms are stepped in one thread,
    so this is for hundreds of rallies and not for training.

    Args:
        config: of all of them.
        n: how many.
        robot: of every arm.
    """

    def __init__(self, config: TableConfig, n: int, robot: RobotConfig) -> None:
        super().__init__(config, n)
        own = dataclasses.replace(robot, control_rate_hz=1.0 / config.target_period_s)
        self._chain, self._home = own.chain(), np.array(own.home)
        self._arms = [[MalletArmDriver(own, 2 * i + k) for k in range(2)] for i in range(n)]
        home = self._chain.forward(self._home)
        self._quaternion, self._height_m = home.quaternion, float(home.position[2])
        self.place(self.state.copy())

    def place(self, state: TableState, index: Any = ...) -> None:
        """See `Table`."""
        PlanarTable.place(self, state, index)
        for i in np.arange(self.n)[index]:
            for k, arm in enumerate(self._arms[i]):
                arm.put(self._chain.inverse(self._pose(k, self.state.mallets[i, k]), self._home))
        self._ahead[index] = self.state.mallets[index]

    def _move_mallets(self, velocity: Array) -> Array:
        move_targets(self.state, velocity, self.config)
        ahead = np.zeros((self.n, 2, 2))
        for i, arms in enumerate(self._arms):
            for k, arm in enumerate(arms):
                arm.set_target(self._pose(k, self.state.targets[i, k]))
                tcp = self._chain.forward(arm.cycle().joint_positions)
                ahead[i, k] = SIDES[k] * (tcp.position - T_BASE_PLAYER.position)[:2]
        self.lead(ahead)
        return super()._move_mallets(velocity)

    def _pose(self, player: int, place: Array) -> Pose:
        """T_base_tcp of a player's mallet at a place (2,) of the table, its foot flat."""
        return Pose.of([*(SIDES[player] * place + T_BASE_PLAYER.position[:2]), self._height_m], self._quaternion)
