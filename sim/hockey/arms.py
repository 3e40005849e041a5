"""Many simulated arms with mallets, stepped together: where their mallets are, and nothing that sensors say."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from mujoco.rollout import Rollout
from numpy.typing import NDArray

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from sim.arm import impedance_control
from sim.hockey.arm_driver import TIMESTEP_S, build_model
from sim.periods import whole_steps

Array = NDArray[np.float64]

_STATE = mujoco.mjtState.mjSTATE_FULLPHYSICS


class MalletArms:
    """n FR3s under the Cartesian impedance of `crisp`; the physics of `MalletArmDriver`, a sixth of its time.

    Args:
        robot: an FR3 description whose TCP is the middle of the mallet's foot.
        n: arms.
        period_s: of the targets.

    Attributes:
        task: T_base_task, where the TCPs are when the arms are at home.

    Raises:
        ConfigError: `period_s` is no whole number of physics steps.
    """

    def __init__(self, robot: RobotConfig, n: int, period_s: float) -> None:
        self._chain, self._home = robot.chain(), np.array(robot.home)
        self.task = self._chain.forward(self._home)
        self._model = build_model(robot, self.task)
        self._data = mujoco.MjData(self._model)
        must_be = "with physics arms it must be a whole number of physics steps of"
        self._substeps = whole_steps(period_s, TIMESTEP_S, f"target_period_s is {period_s:g} s; {must_be}")
        self._rollout = Rollout(nthread=0)
        self._control = np.zeros((n, self._substeps, self._model.nu))
        self._states = np.zeros((n, mujoco.mj_stateSize(self._model, _STATE)))
        self._ends = np.zeros((n, self._substeps, self._states.shape[1]))
        # A state begins with the time, the positions and the velocities.
        self._positions = self._states[:, 1 : 1 + self._model.nq]
        self._velocities = self._states[:, 1 + self._model.nq : 1 + self._model.nq + self._model.nv]
        self._positions[...] = self._home

    def put(self, poses: Pose, index: Any = ...) -> None:
        """Have the arms `index` at rest with their TCPs at `poses`, T_base_tcp.

        Raises:
            InverseKinematicsError: out of reach.
        """
        self._positions[index], self._velocities[index] = self._chain.inverse(poses, self._home), 0.0

    def follow(self, targets: Pose) -> Array:
        """Where the TCPs are, (n, 3) in the base frame [m], after a period towards `targets`, T_base_target (n,)."""
        self._control[:, :, :6] = impedance_control(targets, self.task)[:, None]
        self._rollout.rollout(self._model, self._data, self._states, self._control, state=self._ends)
        self._states[...] = self._ends[:, -1]
        tcp: Array = self._chain.frames(self._positions)[-1][:, :3, 3]
        return tcp
