"""A moving obstacle on the way to the socket: a ball that the tip of the plug has to keep out of.

It has no body: the arm passes through it, and what is measured is that it did.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maxent_robot.config import setting
from maxent_robot.control.pose import Pose
from maxent_robot.skill.layout import ObstacleMeasurement

Array = NDArray[np.float64]
Range = tuple[float, float]

START_HEIGHT_M: Range = (0.025, 0.035)
"""Of starts above the mouth, so that an obstacle on the way leaves room."""


@dataclass(frozen=True)
class ObstacleSetting:
    """Where it may be and how it may move."""

    present: bool = setting(False, doc="whether there is one")
    radius_m: float = setting(0.006, unit="m", minimum=0.001, maximum=0.05, doc="of the ball")
    margin_m: float = setting(
        0.004, unit="m", minimum=0.001, maximum=0.02, doc="around it, where being near costs the more the nearer"
    )
    penalty: float = setting(0.5, minimum=0.0, doc="scale of the reward's term: -1 within it to 0 at its margin")
    place: Range = setting(
        (0.4, 0.6), rising=True, minimum=0.0, maximum=1.0, doc="of its centre, from the mouth to the start"
    )
    beside_m: float = setting(0.002, unit="m", minimum=0.0, maximum=0.02, doc="off that line, each axis, uniform")
    amplitude_m: Range = setting(
        (0.0, 0.004), rising=True, unit="m", minimum=0.0, maximum=0.02, doc="of its motion to and fro"
    )
    frequency_hz: Range = setting((0.2, 0.6), rising=True, unit="Hz", minimum=0.0, maximum=2.0, doc="of its motion")
    noise_m: float = setting(0.0005, unit="m", minimum=0.0, maximum=0.01, doc="std of each measured position")


@dataclass(frozen=True)
class Obstacle:
    """One obstacle, or a batch of them: centre(t) = middle + swing sin(omega t + phase), base frame.

    Attributes:
        middle: (..., 3) m.
        swing: (..., 3) m.
        omega: (...) rad/s.
        phase: (...) rad.
    """

    middle: Array
    swing: Array
    omega: float | Array
    phase: float | Array

    def measured(self, time_s: float | Array) -> ObstacleMeasurement:
        """Where it is and how it moves, without noise."""
        angle = np.asarray(self.omega * time_s + self.phase)
        return ObstacleMeasurement(
            self.middle + self.swing * np.sin(angle)[..., None],
            self.swing * np.asarray(self.omega * np.cos(angle))[..., None],
        )


def sample_obstacle(settings: ObstacleSetting, estimate: Pose, start: Pose, generator: np.random.Generator) -> Obstacle:
    """Draw one between the estimated mouth T_base_socket and a start T_base_tcp away from it.

    It moves across the socket's axis.
    """
    share = generator.uniform(*settings.place)
    beside = generator.uniform(-settings.beside_m, settings.beside_m, 3)
    angle = generator.uniform(0.0, 2.0 * math.pi)
    across = estimate.rotate(np.array([math.cos(angle), math.sin(angle), 0.0]))
    return Obstacle(
        middle=estimate.position + share * (start.position - estimate.position) + beside,
        swing=generator.uniform(*settings.amplitude_m) * across,
        omega=2.0 * math.pi * generator.uniform(*settings.frequency_hz),
        phase=generator.uniform(0.0, 2.0 * math.pi),
    )


class ObstacleCourse:
    """The obstacles of n episodes, and how near the tips came to them.

    Attributes:
        nearest_m: (n,) least distance of tip and centre since `clear_step`.
        collided: (n,) whether the tip was within the ball since `begin`.
    """

    def __init__(self, settings: ObstacleSetting, n: int) -> None:
        self.settings = settings
        sizes = {"middle": (n, 3), "swing": (n, 3), "omega": (n,), "phase": (n,)}
        self._obstacles = {name: np.zeros(size) for name, size in sizes.items()}
        self.nearest_m = np.full(n, np.inf)
        self.collided = np.zeros(n, dtype=bool)

    def begin(self, index: int, obstacle: Obstacle) -> None:
        """Put an obstacle into place `index`."""
        for name, values in self._obstacles.items():
            values[index] = getattr(obstacle, name)
        self.nearest_m[index], self.collided[index] = np.inf, False

    def measured(self, time_s: Array) -> ObstacleMeasurement:
        """Where they are and how they move at times (n,), without noise."""
        return Obstacle(**self._obstacles).measured(time_s)

    def clear_step(self) -> None:
        """A new policy step begins."""
        self.nearest_m[:] = np.inf

    def watch(self, tip: Array, time_s: Array, running: NDArray[np.bool_]) -> None:
        """Take the tips (n, 3) at times (n,) of those that are within an episode."""
        distance = np.linalg.norm(tip - self.measured(time_s).position, axis=1)
        self.nearest_m = np.where(running, np.minimum(self.nearest_m, distance), self.nearest_m)
        self.collided |= running & (distance < self.settings.radius_m)

    def nearness(self) -> Array:
        """(n,) of each in the step: 1 within the obstacle, 0 from `margin_m` away on, linear between."""
        margin = self.settings.margin_m
        return np.clip((self.settings.radius_m + margin - self.nearest_m) / margin, 0.0, 1.0)

    def state_dict(self) -> dict[str, Array]:
        """All that a bit-exact continuation needs."""
        return {
            **{name: values.copy() for name, values in self._obstacles.items()},
            "nearest_m": self.nearest_m.copy(),
            "collided": self.collided.copy(),
        }

    def load_state_dict(self, state: dict[str, Array]) -> None:
        """Take back what `state_dict` gave."""
        for name, values in self._obstacles.items():
            values[...] = state[name]
        self.nearest_m, self.collided = np.array(state["nearest_m"]), np.array(state["collided"])
