"""Replays what an arm was told, in simulation, to find the delay, damping and joint friction with which it moved.

Only what happens above the socket is replayed, where nothing touches. A wrong delay moves the whole answer in time; a
wrong damping or friction changes its shape; so they are told apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from sim.arm import set_impedance
from sim.arm_driver import ArmDriver, SensorErrors
from sim.plug.connectors import CONNECTOR_NAMES
from sim.plug.scene import T_BASE_TASK, build_model

Array = NDArray[np.float64]

_TIMESTEP_S, _CLEARANCE_M = 0.001, 0.0003
_FAR_M = (0.0, 0.0, -50.0)
_SKIPPED_S = 0.3
"""At the beginning of a replay, in which the arm forgets how it was moving before."""


@dataclass(frozen=True)
class Motion:
    """A free motion of an arm as it was recorded.

    Attributes:
        time_s: (n,) of the joint states, evenly spaced or not.
        positions: (n, joints) rad.
        target_s: (m,) of the targets; the first one is before the motion begins.
        target: T_base_target (m,).
    """

    time_s: Array
    positions: Array
    target_s: Array
    target: Pose


@dataclass(frozen=True)
class ArmParameters:
    """How an arm moves.

    Attributes:
        delay_s: from a target's stamp to the arm's heeding it.
        stiffness_factor, damping_factor: over those that the robot's description states.
        joint_friction_nm: dry friction of every joint.
    """

    delay_s: float
    stiffness_factor: float
    damping_factor: float
    joint_friction_nm: float


class FreeArm(ArmDriver):
    """An FR3 with a plug and nothing around it; see `ArmDriver`."""

    def __init__(self, robot: RobotConfig) -> None:
        super().__init__(robot, "crisp", T_BASE_TASK, _TIMESTEP_S)
        model = build_model(robot, CONNECTOR_NAMES[0], _CLEARANCE_M, _TIMESTEP_S)
        model.body_pos[model.body("socket").id] = _FAR_M
        data = mujoco.MjData(model)
        data.qpos[: self._joints] = robot.home
        mujoco.mj_forward(model, data)
        nothing = SensorErrors(np.zeros(6), np.zeros(6))
        self._install(model, data, (0.0, np.zeros(3)), nothing, np.random.default_rng(0))
        self.hold()

    def answer(self, motion: Motion, parameters: ArmParameters) -> Array:
        """Joint positions (n, joints) at the times of a motion, had this arm been told the same."""
        set_impedance(self._model, self.robot.impedance, parameters.stiffness_factor, parameters.damping_factor)
        self._model.dof_frictionloss[: self._joints] = parameters.joint_friction_nm
        mujoco.mj_resetData(self._model, self._data)
        self.put(motion.positions[0])
        cycles = round((motion.time_s[-1] - motion.time_s[0]) / self.period_s)
        # Targets are held until the next one; here they go on between, so that a delay may be any, half of that later.
        held_s = 0.5 * float(np.median(np.diff(motion.target_s)))
        heeded = _between(motion, motion.time_s[0] + self.period_s * np.arange(cycles) - parameters.delay_s - held_s)
        found = np.empty((cycles + 1, self._joints))
        found[0] = motion.positions[0]
        for cycle in range(cycles):
            self.set_target(Pose(heeded.position[cycle], heeded.quaternion[cycle]))
            found[cycle + 1] = self.cycle().joint_positions
        at = motion.time_s - motion.time_s[0]
        times = self.period_s * np.arange(cycles + 1)
        return np.stack([np.interp(at, times, found[:, joint]) for joint in range(self._joints)], axis=1)

    def error_rad(self, motion: Motion, parameters: ArmParameters) -> float:
        """Root mean square of the difference over all joints, after the first moments."""
        counts = motion.time_s - motion.time_s[0] > _SKIPPED_S
        difference = self.answer(motion, parameters)[counts] - motion.positions[counts]
        return float(np.sqrt(np.mean(difference**2)))


def _between(motion: Motion, time_s: Array) -> Pose:
    """The targets (n,) at times (n,), in between by straight lines; the first one before all."""
    last = np.clip(np.searchsorted(motion.target_s, time_s, side="right"), 1, len(motion.target_s) - 1)
    begin, end = motion.target_s[last - 1], motion.target_s[last]
    share = np.clip((time_s - begin) / np.maximum(end - begin, 1e-9), 0.0, 1.0)[:, None]
    one, other = motion.target.quaternion[last - 1], motion.target.quaternion[last]
    other = np.where(np.sum(one * other, axis=1, keepdims=True) < 0.0, -other, other)
    position = motion.target.position
    return Pose.of(position[last - 1] + share * (position[last] - position[last - 1]), one + share * (other - one))


def fit_motion(
    robot: RobotConfig,
    motions: Sequence[Motion],
    progress: Callable[[int, float], None] | None = None,
    longest_delay_s: float = 0.2,
) -> ArmParameters:
    """The parameters with which an arm answers as it was recorded.

    First delay and stiffness on a grid, then everything by Nelder and Mead's simplex.

    Args:
        progress: called with the number of fits tried and the error [rad].
    """
    from scipy.optimize import minimize

    arm, tried = FreeArm(robot), 0

    def parameters(point: Array) -> ArmParameters:
        delay_s, log_stiffness, log_damping, friction = (float(value) for value in point)
        return ArmParameters(max(0.0, delay_s), math.exp(log_stiffness), math.exp(log_damping), max(0.0, friction))

    def error(point: Array) -> float:
        nonlocal tried
        found = float(np.mean([arm.error_rad(motion, parameters(point)) for motion in motions]))
        tried += 1
        if progress is not None:
            progress(tried, found)
        return found

    grid = [
        np.array([delay_s, math.log(stiffness), 0.0, 0.25])
        for delay_s in np.arange(0.0, longest_delay_s + 1e-9, 0.02)
        for stiffness in (0.6, 0.8, 1.0, 1.3)
    ]
    begin = min(grid, key=error)
    simplex = np.array([begin, *(begin + np.diag([0.012, 0.2, 0.3, 0.3]))])
    options = {"initial_simplex": simplex, "xatol": 5e-4, "fatol": 1e-7, "maxfev": 250}
    return parameters(minimize(error, begin, method="Nelder-Mead", options=options).x)
