"""Real time for a simulation that is stepped by a timer."""

from __future__ import annotations

MAX_CATCH_UP = 4
"""Cycles that one wake-up may run; those beyond are dropped and counted as overruns."""


class RealTimePacer:
    """Counts the cycles that are due, without ever spiralling.

    Attributes:
        scheduled_s: time since the start at which the present cycle was due, dropped ones included.
        run: cycles run.
        dropped: cycles that were due and never ran.
    """

    def __init__(self, period_s: float, now_s: float) -> None:
        self._period_s = period_s
        self._start_s = now_s
        self.run = 0
        self.dropped = 0

    @property
    def scheduled_s(self) -> float:
        return (self.run + self.dropped) * self._period_s

    def due(self, now_s: float) -> int:
        """How many cycles to run now; more than MAX_CATCH_UP are not made up for."""
        behind = int((now_s - self._start_s) / self._period_s) - self.run - self.dropped
        self.dropped += max(0, behind - MAX_CATCH_UP)
        return max(0, min(behind, MAX_CATCH_UP))

    def realtime_factor(self, now_s: float) -> float:
        """Simulated over real time since the start."""
        elapsed = now_s - self._start_s
        return self.run * self._period_s / elapsed if elapsed > 0.0 else 1.0
