"""What the supervisor allows, as one schema (`config/limits/*.yaml`)."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from maxent_robot.config import load_config, setting
from maxent_robot.errors import ConfigError
from maxent_robot.paths import share_directory
from maxent_robot.safety.reactions import reactions

Vector3 = tuple[float, float, float]


@dataclass(frozen=True)
class KeepOutBox:
    """Box, in the base frame, that the TCP stays out of."""

    minimum: Vector3 = setting(unit="m", minimum=-3.0, maximum=3.0, doc="lower corner")
    maximum: Vector3 = setting(unit="m", minimum=-3.0, maximum=3.0, doc="upper corner")

    def __post_init__(self) -> None:
        _check_corners(self.minimum, self.maximum)


@dataclass(frozen=True)
class OrientationLimits:
    """Orientations of the TCP: how far its z axis may lean, and how far it may be turned about that axis."""

    reference: tuple[float, float, float, float] = setting(
        (1.0, 0.0, 0.0, 0.0), minimum=-1.0, maximum=1.0, doc="orientation (x, y, z, w) that both are counted from"
    )
    tilt_rad: float = setting(math.pi, unit="rad", minimum=0.01, maximum=math.pi, doc="of the z axis")
    turn_rad: float = setting(math.pi, unit="rad", minimum=0.01, maximum=math.pi, doc="about the z axis")
    tolerance_rad: float = setting(
        0.1, unit="rad", minimum=0.0, maximum=0.5, doc="how far beyond the measured orientation may be"
    )

    def __post_init__(self) -> None:
        norm = math.hypot(*self.reference)
        if abs(norm - 1.0) > 1e-3:
            raise ConfigError(f"reference has norm {norm:.4g}, must be 1: it is a unit quaternion (x, y, z, w)")


@dataclass(frozen=True)
class WorkspaceLimits:
    """Box, in the base frame, that the TCP stays in, less the boxes that it stays out of, and its orientations."""

    minimum: Vector3 = setting(unit="m", minimum=-3.0, maximum=3.0, doc="lower corner")
    maximum: Vector3 = setting(unit="m", minimum=-3.0, maximum=3.0, doc="upper corner")
    tolerance_m: float = setting(
        0.02, unit="m", minimum=0.0, maximum=0.2, doc="how far outside the measured TCP may be; targets never are"
    )
    keep_out: Mapping[str, KeepOutBox] = setting({}, doc="boxes that the TCP stays out of, by names of your choice")
    orientation: OrientationLimits = setting(OrientationLimits(), doc="of the TCP")

    def __post_init__(self) -> None:
        _check_corners(self.minimum, self.maximum)


def _check_corners(minimum: Vector3, maximum: Vector3) -> None:
    for axis, low, high in zip("xyz", minimum, maximum, strict=True):
        if low >= high:
            raise ConfigError(f"{axis} of minimum is {low} m, must be below maximum, which is {high} m")


@dataclass(frozen=True)
class SpeedLimits:
    """Norm of a twist's linear and angular part."""

    linear_m_s: float = setting(unit="m/s", minimum=0.001, maximum=2.0, doc="translation")
    angular_rad_s: float = setting(unit="rad/s", minimum=0.005, maximum=6.0, doc="rotation")

    def or_faster(self, other: SpeedLimits) -> SpeedLimits:
        """The higher limit of the two, for each part."""
        linear = max(self.linear_m_s, other.linear_m_s)
        return SpeedLimits(linear, max(self.angular_rad_s, other.angular_rad_s))


@dataclass(frozen=True)
class AccelerationLimits:
    """Norm of a twist's rate of change."""

    linear_m_s2: float = setting(1.0, unit="m/s^2", minimum=0.05, maximum=9.0, doc="translation")
    angular_rad_s2: float = setting(4.0, unit="rad/s^2", minimum=0.2, maximum=17.0, doc="rotation")


@dataclass(frozen=True)
class JerkLimits:
    """Norm of the rate of change of that, in moves and controlled stops."""

    linear_m_s3: float = setting(20.0, unit="m/s^3", minimum=0.5, maximum=4500.0, doc="translation")
    angular_rad_s3: float = setting(80.0, unit="rad/s^3", minimum=2.0, maximum=8500.0, doc="rotation")


