"""What the stack knows about one arm: kinematics, limits, impedance, tool, topics (``config/robots/*.yaml``)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maxent_robot.config import load_config, require_different_names, setting, to_mapping
from maxent_robot.control.kinematics import SerialChain
from maxent_robot.control.pose import Pose
from maxent_robot.errors import ConfigError
from maxent_robot.paths import find_robot

Array = NDArray[np.float64]
Vector3 = tuple[float, float, float]
Vector4 = tuple[float, float, float, float]


@dataclass(frozen=True)
class PoseSetting:
    """A fixed transform."""

    position: Vector3 = setting((0.0, 0.0, 0.0), unit="m", doc="translation")
    quaternion: Vector4 = setting((0.0, 0.0, 0.0, 1.0), doc="rotation (x, y, z, w)")

    def __post_init__(self) -> None:
        length = float(np.linalg.norm(self.quaternion))
        if abs(length - 1.0) > 1e-2:  # written with a few digits; `pose` makes it exact
            raise ConfigError(f"quaternion {list(self.quaternion)} has length {length:g}, must have 1")

    def pose(self) -> Pose:
        return Pose.of(self.position, self.quaternion)


@dataclass(frozen=True)
class JointSetting:
    """One joint: its place in the chain and its limits."""

    name: str = setting(doc="name in joint_states")
    a: float = setting(unit="m", doc="modified DH link length")
    d: float = setting(unit="m", doc="modified DH link offset")
    alpha: float = setting(unit="rad", doc="modified DH link twist")
    position_min: float = setting(unit="rad", doc="lower position limit")
    position_max: float = setting(unit="rad", doc="upper position limit")
    velocity_max: float = setting(unit="rad/s", minimum=1e-3, doc="velocity limit")
    acceleration_max: float = setting(unit="rad/s^2", minimum=1e-2, doc="acceleration limit")
    effort_max: float = setting(unit="Nm", minimum=0.0, doc="torque limit")
    braking_offset: float = setting(
        0.0, unit="rad/s", minimum=0.0, doc="subtracted from the speed that braking before a position limit allows"
    )
    braking_deceleration: float = setting(
        0.0, unit="rad/s^2", minimum=0.0, doc="deceleration that this speed is counted with; 0: acceleration_max"
    )


@dataclass(frozen=True)
class ImpedanceSetting:
    """Cartesian impedance at the TCP that the controller runs, and the leash that bounds its force."""

    stiffness_translation: float = setting(800.0, unit="N/m", minimum=50.0, maximum=3000.0, doc="on each axis")
    stiffness_rotation: float = setting(40.0, unit="Nm/rad", minimum=2.0, maximum=300.0, doc="about each axis")
    damping_ratio: float = setting(1.0, minimum=0.1, maximum=2.0, doc="of critical, for the arm's mass at the TCP")
    force_max: Vector3 = setting((12.0, 12.0, 12.0), unit="N", minimum=0.5, maximum=150.0, doc="leash x stiffness")
    torque_max: Vector3 = setting((2.0, 2.0, 2.0), unit="Nm", minimum=0.05, maximum=15.0, doc="leash x stiffness")


@dataclass(frozen=True)
class ToolSetting:
    """Everything beyond the flange that the force sensor carries."""

    mass: float = setting(0.75, unit="kg", minimum=0.0, maximum=10.0, doc="gripper and plug")
    center_of_mass: Vector3 = setting((0.0, 0.0, 0.06), unit="m", doc="in the F/T frame")


@dataclass(frozen=True)
class TopicSetting:
    """Names, relative to the namespace, under which the arm's driver is reached."""

    joint_states: str = setting("joint_states", doc="sensor_msgs/JointState")
    wrench: str = setting("wrench", doc="geometry_msgs/WrenchStamped in the F/T frame")
    target_pose: str = setting("target_pose", doc="CRISP backend: geometry_msgs/PoseStamped")
    joint_trajectory: str = setting("joint_trajectory_controller/joint_trajectory", doc="JTC backend")
    running: str = setting("", doc="std_msgs/Bool, false while the robot's own safety functions stop it; empty: none")
    diagnostics: str = setting("/diagnostics", doc="diagnostic_msgs/DiagnosticArray")


