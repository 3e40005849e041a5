"""The simulated arm with a plug over a socket.

The scenario (friction, gains, sensor bias and noise, socket, its wrong estimate) is drawn as in training. Left out are
the delays, as the graph has its own, and the start pose, as the arm is where it is.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from maxent_robot.errors import ConfigError, MaxentRobotError
from maxent_robot.skill.layout import ObstacleMeasurement
from sim.arm import disable_impedance, xyzw
from sim.arm_driver import ArmDriver, SensorErrors, require_one_of
from sim.plug.config import PlugConfig
from sim.plug.connectors import CONNECTOR_NAMES
from sim.plug.scenario import Scenario, apply_scenario, sample_scenario, tool_center_of_mass, tool_mass
from sim.plug.scene import T_BASE_TASK, build_model

Array = NDArray[np.float64]

CLEAR_M = 0.005
"""Height of the plug's tip above the mouth from which the scene may be changed: nothing touches there."""


class ScenarioRefusedError(MaxentRobotError):
    """The scene can't be changed now."""


@dataclass(frozen=True)
class Insertion:
    """The truth of a scene, as it is now.

    Attributes:
        T_socket_tcp: pose of the plug's tip in the socket.
        obstacle: what the scenario has on the way to the socket; None: nothing.
    """

    T_socket_tcp: Pose
    obstacle: ObstacleMeasurement | None


class PlugArmDriver(ArmDriver):
    """An FR3 with a plug over a socket; see `ArmDriver`.

    Args:
        robot: an FR3 description.
        connector: plug and socket to begin with.
        seed: of the first scenario.
        controller: one of CONTROLLERS.
        config: ranges that scenarios are drawn from; its robot and connector are not used, its start only to place an
            obstacle.

    Raises:
        ConfigError: unknown connector or controller, or a control rate that is no whole number of physics steps.
    """

    def __init__(
        self,
        robot: RobotConfig,
        connector: str,
        seed: int,
        controller: str = "crisp",
        config: PlugConfig | None = None,
    ) -> None:
        self.config = config or PlugConfig()
        super().__init__(robot, controller, T_BASE_TASK, self.config.timestep_s)
        # Both scenes are compiled now: a compilation within a cycle would break real time.
        self._references = {
            name: build_model(robot, name, self.config.clearance_m[0], self.config.timestep_s)
            for name in CONNECTOR_NAMES
        }
        self._put(*self._prepare(connector, seed, np.array(robot.home), np.zeros(self._joints)), connector, seed)
        self.hold()

    def insertion(self) -> Insertion:
        """The true pose of the plug's tip in the true socket, and the obstacle."""
        obstacle = self.scenario.obstacle
        return Insertion(self.T_socket_tcp(), None if obstacle is None else obstacle.measured(self.time_s))

    def T_socket_tcp(self) -> Pose:
        """The true pose of the plug's tip in the true socket."""
        return self._T_socket_base @ _plug(self._data)

    @property
    def socket_estimate(self) -> Pose:
        """T_base_socket as the robot believes it."""
        return self.scenario.estimate

    def new_scenario(self, connector: str, seed: int) -> None:
        """Swap plug and socket and draw new circumstances; the arm keeps its joints' state and its target.

        Raises:
            ScenarioRefusedError: the plug is not clear of the mouth of the present or of the new socket.
            ConfigError: unknown connector, or a negative seed.
        """
        self._require_clear(self.T_socket_tcp(), "the socket")
        positions, velocities = self._data.qpos[: self._joints].copy(), self._data.qvel[: self._joints].copy()
        model, data, scenario = self._prepare(connector, seed, positions, velocities)
        self._require_clear(scenario.socket.inverse() @ _plug(data), "the new socket")
        self._put(model, data, scenario, connector, seed)

    def _prepare(
        self, connector: str, seed: int, positions: Array, velocities: Array
    ) -> tuple[mujoco.MjModel, mujoco.MjData, Scenario]:
        require_one_of("connector", connector, CONNECTOR_NAMES)
        if seed < 0:
            raise ConfigError(f"scenario_seed is {seed}, must not be negative")
        generator = np.random.default_rng(seed)
        scenario = sample_scenario(self.config, generator)
        reference = self._references[connector]
        model = copy.copy(reference)
        apply_scenario(model, reference, scenario, connector, self.robot)
        if self.controller == "jtc":
            disable_impedance(model)
        data = mujoco.MjData(model)
        data.qpos[: self._joints], data.qvel[: self._joints] = positions, velocities
        mujoco.mj_forward(model, data)
        return model, data, scenario

    def _put(self, model: mujoco.MjModel, data: mujoco.MjData, scenario: Scenario, connector: str, seed: int) -> None:
        self.scenario, self.connector, self.seed = scenario, connector, seed
        self._T_socket_base = scenario.socket.inverse()
        self._install(
            model,
            data,
            (tool_mass(model), tool_center_of_mass(model, self.robot)),
            SensorErrors(scenario.wrench_bias, scenario.wrench_noise, scenario.force_dead_zone_n),
            np.random.default_rng([seed, 1]),
        )

    @staticmethod
    def _require_clear(T_socket_tcp: Pose, which: str) -> None:
        height_m = -float(T_socket_tcp.position[2])
        if height_m < CLEAR_M:
            raise ScenarioRefusedError(
                f"the plug's tip is {1e3 * height_m:.1f} mm above the mouth of {which}, must be {1e3 * CLEAR_M:.1f} mm"
            )


def _plug(data: mujoco.MjData) -> Pose:
    return Pose.of(data.sensor("plug_position").data, xyzw(data.sensor("plug_quaternion").data))
