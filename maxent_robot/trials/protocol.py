"""The protocol of a series of trials: which connector, which seed, and where each trial starts. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from maxent_robot.config import setting
from maxent_robot.control import rotations
from maxent_robot.control.pose import Pose
from maxent_robot.errors import ConfigError, MaxentRobotError


class ProtocolError(MaxentRobotError):
    """A series of trials was asked for that cannot be run."""


@dataclass(frozen=True)
class StartRange:
    """Where a trial starts, relative to the *estimated* socket: above its mouth, off its axis, tilted and turned."""

    lateral_m: float = setting(0.010, unit="m", minimum=0.0, maximum=0.05, doc="Largest distance from the axis.")
    height_min_m: float = setting(0.015, unit="m", minimum=0.0, maximum=0.2, doc="Smallest height above the mouth.")
    height_max_m: float = setting(0.030, unit="m", minimum=0.0, maximum=0.2, doc="Largest height above the mouth.")
    tilt_rad: float = setting(
        math.radians(3.0), unit="rad", minimum=0.0, maximum=0.5, doc="Largest tilt of the plug against the socket axis."
    )
    yaw_rad: float = setting(
        math.radians(3.0), unit="rad", minimum=0.0, maximum=0.5, doc="Largest rotation about the socket axis."
    )

    def __post_init__(self) -> None:
        if self.height_min_m > self.height_max_m:
            raise ConfigError(
                f"height_min_m is {self.height_min_m:g} m, must be at most height_max_m, {self.height_max_m:g} m"
            )


@dataclass(frozen=True)
class TrialPlan:
    """One trial before it is run.

    Attributes:
        number: from 1.
        skill: path of the bundle.
        connector: that it inserts.
        seed: decides the scenario and the start pose.
        policy: parameters of the policy node.
        condition, place, attempt: of an experiment.
    """

    number: int
    skill: str
    connector: str
    seed: int
    policy: Mapping[str, Any] = field(default_factory=dict)
    condition: str = ""
    place: int = 0
    attempt: int = 1


def plan_trials(count: int, skills: Sequence[tuple[str, str]], seed: int) -> tuple[TrialPlan, ...]:
    """`count` trials shared out evenly over `skills`, pairs of (skill, connector), one block a skill.

    The first skills get one trial more where the count does not divide. The seed of a trial depends on `seed` and its
    number only, so trial 7 is the same trial in a series of 10 and of 100 as long as it falls to the same skill.

    Raises:
        ProtocolError: no skill, or fewer than one trial.
    """
    if not skills:
        raise ProtocolError("trials: no skill given; at least one is needed")
    if count < 1:
        raise ProtocolError(f"trials: {count} trials; allowed is at least 1")
    if seed < 0:
        raise ProtocolError(f"trials: seed {seed}; allowed is 0 or more")
    share, extra = divmod(count, len(skills))
    plans: list[TrialPlan] = []
    for index, (skill, connector) in enumerate(skills):
        for _ in range(share + (index < extra)):
            number = len(plans) + 1
            plans.append(TrialPlan(number, skill, connector, trial_seed(seed, number)))
    return tuple(plans)


def trial_seed(seed: int, number: int) -> int:
    """Seed of trial `number` in the series of `seed`: 31 bits of NumPy's seed sequence, so series do not overlap."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0]) & 0x7FFFFFFF


def sample_start(seed: int, socket: Pose, start: StartRange | None = None) -> Pose:
    """Start pose T_base_tcp of the trial with `seed`, drawn around the estimated socket T_base_socket.

    The offset is uniform over a disc of radius `lateral_m`, the height uniform in its range (the socket's z axis points
    into the socket, so the start is at negative z), the tilt is about a uniform axis in the mouth's plane with a
    uniform angle, the yaw is uniform and applied first.
    """
    start = start or StartRange()
    rng = np.random.default_rng(seed)
    radius = start.lateral_m * math.sqrt(rng.uniform())
    bearing = rng.uniform(-math.pi, math.pi)
    height = rng.uniform(start.height_min_m, start.height_max_m)
    tilt = rng.uniform(0.0, start.tilt_rad)
    axis = rng.uniform(-math.pi, math.pi)
    yaw = rng.uniform(-start.yaw_rad, start.yaw_rad)
    offset = Pose.from_rotvec(
        [radius * math.cos(bearing), radius * math.sin(bearing), -height],
        [tilt * math.cos(axis), tilt * math.sin(axis), 0.0],
    )
    return socket @ offset @ Pose.from_rotvec(np.zeros(3), [0.0, 0.0, yaw])


def retreat(tcp: Pose, socket: Pose, distance_m: float) -> Pose:
    """`tcp` moved by `distance_m` out of the socket, along the estimated axis and with the orientation it has."""
    outward = socket.rotate(np.array([0.0, 0.0, -distance_m]))
    return Pose(tcp.position + outward, tcp.quaternion)


def pose_error(a: Pose, b: Pose) -> tuple[float, float]:
    """Distance between the origins of two poses in m, and the angle between their orientations in rad, in [0, pi]."""
    turn = rotations.multiply(rotations.conjugate(a.quaternion), b.quaternion)
    angle = float(np.linalg.norm(rotations.to_rotvec(turn)))
    return float(np.linalg.norm(a.position - b.position)), angle


def insertion_coordinates(T_socket_tcp: Pose) -> tuple[float, float, float]:
    """Depth in m, distance from the axis in m and tilt in rad of the plug's tip, from its true pose in the socket."""
    x, y, z = (float(value) for value in T_socket_tcp.position)
    axis = T_socket_tcp.rotate(np.array([0.0, 0.0, 1.0]))
    tilt = math.atan2(math.hypot(float(axis[0]), float(axis[1])), float(axis[2]))
    return z, math.hypot(x, y), tilt
