"""Many scenes stepped together in C, a MuJoCo model each, so that each has its own clearance, friction and gains."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import mujoco
import numpy as np
from mujoco import rollout
from numpy.typing import NDArray

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from maxent_robot.safety.wrench import FILTER_WINDOW_S, tool_weight
from sim.arm import impedance_control, xyzw
from sim.plug.config import PlugConfig
from sim.plug.scenario import Scenario, apply_scenario, tool_center_of_mass, tool_mass
from sim.plug.scene import T_BASE_TASK, build_model

Array = NDArray[np.float64]

_STATE = mujoco.mjtState.mjSTATE_FULLPHYSICS


@dataclass(frozen=True)
class Tick:
    """What one control period gave, for n scenes.

    Attributes:
        joint_positions: (n, 7) at its end [rad].
        tcp: T_base_tcp at its end.
        wrench_ft: (n, 6) contact wrench in the F/T frame, environment on tool, mean over 10 ms at its end.
        peak_force_n: (n,) largest norm of the 10 ms mean of the contact force within it.
        plug: T_base_plug, the true pose of the plug's tip at its end.
    """

    joint_positions: Array
    tcp: Pose
    wrench_ft: Array
    peak_force_n: Array
    plug: Pose


class PlugPhysics:
    """``n`` scenes of one connector.

    The contact wrench is the sensor's reading less the weight of the tool as it really is, so that bias and noise
    are left to the caller.

    Args:
        threads: that share the scenes; what they give does not depend on it.
    """

    def __init__(self, config: PlugConfig, robot: RobotConfig, n: int, threads: int = 1) -> None:
        self.config, self.robot, self.n = config, robot, n
        self._reference = build_model(robot, config.connector, config.clearance_m[0], config.timestep_s)
        self.models = [copy.copy(self._reference) for _ in range(n)]
        self._data = [mujoco.MjData(self._reference) for _ in range(threads)]
        self._rollout = rollout.Rollout(nthread=threads if threads > 1 else 0)
        self._state = np.zeros((n, mujoco.mj_stateSize(self._reference, _STATE)))
        self._window = max(1, round(FILTER_WINDOW_S / config.timestep_s))
        self._tail = np.zeros((n, self._window - 1, 6))
        self._mass = np.zeros(n)
        self._center = np.zeros((n, 3))
        force = self._reference.sensor("ft_force")
        tip, turn = self._reference.sensor("plug_position"), self._reference.sensor("plug_quaternion")
        self._wrench_at = slice(int(force.adr[0]), int(force.adr[0]) + 6)
        self._tip_at = slice(int(tip.adr[0]), int(tip.adr[0]) + 3)
        self._turn_at = slice(int(turn.adr[0]), int(turn.adr[0]) + 4)
        self._joints, self._chain = len(robot.joints), robot.chain()
        self._T_ft_tcp = robot.T_ft_tcp()

    def begin(self, index: int, scenario: Scenario, joint_positions: Array) -> None:
        """Put scene ``index`` at rest at ``joint_positions`` (7,) in a new scenario."""
        model = self.models[index]
        apply_scenario(model, self._reference, scenario, self.config.connector, self.robot)
        data = self._data[0]
        mujoco.mj_resetData(model, data)
        data.qpos[: self._joints] = joint_positions
        mujoco.mj_getState(model, data, self._state[index], _STATE)
        self._tail[index] = 0.0
        self._mass[index] = tool_mass(model)
        self._center[index] = tool_center_of_mass(model, self.robot)

    @property
    def joint_positions(self) -> Array:
        """(n, 7) [rad]."""
        return self._state[:, 1 : 1 + self._joints].copy()

    def step(self, before: Pose, target: Pose) -> Tick:
        """One control period in which the commanded pose goes evenly from ``before`` to ``target``.

        Args:
            before, target: T_base_target at the beginning and at the end of the period, n of each.
        """
        share = np.arange(1, self.config.substeps + 1)[:, None] / self.config.substeps
        start, end = impedance_control(before, T_BASE_TASK)[:, None], impedance_control(target, T_BASE_TASK)[:, None]
        control = np.zeros((self.n, self.config.substeps, self._reference.nu))
        control[:, :, :6] = start + share * (end - start)
        states, sensors = self._rollout.rollout(self.models, self._data, self._state, control)
        self._state = states[:, -1].copy()
        tcp = self._chain.forward(self.joint_positions)
        means = self._means(sensors[:, :, self._wrench_at], tcp)
        return Tick(
            joint_positions=self.joint_positions,
            tcp=tcp,
            wrench_ft=means[:, -1],
            peak_force_n=np.linalg.norm(means[..., :3], axis=-1).max(axis=1),
            plug=Pose(sensors[:, -1, self._tip_at], xyzw(sensors[:, -1, self._turn_at])),
        )

    def snapshot(self, index: int) -> tuple[mujoco.MjModel, mujoco.MjData]:
        """Model and data of one scene as it stands, for a renderer or an inspection of its contacts."""
        model = self.models[index]
        data = mujoco.MjData(model)
        mujoco.mj_setState(model, data, self._state[index], _STATE)
        mujoco.mj_forward(model, data)
        return model, data

    def finite(self) -> NDArray[np.bool_]:
        """(n,) whether the physics of each scene is still finite."""
        return np.asarray(np.isfinite(self._state).all(axis=1))

    def _means(self, reading: Array, tcp: Pose) -> Array:
        # MuJoCo reports what the hand's parent exerts on the hand: the negative of the load on the sensor.
        ft = tcp @ self._T_ft_tcp.inverse()
        weight = tool_weight(self._mass, self._center, ft.quaternion)
        contact = -reading - weight[:, None]
        samples = np.concatenate([self._tail, contact], axis=1)
        self._tail = samples[:, samples.shape[1] - self._tail.shape[1] :].copy()
        sums = np.cumsum(np.concatenate([np.zeros_like(samples[:, :1]), samples], axis=1), axis=1)
        return (sums[:, self._window :] - sums[:, : -self._window]) / self._window

    def state_dict(self) -> dict[str, Array]:
        """Physics of all scenes; the scenarios are the caller's to restore first, through ``begin``."""
        return {"state": self._state.copy(), "tail": self._tail.copy()}

    def load_state_dict(self, state: dict[str, Array]) -> None:
        """Take back what ``state_dict`` gave."""
        self._state = np.array(state["state"])
        self._tail = np.array(state["tail"])
