"""What a hockey skill sees and does: the same pure functions in the simulator, in the node and in the export test.

Everything is in the frame `player`: that of the table for the player at negative x, turned by half a turn about the
vertical for the other one, so that a skill plays on either side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxent_robot.errors import ContractError
from maxent_robot.skill.action import ActionAxis
from maxent_robot.skill.observation import ObservationField, field_places, fields_scale

Array = NDArray[np.float64]

HOCKEY_AGES: tuple[int, ...] = (8, 4, 2, 1, 0)
"""Ages of the stacked frames in policy periods, oldest first: where the puck comes from, and which way it bounced."""

HOCKEY_FIELDS: tuple[ObservationField, ...] = (
    ObservationField("mallet_position", 2, "m", "player", 0.3),
    ObservationField("mallet_velocity", 2, "m/s", "player", 0.5),
    ObservationField("target_offset", 2, "m", "player", 0.03),
    ObservationField("puck_position", 2, "m", "player", 0.5),
    ObservationField("puck_offset", 2, "m", "player", 0.1),
    ObservationField("puck_age", 1, "s", "none", 0.05),
    ObservationField("opponent_position", 2, "m", "player", 0.5),
    ObservationField("previous_action", 2, "1", "player", 1.0),
)
HOCKEY_FRAME_SIZE = sum(field.size for field in HOCKEY_FIELDS)
HOCKEY_OBSERVATION_SIZE = len(HOCKEY_AGES) * HOCKEY_FRAME_SIZE

HOCKEY_AXES: tuple[ActionAxis, ...] = (
    ActionAxis("linear_x", "player", "m/s", 0.6),
    ActionAxis("linear_y", "player", "m/s", 1.0),
)
HOCKEY_MAXIMUM: Array = np.array([axis.maximum for axis in HOCKEY_AXES])


@dataclass(frozen=True)
class HockeyMeasurement:
    """What one player knows at one instant, in frame `table`, for any leading batch shape.

    Attributes:
        mallet: (..., 2) own mallet, from the joints [m].
        mallet_velocity: (..., 2) [m/s].
        target: (..., 2) the last one commanded [m].
        puck: (..., 2) as last seen [m].
        puck_age_s: (...) since it was seen.
        opponent: (..., 2) the other mallet, as last seen [m].
        previous_action: (..., 2) in [-1, 1], in frame `player`.
    """

    mallet: Array
    mallet_velocity: Array
    target: Array
    puck: Array
    puck_age_s: Array
    opponent: Array
    previous_action: Array


def hockey_frame(measurement: HockeyMeasurement, side: ArrayLike) -> Array:
    """One frame (..., 15) in SI units, not normalised, in the order of `HOCKEY_FIELDS`.

    Args:
        measurement: of the player.
        side: (...) 1 for the player at negative x, -1 for the other one.

    Raises:
        ContractError: a value is not finite.
    """
    sign = np.asarray(side, dtype=np.float64)[..., None]
    frame: Array = np.concatenate(
        [
            sign * measurement.mallet,
            sign * measurement.mallet_velocity,
            sign * (measurement.target - measurement.mallet),
            sign * measurement.puck,
            sign * (measurement.puck - measurement.mallet),
            measurement.puck_age_s[..., None],
            sign * measurement.opponent,
            measurement.previous_action,
        ],
        axis=-1,
    )
    if not np.isfinite(frame).all():
        raise ContractError("a hockey observation is not finite")
    return frame


def hockey_velocity(action: ArrayLike, side: ArrayLike) -> Array:
    """Velocity (..., 2) of the target in frame `table` [m/s] of actions (..., 2), clipped to [-1, 1] first."""
    sign = np.asarray(side, dtype=np.float64)[..., None]
    velocity: Array = sign * np.clip(np.asarray(action, dtype=np.float64), -1.0, 1.0) * HOCKEY_MAXIMUM
    return velocity


def hockey_scale() -> NDArray[np.float32]:
    """(75,) divisor of a stacked observation."""
    return np.tile(fields_scale(HOCKEY_FIELDS), len(HOCKEY_AGES))


def hockey_field(observation: NDArray[np.floating], name: str, age: int = 0) -> NDArray[np.floating]:
    """One field (..., size) of stacked observations (..., 75), of one of `HOCKEY_AGES`.

    Raises:
        KeyError: no field of this name.
        ValueError: no such age.
    """
    start = HOCKEY_AGES.index(age) * HOCKEY_FRAME_SIZE
    place = _PLACES[name]
    return observation[..., start + place.start : start + place.stop]


def hockey_without(observation: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """A copy of stacked observations (..., 75) in which one field is 0, at every age.

    Raises:
        KeyError: no field of this name.
    """
    hidden = np.array(observation)
    frames = hidden.reshape(*hidden.shape[:-1], len(HOCKEY_AGES), HOCKEY_FRAME_SIZE)
    frames[..., _PLACES[name]] = 0.0
    return hidden


_PLACES = field_places(HOCKEY_FIELDS)