@dataclass(frozen=True)
class ContactLimits:
    """Ceilings on the contact wrench at the TCP: tared, tool weight removed, mean of 10 ms.

    They protect the tool and the workpiece. They are not limits of force on a person.
    """

    force_n: float = setting(30.0, unit="N", minimum=1.0, maximum=100.0, doc="norm of the force")
    torque_nm: float = setting(5.0, unit="Nm", minimum=0.1, maximum=30.0, doc="norm of the torque")
    degraded_load: float = setting(0.8, minimum=0.1, maximum=1.0, doc="share of a ceiling from which it is slowed")
    recovered_load: float = setting(0.6, minimum=0.05, maximum=1.0, doc="share below which it no longer is")
    degraded_speed: float = setting(0.5, minimum=0.05, maximum=1.0, doc="factor on the policy's speed limit meanwhile")
    tare_force_n: float = setting(10.0, unit="N", minimum=0.1, maximum=50.0, doc="largest force that may be tared away")
    tare_torque_nm: float = setting(2.0, unit="Nm", minimum=0.01, maximum=10.0, doc="largest torque that may be")
    tare_window_s: float = setting(0.25, unit="s", minimum=0.02, maximum=2.0, doc="how long it averages")
    tare_age_s: float = setting(1800.0, unit="s", minimum=1.0, maximum=86400.0, doc="age from which it must be renewed")

    def __post_init__(self) -> None:
        if self.recovered_load >= self.degraded_load:
            raise ConfigError(f"recovered_load {self.recovered_load} must be below degraded_load {self.degraded_load}")


@dataclass(frozen=True)
class BalanceLimits:
    """How far the impedance's push and the measured contact may be apart while the arm stands still.

    The friction of the joints is part of it, so set it above what the arm needs to break loose.
    """

    force_n: float = setting(9.0, unit="N", minimum=0.5, maximum=60.0, doc="difference of the forces' norms")
    torque_nm: float = setting(2.5, unit="Nm", minimum=0.1, maximum=20.0, doc="difference of the torques' norms")
    time_s: float = setting(1.0, unit="s", minimum=0.05, maximum=10.0, doc="for so long")


@dataclass(frozen=True)
class JointLimits:
    """Use of the joint limits in the robot's description."""

    position_margin_rad: float = setting(0.05, unit="rad", minimum=0.0, maximum=0.5, doc="kept from each limit")
    velocity_fraction: float = setting(1.0, minimum=0.05, maximum=1.5, doc="of each velocity limit")
    command_fraction: float = setting(
        1.0, minimum=0.05, maximum=1.0, doc="of that, what a command may ask for; less for an arm that overshoots"
    )
    acceleration_fraction: float = setting(1.0, minimum=0.05, maximum=5.0, doc="of each acceleration limit")
    acceleration_window_s: float = setting(
        0.05, unit="s", minimum=0.01, maximum=0.5, doc="time that the measured acceleration is the mean of"
    )


@dataclass(frozen=True)
class AgeLimits:
    """How old an input may be."""

    joint_state_s: float = setting(0.1, unit="s", minimum=0.004, maximum=1.0, doc="since the last joint state came")
    wrench_s: float = setting(0.1, unit="s", minimum=0.004, maximum=1.0, doc="since the last wrench came")
    message_s: float = setting(
        0.5, unit="s", minimum=0.01, maximum=5.0, doc="from a message's stamp to its arrival, so clocks must agree"
    )
    action_periods: float = setting(2.0, minimum=1.0, maximum=10.0, doc="policy periods after which a twist expires")
    gap_periods: float = setting(
        2.5,
        minimum=1.2,
        maximum=20.0,
        doc="policy periods between two twists from which some are missing",
    )
    heartbeat_s: float = setting(
        0.5, unit="s", minimum=0.02, maximum=30.0, doc="without a twist or a sign of life of the policy until HOLD"
    )
    action_hold_s: float = setting(1.0, unit="s", minimum=0.05, maximum=30.0, doc="without a twist until HOLD")


@dataclass(frozen=True)
class PolicyLimits:
    """What a policy may tell of itself. Ranges are those that its skill has met when it was evaluated."""

    novelty: float = setting(
        0.5, minimum=0.0, maximum=100.0, doc="distance of an observed quantity from its range, as a share of the range"
    )
    entropy_margin: float = setting(
        0.02, minimum=0.0, maximum=100.0, doc="distance of the entropy from its range, as a share of the range"
    )
    inference_fraction: float = setting(
        0.8, minimum=0.01, maximum=1.0, doc="time from measurement to action, as a share of the policy's period"
    )


