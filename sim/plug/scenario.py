"""One episode's hidden circumstances: drawn from a seed, applied to a model, never shown to the policy."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import mujoco
import numpy as np
from numpy.typing import NDArray

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from sim.arm import set_impedance, wxyz
from sim.plug.config import PlugConfig, Range
from sim.plug.connectors import CONNECTORS
from sim.plug.obstacle import Obstacle, sample_obstacle
from sim.plug.scene import PLUG_PLACE, T_BASE_TASK, wall_name

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Scenario:
    """Drawn values; lengths in m, angles in rad, frames as named."""

    socket: Pose  # T_base_socket, the truth
    estimate: Pose  # T_base_socket as the robot believes it
    plug_offset: Array  # (2,) of the plug in the hand, TCP axes
    clearance_m: float
    stiffness_factor: float
    damping_factor: float
    friction: float
    joint_friction_nm: float
    tool_mass_factor: float
    wrench_bias: Array  # (6,) left after taring
    wrench_noise: Array  # (6,) standard deviations
    force_dead_zone_n: float
    observation_delay: int  # policy periods
    command_delay: int  # policy periods
    allowed_force_n: float
    start: Pose  # T_base_tcp at the beginning
    on_axis: bool  # started aligned and partly inserted
    obstacle: Obstacle | None = None


def sample_scenario(config: PlugConfig, generator: np.random.Generator) -> Scenario:
    """Draw an episode; the same generator state gives the same scenario."""
    ranges, start = config.randomisation, config.start

    def uniform(bounds: Range) -> float:
        return float(generator.uniform(*bounds))

    def around(half: float, size: int = 3) -> Array:
        return generator.uniform(-half, half, size)

    def log_uniform(factor: float) -> float:
        return float(math.exp(generator.uniform(-math.log(factor), math.log(factor))))

    place = np.array([*around(ranges.socket_place_m, 2), float(around(ranges.socket_height_m, 1)[0])])
    yaw = math.radians(float(around(ranges.socket_yaw_deg, 1)[0]))
    socket = T_BASE_TASK @ Pose.from_rotvec(place, [0.0, 0.0, yaw])
    error = Pose.from_rotvec(around(ranges.socket_position_m), np.radians(around(ranges.socket_rotation_deg)))
    estimate = socket @ error
    plug_offset = around(ranges.plug_in_hand_m, 2)
    on_axis = bool(generator.random() < start.on_axis_fraction)
    lateral, height = around(start.lateral_m, 2), uniform(start.height_m)
    tilt = np.radians(around(start.rotation_deg))
    depth = min(uniform(start.on_axis_depth_m), 0.9 * CONNECTORS[config.connector].depth)
    away = estimate @ Pose.from_rotvec([*lateral, -height], tilt)
    noise = np.repeat([ranges.force_noise_n, ranges.torque_noise_nm], 3)
    drawn = Scenario(
        socket=socket,
        estimate=estimate,
        plug_offset=plug_offset,
        clearance_m=uniform(config.clearance_m),
        stiffness_factor=ranges.stiffness_centre * log_uniform(ranges.stiffness_factor),
        damping_factor=ranges.damping_centre * log_uniform(ranges.damping_factor),
        friction=uniform(ranges.friction),
        joint_friction_nm=uniform(ranges.joint_friction_nm),
        tool_mass_factor=log_uniform(ranges.tool_mass_factor),
        wrench_bias=np.concatenate([around(ranges.force_bias_n), around(ranges.torque_bias_nm)]),
        wrench_noise=noise,
        force_dead_zone_n=float(generator.uniform(0.0, ranges.force_dead_zone_n)),
        observation_delay=int(generator.integers(ranges.observation_delay_max + 1)),
        command_delay=int(generator.integers(ranges.command_delay_min, ranges.command_delay_max + 1)),
        allowed_force_n=uniform(config.allowed_force_n),
        start=socket @ Pose.of([-plug_offset[0], -plug_offset[1], depth]) if on_axis else away,
        on_axis=on_axis,
    )
    if not config.obstacle.present:
        return drawn
    return replace(drawn, obstacle=sample_obstacle(config.obstacle, estimate, away, generator))


def apply_scenario(
    model: mujoco.MjModel, reference: mujoco.MjModel, scenario: Scenario, connector: str, robot: RobotConfig
) -> None:
    """Write a scenario into a compiled model; ``reference`` is the untouched model that factors refer to."""
    socket = model.body("socket").id
    model.body_pos[socket] = scenario.socket.position
    model.body_quat[socket] = wxyz(scenario.socket.quaternion)
    for index, wall in enumerate(CONNECTORS[connector].walls(scenario.clearance_m)):
        geom = model.geom(wall_name(index)).id
        model.geom_pos[geom] = wall.position
        model.geom_size[geom] = wall.size
        model.geom_rbound[geom] = float(np.linalg.norm(wall.size))
        model.geom_aabb[geom, 3:] = wall.size
    model.geom_friction[reference.geom_contype > 0, 0] = scenario.friction
    plug = model.body("plug").id
    tcp = robot.T_flange_tcp.pose()
    model.body_pos[plug] = tcp.transform([*scenario.plug_offset, PLUG_PLACE])
    model.dof_frictionloss[: len(robot.joints)] = scenario.joint_friction_nm
    hand = model.body("hand").id
    model.body_mass[hand] = reference.body_mass[hand] * scenario.tool_mass_factor
    model.body_inertia[hand] = reference.body_inertia[hand] * scenario.tool_mass_factor
    # The controller compensates the weight that it knows, not the one that is there.
    model.body_gravcomp[hand] = 1.0 / scenario.tool_mass_factor
    set_impedance(model, robot.impedance, scenario.stiffness_factor, scenario.damping_factor)


def tool_mass(model: mujoco.MjModel) -> float:
    """Mass [kg] that the force-torque sensor carries."""
    return float(model.body("hand").mass[0] + model.body("plug").mass[0])


def tool_center_of_mass(model: mujoco.MjModel, robot: RobotConfig) -> Array:
    """(3,) centre of that mass in the F/T frame [m], the grasp unbent."""
    hand, plug = model.body("hand"), model.body("plug")
    flange = (hand.mass[0] * hand.ipos + plug.mass[0] * plug.pos) / (hand.mass[0] + plug.mass[0])
    return robot.T_flange_ft.pose().inverse().transform(flange)
