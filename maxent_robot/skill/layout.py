"""What a skill sees of all that can be observed: the frames with their history, the newest one alone, the obstacle.

The full observation of an insertion is the stacked frames (150) and, where an obstacle is measured, its frame (6)
behind them; that of hockey is its own frames (75).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maxent_robot.control.pose import Pose
from maxent_robot.errors import ContractError
from maxent_robot.skill.action import ACTION_AXES, ActionAxis
from maxent_robot.skill.hockey import HOCKEY_AGES, HOCKEY_AXES, HOCKEY_FIELDS, HOCKEY_OBSERVATION_SIZE
from maxent_robot.skill.observation import (
    FRAME_SIZE,
    HISTORY_AGES,
    OBSERVATION_FIELDS,
    OBSERVATION_SIZE,
    ObservationField,
    fields_scale,
    observation_scale,
)

OBSTACLE_FIELDS: tuple[ObservationField, ...] = (
    ObservationField("obstacle_offset", 3, "m", "socket", 0.01),
    ObservationField("obstacle_velocity", 3, "m/s", "socket", 0.05),
)
OBSTACLE_SIZE = sum(field.size for field in OBSTACLE_FIELDS)
FULL_SIZE = OBSERVATION_SIZE + OBSTACLE_SIZE


@dataclass(frozen=True)
class ObservationLayout:
    """One way to observe.

    Attributes:
        fields: of a frame.
        history_ages: of the stacked frames, in policy periods, oldest first.
        columns: (n,) places of the full observation, in the order of the skill's own.
        action: axes of what a skill that sees so does.
    """

    fields: tuple[ObservationField, ...]
    history_ages: tuple[int, ...]
    columns: NDArray[np.int64]
    action: tuple[ActionAxis, ...] = ACTION_AXES

    @property
    def sees_obstacle(self) -> bool:
        """Whether an obstacle has to be measured."""
        return self.fields == OBSERVATION_FIELDS + OBSTACLE_FIELDS

    @property
    def inserts(self) -> bool:
        """Whether it is about a socket; otherwise it is about hockey."""
        return self.action == ACTION_AXES


_NEWEST = np.arange(OBSERVATION_SIZE - FRAME_SIZE, OBSERVATION_SIZE)
INSERTION_LAYOUTS = (
    ObservationLayout(OBSERVATION_FIELDS, HISTORY_AGES, np.arange(OBSERVATION_SIZE)),
    ObservationLayout(OBSERVATION_FIELDS, (0,), _NEWEST),
    ObservationLayout(
        OBSERVATION_FIELDS + OBSTACLE_FIELDS, (0,), np.append(_NEWEST, np.arange(OBSERVATION_SIZE, FULL_SIZE))
    ),
)
"""With a history, of the newest frame alone, and with an obstacle."""

HOCKEY_LAYOUT = ObservationLayout(HOCKEY_FIELDS, HOCKEY_AGES, np.arange(HOCKEY_OBSERVATION_SIZE), HOCKEY_AXES)
LAYOUTS = (*INSERTION_LAYOUTS, HOCKEY_LAYOUT)


def nearest_layout(fields: tuple[ObservationField, ...]) -> ObservationLayout:
    """The layout that a skill with these fields means, whether or not it has them right: to say what is wrong."""
    names = {field.name for field in fields}
    return max(LAYOUTS, key=lambda layout: len(names & {field.name for field in layout.fields}))


def find_layout(fields: tuple[ObservationField, ...], history_ages: tuple[int, ...]) -> ObservationLayout:
    """The layout with these fields and ages.

    Raises:
        ContractError: this software builds none such; says which ages there are for the fields.
    """
    ages = [layout.history_ages for layout in LAYOUTS if layout.fields == fields]
    for layout in LAYOUTS:
        if layout.fields == fields and layout.history_ages == history_ages:
            return layout
    allowed = " or ".join(str(one) for one in ages) or "none for these fields"
    raise ContractError(f"history_ages is {history_ages}, this software builds {allowed}")


def full_observation_scale() -> NDArray[np.float32]:
    """(156,) scales of the full observation, by which networks divide."""
    return np.concatenate([observation_scale(), fields_scale(OBSTACLE_FIELDS)])


@dataclass(frozen=True)
class ObstacleMeasurement:
    """A ball to keep out of, as it is measured; any leading batch shape.

    Attributes:
        position: (..., 3) of its centre, base frame [m].
        velocity: (..., 3) base frame [m/s].
    """

    position: NDArray[np.float64]
    velocity: NDArray[np.float64]


def obstacle_frame(obstacle: ObstacleMeasurement, tcp: Pose, socket: Pose) -> NDArray[np.float32]:
    """The frame (..., 6) of an obstacle, in the order of `OBSTACLE_FIELDS`.

    Args:
        tcp: T_base_tcp, measured.
        socket: T_base_socket, estimated; its axes are those of the frame.

    Raises:
        ContractError: a value is not finite.
    """
    axes = socket.inverse()
    frame = np.concatenate(
        [axes.rotate(obstacle.position - tcp.position), axes.rotate(obstacle.velocity)], axis=-1, dtype=np.float32
    )
    if not np.isfinite(frame).all():
        raise ContractError("observation field obstacle is not finite")
    return frame
