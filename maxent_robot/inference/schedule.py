"""How random to be, step by step: the temperature from what the arm feels, and when to hold instead.

Randomness pays while a plug searches for its hole and costs once it is in it (SAC fails where only a narrow set of
actions is feasible: arXiv 2506.05615). A schedule sees only the newest frame of the observation, in socket axes, whose
z points into the socket.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from maxent_robot.skill.observation import frame_field

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

RETREAT_ACTION = (0.0, 0.0, -0.5, 0.0, 0.0, 0.0)
"""Out of the socket at half the greatest speed, socket axes."""

_LEAST_FORCE_N = 1e-9


@dataclass(frozen=True)
class Guidance:
    """What a schedule says for a batch of n states.

    Attributes:
        temperature: (n,) factor on the sampler's temperature, in [0, 1].
        hold: (n,) the action is to be zero.
        retreat: (n,) the action is to be out of the socket; never where `hold` is.
    """

    temperature: Array
    hold: Mask
    retreat: Mask

    def overrule(self, action: Array) -> Array:
        """Actions (n, 6) with those replaced that are to hold or to retreat."""
        overruled = np.where(self.hold[:, None], 0.0, action)
        if self.retreat.any():
            overruled[self.retreat] = RETREAT_ACTION
        return overruled


class TemperatureSchedule(Protocol):
    """A schedule with a state for each row of a batch; the number of rows is that of the first call."""

    def reset(self, index: Any = ...) -> None:
        """Begin a new episode in these rows."""

    def __call__(self, frames: NDArray[Any], disagreement: Array | None = None) -> Guidance:
        """Guidance for the newest frames (n, 25); `disagreement` (n,) of the critics, as a share of what is usual."""


@dataclass(frozen=True)
class GatedSettings:
    """Of the gated schedule.

    Attributes:
        contact_force_n: contact is felt from here on [N].
        engaged_depth_m: this far below where the face was felt, the plug is in the hole [m].
        certain_depth_m: this far below the estimated mouth it is, even if no face was felt [m]; more than the estimate
            can be wrong by.
        friction: a force further off the axis than the greatest friction of a face allows comes from a wall.
        free_force: share of the allowed force up to which the force does not lower the temperature.
        hold_steps: for which critics that disagree make the arm hold; then it retreats until they agree.
    """

    contact_force_n: float = 3.0
    engaged_depth_m: float = 0.0008
    certain_depth_m: float = 0.005
    friction: float = 1.25
    free_force: float = 0.6
    hold_steps: int = 10


class GatedSchedule:
    """Random in free search, deterministic once engaged, less random as the force nears what is allowed.

    Engaged is a plug that is deeper than the face that it felt, until it is no deeper than that face, and one that a
    wall holds sideways, as long as it does. Where the critics disagree more than they ever did in the skill's
    evaluation, more noise would be no answer: the action is to hold, and after a while to retreat.
    """

    def __init__(self, settings: GatedSettings | None = None) -> None:
        self._settings = settings or GatedSettings()
        self._face = np.zeros(0)
        self._engaged = np.zeros(0, dtype=bool)
        self._doubt = np.zeros(0, dtype=np.int64)

    def reset(self, index: Any = ...) -> None:
        """Begin a new episode in these rows."""
        self._face[index], self._engaged[index], self._doubt[index] = np.inf, False, 0

    def __call__(self, frames: NDArray[Any], disagreement: Array | None = None) -> Guidance:
        """See `TemperatureSchedule`."""
        n, settings = len(frames), self._settings
        if len(self._face) != n:
            self._face, self._engaged, self._doubt = np.zeros(n), np.zeros(n, bool), np.zeros(n, np.int64)
            self.reset()
        depth = frame_field(frames, "tcp_position")[:, 2]
        force = frame_field(frames, "force").astype(np.float64)
        allowed = frame_field(frames, "allowed_force")[:, 0]
        across, along = np.hypot(force[:, 0], force[:, 1]), np.abs(force[:, 2])
        self._face = np.where(along >= settings.contact_force_n, np.minimum(self._face, depth), self._face)
        below = depth - self._face >= settings.engaged_depth_m
        walled = across >= settings.friction * along + settings.contact_force_n
        out = depth <= np.minimum(self._face, settings.certain_depth_m - settings.engaged_depth_m)
        self._engaged = (self._engaged & ~out) | below | (depth >= settings.certain_depth_m)
        spare = allowed - np.linalg.norm(force, axis=1)
        margin = np.clip(spare / np.maximum((1.0 - settings.free_force) * allowed, _LEAST_FORCE_N), 0.0, 1.0)
        doubtful = np.zeros(n, dtype=bool) if disagreement is None else disagreement > 1.0
        self._doubt = np.where(doubtful, self._doubt + 1, 0)
        hold = doubtful & (self._doubt <= settings.hold_steps)
        return Guidance(np.where(self._engaged | walled, 0.0, margin), hold, doubtful & ~hold)


@dataclass(frozen=True)
class RetrySettings:
    """Of the retry schedule.

    Attributes:
        stalled_steps: without progress, after which the search is random.
        progress_m: into the socket, that counts as progress [m].
    """

    stalled_steps: int = 30
    progress_m: float = 0.001


class RetrySchedule:
    """The mean, until the plug has got no deeper for a while; then random until it does."""

    def __init__(self, settings: RetrySettings | None = None) -> None:
        self._settings = settings or RetrySettings()
        self._deepest = np.zeros(0)
        self._since = np.zeros(0, dtype=np.int64)

    def reset(self, index: Any = ...) -> None:
        """Begin a new episode in these rows."""
        self._deepest[index], self._since[index] = -np.inf, 0

    def __call__(self, frames: NDArray[Any], disagreement: Array | None = None) -> Guidance:
        """See `TemperatureSchedule`; the critics have no say."""
        n = len(frames)
        if len(self._deepest) != n:
            self._deepest, self._since = np.zeros(n), np.zeros(n, np.int64)
            self.reset()
        depth = frame_field(frames, "tcp_position")[:, 2].astype(np.float64)
        deeper = depth >= self._deepest + self._settings.progress_m
        self._deepest = np.where(deeper, depth, self._deepest)
        self._since = np.where(deeper, 0, self._since + 1)
        none = np.zeros(n, dtype=bool)
        return Guidance((self._since >= self._settings.stalled_steps).astype(np.float64), none, none)
