"""The simulated arm as its driver sees it: one call a control cycle, commands in, measurements out. No clock, no ROS.

It stands where the real arm's driver stands, with the semantics of the real controllers:

* `crisp`: Cartesian impedance towards the latest target pose, which has no time-out;
* `jtc`: joint trajectories, interpolated and ending at rest, tracked by a joint impedance.

What the arm holds and what is around it is a subclass's: `sim.plug.arm_driver`, `sim.hockey.arm_driver`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from maxent_robot.control import rotations
from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from maxent_robot.errors import ConfigError
from maxent_robot.safety.wrench import FILTER_WINDOW_S, tool_weight, wrench_at_tcp
from sim.arm import TORQUE_ACTUATORS, impedance_control, xyzw
from sim.disturbance import Disturbance, DisturbedArm
from sim.joint_trajectory import TrajectoryTracker, Waypoint
from sim.periods import whole_steps

Array = NDArray[np.float64]

CONTROLLERS = ("crisp", "jtc")

# Joint impedance of franka_ros's joint_impedance_example_controller.
JOINT_STIFFNESS: Array = np.array([600.0, 600.0, 600.0, 600.0, 250.0, 150.0, 50.0])  # Nm/rad
JOINT_DAMPING: Array = np.array([50.0, 50.0, 50.0, 20.0, 20.0, 20.0, 10.0])  # Nms/rad


@dataclass(frozen=True)
class ArmReading:
    """What the arm's sensors give at the end of a cycle, and the truth that only the judge may see.

    Attributes:
        time_s: simulated time since the start.
        joint_positions: (7,) rad.
        joint_velocities: (7,) rad/s.
        joint_efforts: (7,) Nm, what the controller applies beyond the compensation of gravity.
        wrench_ft: (6,) raw, F/T frame, environment on tool, mean of the cycle: with weight, bias and noise.
        contact_n: (3,) N, the true contact of hand and tool, F/T frame, environment on tool, mean of the cycle: what
            the sensor carries less the tool's true weight and the disturbance.
    """

    time_s: float
    joint_positions: Array
    joint_velocities: Array
    joint_efforts: Array
    wrench_ft: Array
    contact_n: Array


@dataclass(frozen=True)
class SensorErrors:
    """What the force-torque sensor adds to the truth, and swallows.

    Attributes:
        bias: (6,) at the TCP, in its axes [N, Nm].
        noise: (6,) standard deviation, likewise, of a reading filtered over FILTER_WINDOW_S.
        dead_zone_n: below this a contact is not felt.
    """

    bias: Array
    noise: Array
    dead_zone_n: float = 0.0


class ArmDriver:
    """An FR3, stepped one control cycle at a time. A subclass compiles its scene and calls `_install` and `hold`.

    Args:
        robot: an FR3 description.
        controller: one of CONTROLLERS.
        task: T_base_task of the scene, the frame of its impedance.
        timestep_s: of the physics.

    Raises:
        ConfigError: unknown controller, or a control rate that is no whole number of physics steps.
    """

    def __init__(self, robot: RobotConfig, controller: str, task: Pose, timestep_s: float) -> None:
        self.robot = robot
        require_one_of("controller", controller, CONTROLLERS)
        self.controller = controller
        self.period_s = 1.0 / robot.control_rate_hz
        self._task, self._timestep_s = task, timestep_s
        rate = f"robot '{robot.name}': control_rate_hz is {robot.control_rate_hz:g}"
        self._substeps = whole_steps(
            self.period_s, timestep_s, f"{rate}; a cycle must be a whole number of physics steps of"
        )
        self._joints = len(robot.joints)
        self._ft_quaternion, self._weight = np.zeros(4), np.zeros(6)
        self._T_tcp_ft = robot.T_ft_tcp().inverse()
        self._chain = robot.chain()
        self._cycles = 0
        self.disturbance = Disturbance()
        self._tracker = TrajectoryTracker(robot.joint_names, np.array(robot.home))

    # Commands

    def hold(self) -> None:
        """Make the measured pose the target, at rest: what a controller does when it is activated."""
        positions = self._data.qpos[: self._joints].copy()
        self.set_target(self._chain.forward(positions))
        self._tracker.hold(positions)

    def put(self, positions: Array) -> None:
        """Have the arm at rest at joint positions (7,) [rad], holding them: for a simulation that begins anew."""
        self._data.qpos[: self._joints], self._data.qvel[:] = positions, 0.0
        mujoco.mj_forward(self._model, self._data)
        self.hold()

    def set_target(self, target: Pose) -> None:
        """`crisp`: the target T_base_target from now on, until another one comes."""
        self._control = impedance_control(target, self._task)

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
        """Simulated time since the start; a new scene does not set it back."""
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
                positions, velocities = self._tracker.desired(self.time_s + step * self._timestep_s)
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
            contact_n=self._contact(load),
        )

    def tcp(self) -> Pose:
        """The pose of the TCP, T_base_tcp, of the physics, for the joint positions as they are now."""
        mujoco.mj_kinematics(self._model, self._data)  # a step leaves the poses of before its integration
        site = self._data.site("tcp")
        return Pose.of(site.xpos.copy(), rotations.from_matrix(site.xmat.reshape(3, 3)))

    @property
    def finite(self) -> bool:
        """Whether the physics is still finite."""
        return bool(np.isfinite(self._data.qpos).all() and np.isfinite(self._data.qvel).all())

    # For subclasses

    def _install(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        tool: tuple[float, Array],
        errors: SensorErrors,
        noise: np.random.Generator,
    ) -> None:
        """Go on in this scene.

        Args:
            model: with the arm of `sim.arm.add_arm`.
            data: of it.
            tool: mass [kg] that the force-torque sensor carries, and its centre (3,) in the F/T frame [m].
            errors: of the sensor.
            noise: that its noise is drawn from.
        """
        self._model, self._data = model, data
        self._mass, self._center = tool
        self._errors, self._noise = errors, noise
        self._disturbed = DisturbedArm(model, self.robot)
        self._disturbed.apply(self.disturbance, model, data)
        start = int(model.sensor("ft_force").adr[0])
        self._wrench_at = slice(start, start + 6)
        self._ft_site = model.site("ft").id
        self._torques = [model.actuator(name).id for name in TORQUE_ACTUATORS]

    def _load(self, reading: Array) -> Array:
        """(6,) on the sensor, environment on tool: MuJoCo reports what the hand's parent exerts on the hand."""
        mujoco.mju_mat2Quat(self._ft_quaternion, self._data.site_xmat[self._ft_site])
        self._weight = tool_weight(self._mass, self._center, xyzw(self._ft_quaternion))
        return -reading

    def _measured(self, load: Array) -> Array:
        """The sensor's output: weight of the tool as it is, the rest beyond the dead zone, bias and noise."""
        contact = load - self._weight
        size = float(np.linalg.norm(contact[:3]))
        contact[:3] *= max(0.0, 1.0 - self._errors.dead_zone_n / max(size, 1e-9))
        # The noise is that of a reading filtered over FILTER_WINDOW_S, which holds several cycles.
        spread = self._errors.noise * np.sqrt(max(1.0, FILTER_WINDOW_S / self.period_s))
        error_tcp = self._errors.bias + spread * self._noise.standard_normal(6)
        measured = self._weight + contact + wrench_at_tcp(error_tcp, self._T_tcp_ft)
        measured[:3] += self.disturbance.force_bias_n
        measured[3:] += self.disturbance.torque_bias_nm
        return measured

    def _contact(self, load: Array) -> Array:
        """The load's force less the tool's weight and what the disturbance puts on the hand."""
        force = self._disturbed.on_hand(self.disturbance)
        other: Array = rotations.rotate(rotations.conjugate(xyzw(self._ft_quaternion)), force)
        return load[:3] - self._weight[:3] - other


def require_one_of(key: str, value: str, allowed: Sequence[str]) -> None:
    """Raise a ConfigError that lists what is allowed, unless `value` is among it."""
    if value not in allowed:
        raise ConfigError(f"{key} is '{value}', must be one of {', '.join(allowed)}")
