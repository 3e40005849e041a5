"""How long ago an input was last good."""

from __future__ import annotations

import math


class Watchdog:
    """Age of an input. Time comes in as seconds of a steady clock."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._fed_s = -math.inf

    def feed(self, now_s: float) -> None:
        """The input was good at `now_s`."""
        self._fed_s = now_s

    def age_s(self, now_s: float) -> float:
        """Seconds since the last `feed`; infinite before the first."""
        return now_s - self._fed_s

    def expired(self, now_s: float) -> bool:
        """Whether the age is over the limit."""
        return self.age_s(now_s) > self.limit_s
