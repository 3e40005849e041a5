"""The simulated arm as its driver sees it: one call a control cycle, commands in, measurements out. No clock, no ROS.

It stands where the real arm's driver stands, with the semantics of the real controllers:

* `crisp`: Cartesian impedance towards the latest target pose, which has no time-out;
* `jtc`: joint trajectories, interpolated and ending at rest, tracked by a joint impedance.

The scenario (friction, gains, sensor bias and noise, socket, its wrong estimate) is drawn as in training. Left out are
the delays, as the graph has its own, and the start pose, as the arm is where it is.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from maxent_robot.control import rotations
from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from maxent_robot.errors import ConfigError, MaxentRobotError
from maxent_robot.safety.wrench import FILTER_WINDOW_S, tool_weight, wrench_at_tcp
from maxent_robot.skill.layout import ObstacleMeasurement
from sim.arm import TORQUE_ACTUATORS, disable_impedance, impedance_control, xyzw
from sim.disturbance import Disturbance, DisturbedArm
from sim.joint_trajectory import TrajectoryTracker, Waypoint
from sim.plug.config import PlugConfig
from sim.plug.connectors import CONNECTOR_NAMES
from sim.plug.scenario import Scenario, apply_scenario, sample_scenario, tool_center_of_mass, tool_mass
from sim.plug.scene import T_BASE_TASK, build_model

Array = NDArray[np.float64]

CONTROLLERS = ("crisp", "jtc")
CLEAR_M = 0.005
"""Height of the plug's tip above the mouth from which the scene may be changed: nothing touches there."""

# Joint impedance of franka_ros's joint_impedance_example_controller.
JOINT_STIFFNESS: Array = np.array([600.0, 600.0, 600.0, 600.0, 250.0, 150.0, 50.0])  # Nm/rad
JOINT_DAMPING: Array = np.array([50.0, 50.0, 50.0, 20.0, 20.0, 20.0, 10.0])  # Nms/rad


class ScenarioRefusedError(MaxentRobotError):
    """The scene can't be changed now."""


@dataclass(frozen=True)
class ArmReading:
    """What the arm's sensors give at the end of a cycle, and the truth that only the judge may see.

    Attributes:
        time_s: simulated time since the start.
        joint_positions: (7,) rad.
        joint_velocities: (7,) rad/s.
        joint_efforts: (7,) Nm, what the controller applies beyond the compensation of gravity.
        wrench_ft: (6,) raw, F/T frame, environment on tool, mean of the cycle: with weight, bias and noise.
        T_socket_tcp: the true pose of the plug's tip in the true socket.
        obstacle: what the scenario has on the way to the socket, as it is now; None: nothing.
        contact_n: (3,) N, the true contact of hand and plug, F/T frame, environment on tool, mean of the cycle: what
            the sensor carries less the tool's true weight and the disturbance.
    """

    time_s: float
    joint_positions: Array
    joint_velocities: Array
    joint_efforts: Array
    wrench_ft: Array
    T_socket_tcp: Pose
    contact_n: Array
    obstacle: ObstacleMeasurement | None = None