@dataclass(frozen=True)
class JumpLimits:
    """Largest step between two commands; a larger one is not sent."""

    translation_m: float = setting(0.03, unit="m", minimum=0.001, maximum=0.2, doc="of the target's position")
    rotation_rad: float = setting(0.2, unit="rad", minimum=0.01, maximum=1.0, doc="of the target's orientation")


@dataclass(frozen=True)
class MoveLimits:
    """When a move to a pose has arrived, and when it is given up."""

    tolerance_m: float = setting(0.003, unit="m", minimum=1e-4, maximum=0.05, doc="distance from the goal")
    tolerance_rad: float = setting(0.03, unit="rad", minimum=1e-3, maximum=0.5, doc="angle from the goal")
    timeout_factor: float = setting(3.0, minimum=1.0, maximum=20.0, doc="times the planned duration")
    timeout_s: float = setting(5.0, unit="s", minimum=0.5, maximum=60.0, doc="added to that")


@dataclass(frozen=True)
class StillLimits:
    """Below these the arm counts as still (norm of the measured TCP twist)."""

    linear_m_s: float = setting(0.01, unit="m/s", minimum=1e-4, maximum=0.1, doc="translation")
    angular_rad_s: float = setting(0.05, unit="rad/s", minimum=1e-3, maximum=0.5, doc="rotation")


@dataclass(frozen=True)
class SupervisorLimits:
    """Everything that the supervisor checks against. The leash is not here: it belongs to the robot's impedance."""

    workspace: WorkspaceLimits = setting(doc="box of the TCP")
    policy_speed: SpeedLimits = setting(SpeedLimits(0.15, 0.9), doc="ceiling of a policy's twist")
    target_acceleration: AccelerationLimits = setting(
        AccelerationLimits(9.0, 17.0), doc="of the target's twist, whatever asks for it; as Franka states for the FR3"
    )
    move_speed: SpeedLimits = setting(SpeedLimits(0.25, 1.0), doc="ceiling of a move's twist")
    measured_speed: SpeedLimits = setting(SpeedLimits(0.6, 2.5), doc="measured TCP speed that is a fault")
    acceleration: AccelerationLimits = setting(AccelerationLimits(), doc="of moves and controlled stops")
    jerk: JerkLimits = setting(JerkLimits(), doc="of moves and controlled stops")
    contact: ContactLimits = setting(ContactLimits(), doc="contact wrench")
    balance: BalanceLimits = setting(BalanceLimits(), doc="impedance and sensor at rest")
    joints: JointLimits = setting(JointLimits(), doc="joint limits")
    ages: AgeLimits = setting(AgeLimits(), doc="ages of inputs")
    policy: PolicyLimits = setting(PolicyLimits(), doc="what a policy tells of itself")
    jump: JumpLimits = setting(JumpLimits(), doc="step between commands")
    move: MoveLimits = setting(MoveLimits(), doc="moves to a pose")
    still: StillLimits = setting(StillLimits(), doc="standing still")
    degraded_hold_s: float = setting(
        0.5, unit="s", minimum=0.0, maximum=10.0, doc="how long a degradation outlasts the fault that asked for it"
    )
    reactions: Mapping[str, str] = setting({}, doc="to faults by name, where not the shipped ones (docs/safety.md)")
    ramp_s: float = setting(0.3, unit="s", minimum=0.0, maximum=5.0, doc="time from 0 to the full twist after start")

    def __post_init__(self) -> None:
        reactions(self.reactions)


def find_limits(name_or_path: str | os.PathLike[str]) -> Path:
    """The limits file of a shipped name (`sim`, `fr3`, `ur5e`) or of a path.

    Raises:
        ConfigError: there is no such file; the message lists the shipped names.
    """
    text = os.fspath(name_or_path)
    shelf = share_directory() / "config" / "limits"
    named = shelf / f"{text}.yaml"
    if Path(text).name == text and named.is_file():
        return named
    path = Path(text).expanduser()
    if path.is_file():
        return path
    shipped = ", ".join(sorted(entry.stem for entry in shelf.glob("*.yaml"))) or "none"
    raise ConfigError(f"no limits {text!r}: give the path of a .yaml file or one of the shipped names: {shipped}")


def load_limits(name_or_path: str | os.PathLike[str]) -> SupervisorLimits:
    """Limits by shipped name or path.

    Raises:
        ConfigError: no such file, or a key or value that the schema does not allow.
    """
    return load_config(find_limits(name_or_path), SupervisorLimits)