@dataclass(frozen=True)
class RobotConfig:
    """One arm. Poses: T_last_flange is fixed by the maker, T_flange_tcp by the tool."""

    name: str = setting(doc="robot name, recorded in skill manifests")
    model: str = setting(choices=("fr3", "ur5e"), doc="kinematic family")
    backend: str = setting(choices=("crisp", "jtc"), doc="which controller takes the commands")
    base_frame: str = setting(doc="frame_id of poses and twists")
    joints: tuple[JointSetting, ...] = setting(doc="from the base to the flange")
    home: tuple[float, ...] = setting(unit="rad", doc="joint positions to start from")
    tcp_frame: str = setting("tcp", doc="frame_id of the tool centre point")
    ft_frame: str = setting("ft", doc="frame_id of the wrench")
    control_rate_hz: float = setting(200.0, unit="Hz", minimum=20.0, maximum=1000.0, doc="supervisor's cycle")
    T_last_flange: PoseSetting = setting(PoseSetting(), doc="flange in the last joint's frame")
    T_flange_tcp: PoseSetting = setting(PoseSetting(), doc="nominal tip of the plug in the flange frame")
    T_flange_ft: PoseSetting = setting(PoseSetting(), doc="force-torque frame in the flange frame")
    wrench_sign: float = setting(1.0, choices=(1.0, -1.0), doc="-1 where the driver reports tool on environment")
    impedance: ImpedanceSetting = setting(ImpedanceSetting())
    tool: ToolSetting = setting(ToolSetting())
    topics: TopicSetting = setting(TopicSetting())
    controller: str = setting(
        "",
        doc="name of the controller, which has to listen, and to be active where its manager says; empty: any listener",
    )
    hardware: tuple[str, ...] = setting((), doc="beginnings of names of diagnoses whose error is a fault")

    def __post_init__(self) -> None:
        if not self.joints:
            raise ConfigError("joints is empty, must name each joint from the base to the flange")
        require_different_names("joints", self.joint_names)

    @property
    def joint_names(self) -> tuple[str, ...]:
        return tuple(joint.name for joint in self.joints)

    def joint_values(self, field: str) -> Array:
        """(n,) array of one field of the joints, for example ``velocity_max``."""
        return np.array([getattr(joint, field) for joint in self.joints], dtype=np.float64)

    def chain(self) -> SerialChain:
        """The chain from the base to the TCP."""
        return SerialChain(
            joint_names=self.joint_names,
            dh=np.stack([self.joint_values("a"), self.joint_values("d"), self.joint_values("alpha")], axis=-1),
            T_last_tcp=self.T_last_flange.pose() @ self.T_flange_tcp.pose(),
            position_min=self.joint_values("position_min"),
            position_max=self.joint_values("position_max"),
        )

    def fingerprint(self) -> str:
        """Name and a hash of all that is not the graph's: equal where two processes mean the same arm and tool."""
        mapping = to_mapping(self)
        for section in ("topics", "controller", "hardware"):
            del mapping[section]
        text = json.dumps(mapping, sort_keys=True)
        return f"{self.name} {hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def T_ft_tcp(self) -> Pose:
        """TCP in the force-torque frame."""
        return self.T_flange_ft.pose().inverse() @ self.T_flange_tcp.pose()


def load_robot(name_or_path: str) -> RobotConfig:
    """Robot description by name (``sim``, ``fr3``, ``ur5e``) or by the path of a YAML file.

    Raises:
        ConfigError: no such robot, a key that is unknown or a value out of range, or lengths that do not agree.
    """
    path = find_robot(name_or_path)
    robot = load_config(path, RobotConfig)
    if len(robot.home) != len(robot.joints):
        raise ConfigError(f"{path}: home has {len(robot.home)} values, joints has {len(robot.joints)}")
    for joint, start in zip(robot.joints, robot.home, strict=True):
        if not joint.position_min < start < joint.position_max:
            raise ConfigError(
                f"{path}: home of {joint.name} is {start} rad, allowed is {joint.position_min} to {joint.position_max}"
            )
    return robot