class ArmDriver:
    """An FR3 with a plug over a socket, stepped one control cycle at a time.

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
        self.robot = robot
        self._require("controller", controller, CONTROLLERS)
        self.controller = controller
        self.period_s = 1.0 / robot.control_rate_hz
        self._substeps = round(self.period_s / self.config.timestep_s)
        if abs(self._substeps * self.config.timestep_s - self.period_s) > 1e-9:
            raise ConfigError(
                f"robot '{robot.name}': control_rate_hz is {robot.control_rate_hz:g}; a cycle must be a whole number "
                f"of physics steps of {self.config.timestep_s} s"
            )
        self._joints = len(robot.joints)
        self._ft_quaternion, self._weight = np.zeros(4), np.zeros(6)
        self._T_tcp_ft = robot.T_ft_tcp().inverse()
        self._chain = robot.chain()
        self._cycles = 0
        self.disturbance = Disturbance()
        # Both scenes are compiled now: a compilation within a cycle would break real time.
        self._references = {
            name: build_model(robot, name, self.config.clearance_m[0], self.config.timestep_s)
            for name in CONNECTOR_NAMES
        }
        home = np.array(robot.home)
        self._tracker = TrajectoryTracker(robot.joint_names, home)
        self._install(*self._prepare(connector, seed, home, np.zeros(self._joints)), connector, seed)
        self.hold()

    # Commands

    def hold(self) -> None:
        """Make the measured pose the target, at rest: what a controller does when it is activated."""
        positions = self._data.qpos[: self._joints].copy()
        self.set_target(self._chain.forward(positions))
        self._tracker.hold(positions)

    def set_target(self, target: Pose) -> None:
        """`crisp`: the target T_base_target from now on, until another one comes."""
        self._control = impedance_control(target, T_BASE_TASK)

    def set_trajectory(self, joint_names: Sequence[str], points: Sequence[Waypoint]) -> None:
        """`jtc`: the trajectory from now on.

        Raises:
            TrajectoryRejectedError: it is malformed or does not end at rest; the present one goes on.
        """
        self._tracker.follow(joint_names, points, self.time_s)

    def disturb(self, disturbance: Disturbance) -> None:
        """Let these things be wrong with the arm from now on, and nothing else.

        Raises:
            ConfigError: it names a joint that the arm does not have.
        """
        self._disturbed.apply(disturbance, self._model, self._data)
        self.disturbance = disturbance

    # Simulation

    @property
    def time_s(self) -> float:
        """Simulated time since the start; a new scenario does not set it back."""
        return self._cycles * self.period_s

    def cycle(self) -> ArmReading:
        """Step the physics by one control cycle, and read the sensors."""
        model, data, joints = self._model, self._data, self._joints
        reading = np.zeros(6)
        crisp = self.controller == "crisp"
        data.ctrl[:] = 0.0
        if crisp:
            data.ctrl[:6] = self._control
        for step in range(self._substeps):
            if not crisp:
                positions, velocities = self._tracker.desired(self.time_s + step * self.config.timestep_s)
                data.ctrl[self._torques] = JOINT_STIFFNESS * (positions - data.qpos[:joints]) + JOINT_DAMPING * (
                    velocities - data.qvel[:joints]
                )
            mujoco.mj_step(model, data)
            reading += data.sensordata[self._wrench_at]
        self._cycles += 1
        load = self._load(reading / self._substeps)
        return ArmReading(
            time_s=self.time_s,
            joint_positions=data.qpos[:joints].copy(),
            joint_velocities=data.qvel[:joints].copy(),
            joint_efforts=data.qfrc_actuator[:joints].copy(),
            wrench_ft=self._measured(load),
            T_socket_tcp=self.T_socket_tcp(),
            contact_n=self._contact(load),
            obstacle=None if self.scenario.obstacle is None else self.scenario.obstacle.measured(self.time_s),
        )

    def tcp(self) -> Pose:
        """The pose of the TCP, T_base_tcp, of the physics, for the joint positions as they are now."""
        mujoco.mj_kinematics(self._model, self._data)  # a step leaves the poses of before its integration
        site = self._data.site("tcp")
        return Pose.of(site.xpos.copy(), rotations.from_matrix(site.xmat.reshape(3, 3)))

    def T_socket_tcp(self) -> Pose:
        """The true pose of the plug's tip in the true socket."""
        return self._T_socket_base @ _plug(self._data)

    @property
    def socket_estimate(self) -> Pose:
        """T_base_socket as the robot believes it."""
        return self.scenario.estimate

    @property
    def finite(self) -> bool:
        """Whether the physics is still finite."""
        return bool(np.isfinite(self._data.qpos).all() and np.isfinite(self._data.qvel).all())

    # Scenario

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
        self._install(model, data, scenario, connector, seed)

    def _prepare(
        self, connector: str, seed: int, positions: Array, velocities: Array
    ) -> tuple[mujoco.MjModel, mujoco.MjData, Scenario]:
        self._require("connector", connector, CONNECTOR_NAMES)
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

    def _install(
        self, model: mujoco.MjModel, data: mujoco.MjData, scenario: Scenario, connector: str, seed: int
    ) -> None:
        self._model, self._data, self.scenario = model, data, scenario
        self.connector, self.seed = connector, seed
        self._disturbed = DisturbedArm(model, self.robot)
        self._disturbed.apply(self.disturbance, model, data)
        self._noise = np.random.default_rng([seed, 1])
        self._mass, self._center = tool_mass(model), tool_center_of_mass(model, self.robot)
        self._T_socket_base = scenario.socket.inverse()
        start = int(model.sensor("ft_force").adr[0])
        self._wrench_at = slice(start, start + 6)
        self._ft_site = model.site("ft").id
        self._torques = [model.actuator(name).id for name in TORQUE_ACTUATORS]

    @staticmethod
    def _require_clear(T_socket_tcp: Pose, which: str) -> None:
        height_m = -float(T_socket_tcp.position[2])
        if height_m < CLEAR_M:
            raise ScenarioRefusedError(
                f"the plug's tip is {1e3 * height_m:.1f} mm above the mouth of {which}, must be {1e3 * CLEAR_M:.1f} mm"
            )

    @staticmethod
    def _require(key: str, value: str, allowed: Sequence[str]) -> None:
        if value not in allowed:
            raise ConfigError(f"{key} is '{value}', must be one of {', '.join(allowed)}")

    def _load(self, reading: Array) -> Array:
        """(6,) on the sensor, environment on tool: MuJoCo reports what the hand's parent exerts on the hand."""
        mujoco.mju_mat2Quat(self._ft_quaternion, self._data.site_xmat[self._ft_site])
        self._weight = tool_weight(self._mass, self._center, xyzw(self._ft_quaternion))
        return -reading

    def _measured(self, load: Array) -> Array:
        """The sensor's output: weight of the tool as it is, the rest beyond the dead zone, bias and noise."""
        contact = load - self._weight
        size = float(np.linalg.norm(contact[:3]))
        contact[:3] *= max(0.0, 1.0 - self.scenario.force_dead_zone_n / max(size, 1e-9))
        # The scenario gives bias and noise at the TCP, and the noise of a reading filtered over FILTER_WINDOW_S, which
        # holds several cycles.
        spread = self.scenario.wrench_noise * np.sqrt(max(1.0, FILTER_WINDOW_S / self.period_s))
        error_tcp = self.scenario.wrench_bias + spread * self._noise.standard_normal(6)
        measured = self._weight + contact + wrench_at_tcp(error_tcp, self._T_tcp_ft)
        measured[:3] += self.disturbance.force_bias_n
        measured[3:] += self.disturbance.torque_bias_nm
        return measured

    def _contact(self, load: Array) -> Array:
        """The load's force less the tool's weight and what the disturbance puts on the hand."""
        force = self._disturbed.on_hand(self.disturbance)
        other: Array = rotations.rotate(rotations.conjugate(xyzw(self._ft_quaternion)), force)
        return load[:3] - self._weight[:3] - other


def _plug(data: mujoco.MjData) -> Pose:
    return Pose.of(data.sensor("plug_position").data, xyzw(data.sensor("plug_quaternion").data))
