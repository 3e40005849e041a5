"""The sampler's modes: how random an action may be, from the mode, the schedule that belongs to it, and the caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.inference.schedule import GatedSchedule, Guidance, RetrySchedule, TemperatureSchedule
from maxent_robot.inference.session import InferenceError

SAMPLER_MODES = ("mean", "sample", "tempered", "gated", "retry")
"""`mean`: tanh of the mean. `sample`: a draw from the policy. `tempered`: a draw with the standard deviation scaled.
`gated`: a draw in free search, the mean once engaged (`GatedSchedule`). `retry`: the mean, and a draw while progress
has stalled (`RetrySchedule`)."""

HISTORY_FREE_MODES = ("mean", "sample", "tempered")
"""Those that read nothing of an observation, and so are for any skill."""

DEFAULT_MODE = "retry"
"""What wins wherever modes differ, and loses nowhere (docs/sampler.md)."""

MAXIMUM_TEMPERATURE = 2.0
"""Largest factor on the standard deviation that `tempered`, `gated` and `retry` take."""

_SCHEDULES: dict[str, Callable[[], TemperatureSchedule]] = {"gated": GatedSchedule, "retry": RetrySchedule}


class TemperatureControl:
    """The temperature of each action of a batch: a factor on the policy's standard deviation.

    Args:
        mode: one of `SAMPLER_MODES`.
        temperature: in modes `tempered`, `gated` and `retry`, in [0, MAXIMUM_TEMPERATURE].

    Attributes:
        mode: as given.
        temperature: greatest that this mode gives.

    Raises:
        InferenceError: unknown mode, or a temperature out of range.
    """

    def __init__(self, mode: str = "mean", temperature: float = 1.0) -> None:
        if mode not in SAMPLER_MODES:
            raise InferenceError(f"sampler mode is '{mode}', must be one of {', '.join(SAMPLER_MODES)}")
        if not 0.0 <= temperature <= MAXIMUM_TEMPERATURE:
            raise InferenceError(f"sampler temperature is {temperature}, must be in [0, {MAXIMUM_TEMPERATURE}]")
        self.mode = mode
        self.temperature = {"mean": 0.0, "sample": 1.0}.get(mode, float(temperature))
        self._schedule = _SCHEDULES[mode]() if mode in _SCHEDULES else None

    @property
    def draws(self) -> bool:
        """Whether the mode needs noise."""
        return self.mode != "mean"

    @property
    def heeds_critics(self) -> bool:
        """Whether a disagreement of the critics counts."""
        return self.mode == "gated"

    def reset(self, index: Any = ...) -> None:
        """Begin a new episode in these rows of the batch."""
        if self._schedule is not None:
            self._schedule.reset(index)

    def __call__(
        self,
        n: int,
        frames: NDArray[Any] | None = None,
        calm: float = 1.0,
        disagreement: NDArray[np.float64] | None = None,
    ) -> Guidance:
        """Guidance for n states; its temperatures are those to use.

        Args:
            frames: (n, 25) newest frame of each observation; modes `gated` and `retry` need it.
            calm: factor on the temperature, in [0, 1]: 0 is the mean.
            disagreement: (n,) of the critics, as a share of the greatest that was usual; mode `gated` heeds it.

        Raises:
            InferenceError: `calm` is out of range, or the mode needs frames that are not there.
        """
        if not 0.0 <= calm <= 1.0:
            raise InferenceError(f"sampler calm is {calm}, must be in [0, 1]")
        if self._schedule is None:
            none = np.zeros(n, dtype=bool)
            return Guidance(np.full(n, calm * self.temperature), none, none)
        if frames is None or len(frames) != n:
            raise InferenceError(f"sampler mode '{self.mode}' needs the newest frame of each of {n} observations")
        guidance = self._schedule(frames, disagreement)
        return Guidance(calm * self.temperature * guidance.temperature, guidance.hold, guidance.retreat)
