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
    one = np.concatenate([np.full(field.size, field.scale) for field in OBSERVATION_FIELDS])
    return np.tile(one, frames).astype(np.float32)


class ObservationHistory:
    """The frames of the ages in ``HISTORY_AGES``, for one robot or a batch of them.

    Args:
        batch: leading shape of the frames.
    """

    def __init__(self, *batch: int) -> None:
        self._frames = np.zeros((*batch, max(HISTORY_AGES) + 1, FRAME_SIZE))  # oldest first
        self._fresh = np.ones(batch, dtype=bool)

    def reset(self, index: Any = ...) -> None:
        """Forget the frames at ``index`` of the batch: the next one pushed fills all places."""
        self._fresh[index] = True

    def push(self, frame: NDArray[np.float64], index: Any = ...) -> NDArray[np.float32]:
        """Append a frame (..., 25) at ``index`` of the batch and return the stacked observation (..., 150), float32."""
        frames = self._frames[index].copy()
        frames[..., :-1, :] = frames[..., 1:, :]
        frames[..., -1, :] = frame
        fresh = self._fresh[index]
        frames = np.where(np.asarray(fresh)[..., None, None], np.asarray(frame)[..., None, :], frames)
        self._frames[index] = frames
        self._fresh[index] = False
        stacked = frames[..., [max(HISTORY_AGES) - age for age in HISTORY_AGES], :]
        return stacked.reshape(*stacked.shape[:-2], OBSERVATION_SIZE).astype(np.float32)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Copy of all that ``restore`` needs."""
        return {"frames": self._frames.copy(), "fresh": self._fresh.copy()}

    def restore(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Take back what ``state`` gave."""
        self._frames[...] = state["frames"]
        self._fresh[...] = state["fresh"]


def _first_nonfinite(frame: NDArray[np.float64]) -> str:
    bad = np.flatnonzero(~np.isfinite(frame).reshape(-1, FRAME_SIZE).all(axis=0))[0]
    start = 0
    for field in OBSERVATION_FIELDS:
        if bad < start + field.size:
            return field.name
        start += field.size
    raise AssertionError("unreachable")
