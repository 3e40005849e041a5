"""The observation: one place where each field is computed, for the simulator, the node and the export test alike.

Only measured quantities enter. Everything is expressed in the axes of the *estimated* socket, so that a skill does not
depend on where in the cell the socket stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.control.pose import Pose
from maxent_robot.errors import ContractError

HISTORY_AGES: tuple[int, ...] = (16, 8, 4, 2, 1, 0)
"""Ages of the stacked frames in policy periods, oldest first: the last moments, and where the search has been."""


@dataclass(frozen=True)
class ObservationField:
    """One named part of a frame; ``scale`` is the size of a typical value, by which the exported networks divide."""

    name: str
    size: int
    unit: str
    frame: str
    scale: float


OBSERVATION_FIELDS: tuple[ObservationField, ...] = (
    ObservationField("tcp_position", 3, "m", "socket", 0.01),
    ObservationField("tcp_rotation", 3, "rad", "socket", 0.05),
    ObservationField("force", 3, "N", "socket", 10.0),
    ObservationField("torque", 3, "Nm", "socket", 0.5),
    ObservationField("target_offset", 3, "m", "socket", 0.01),
    ObservationField("target_turn", 3, "rad", "socket", 0.05),
    ObservationField("previous_action", 6, "1", "socket", 1.0),
    ObservationField("allowed_force", 1, "N", "none", 15.0),
)
FRAME_SIZE = sum(field.size for field in OBSERVATION_FIELDS)
OBSERVATION_SIZE = len(HISTORY_AGES) * FRAME_SIZE


@dataclass(frozen=True)
class Measurement:
    """What is known of the robot at one instant, for any leading batch shape.

    Attributes:
        tcp: T_base_tcp from the measured joint positions.
        target: T_base_target, the last commanded pose.
        socket: T_base_socket as estimated.
        wrench_tcp: (..., 6) force [N] and torque [Nm] of the environment on the tool, TCP axes and origin, tared.
        previous_action: (..., 6) in [-1, 1].
        allowed_force_n: (...) contact force [N] that the user allows.
    """

    tcp: Pose
    target: Pose
    socket: Pose
    wrench_tcp: NDArray[np.float64]
    previous_action: NDArray[np.float64]
    allowed_force_n: NDArray[np.float64]


def observation_frame(measurement: Measurement) -> NDArray[np.float64]:
    """One frame (..., 25) in SI units, not normalised, in the order of ``OBSERVATION_FIELDS``.

    Raises:
        ContractError: a value is not finite; the message names the field.
    """
    socket_base = measurement.socket.inverse()
    socket_tcp = socket_base @ measurement.tcp
    socket_target = socket_base @ measurement.target
    turn = Pose(socket_target.position, socket_target.quaternion) @ Pose(
        np.zeros_like(socket_tcp.position), socket_tcp.inverse().quaternion
    )
    frame = np.concatenate(
        [
            socket_tcp.position,
            socket_tcp.rotvec(),
            socket_tcp.rotate(measurement.wrench_tcp[..., :3]),
            socket_tcp.rotate(measurement.wrench_tcp[..., 3:]),
            socket_target.position - socket_tcp.position,
            turn.rotvec(),
            measurement.previous_action,
            np.asarray(measurement.allowed_force_n)[..., None],
        ],
        axis=-1,
    )
    if not np.all(np.isfinite(frame)):
        raise ContractError(f"observation field {_first_nonfinite(frame)} is not finite")
    return frame


def observation_scale(frames: int = len(HISTORY_AGES)) -> NDArray[np.float32]:
    """(frames * 25,) divisor of a stacked observation."""
    return np.tile(fields_scale(OBSERVATION_FIELDS), frames)


def fields_scale(fields: tuple[ObservationField, ...]) -> NDArray[np.float32]:
    """(n,) divisor of a frame of these fields."""
    return np.concatenate([np.full(field.size, field.scale, dtype=np.float32) for field in fields])


def field_places(fields: tuple[ObservationField, ...]) -> dict[str, slice]:
    """Where each of these fields stands in a frame."""
    ends = np.cumsum([field.size for field in fields])
    return {field.name: slice(int(end) - field.size, int(end)) for field, end in zip(fields, ends, strict=True)}


class ObservationHistory:
    """The frames of some ages, for one robot or a batch of them.

    Args:
        batch: leading shape of the frames.
        frame_size: of one frame.
        ages: in policy periods, oldest first.
    """

    def __init__(self, *batch: int, frame_size: int = FRAME_SIZE, ages: tuple[int, ...] = HISTORY_AGES) -> None:
        self._frames = np.zeros((*batch, max(ages) + 1, frame_size))  # oldest first
        self._places = [max(ages) - age for age in ages]
        self._fresh = np.ones(batch, dtype=bool)

    def reset(self, index: Any = ...) -> None:
        """Forget the frames at ``index`` of the batch: the next one pushed fills all places."""
        self._fresh[index] = True

    def push(self, frame: NDArray[np.float64], index: Any = ...) -> NDArray[np.float32]:
        """Append a frame (..., frame_size) at ``index`` of the batch and return the stacked observation, float32.

        It is (..., ages x frame_size), the oldest frame first.
        """
        frames = self._frames[index].copy()
        frames[..., :-1, :] = frames[..., 1:, :]
        frames[..., -1, :] = frame
        fresh = self._fresh[index]
        frames = np.where(np.asarray(fresh)[..., None, None], np.asarray(frame)[..., None, :], frames)
        self._frames[index] = frames
        self._fresh[index] = False
        stacked = frames[..., self._places, :]
        return stacked.reshape(*stacked.shape[:-2], -1).astype(np.float32)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Copy of all that ``restore`` needs."""
        return {"frames": self._frames.copy(), "fresh": self._fresh.copy()}

    def restore(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Take back what ``state`` gave."""
        self._frames[...] = state["frames"]
        self._fresh[...] = state["fresh"]


def frame_field(frames: NDArray[Any], name: str) -> NDArray[Any]:
    """One field (..., size) of frames (..., 25).

    Raises:
        KeyError: no field of this name.
    """
    return frames[..., _PLACES[name]]


_PLACES = field_places(OBSERVATION_FIELDS)


def _first_nonfinite(frame: NDArray[np.float64]) -> str:
    return next(field.name for field in OBSERVATION_FIELDS if not np.isfinite(frame_field(frame, field.name)).all())
