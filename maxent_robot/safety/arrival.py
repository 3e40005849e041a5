"""When a message was stamped and when it came."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Arrival:
    """`stamp_s` is the message's own stamp, `age_s` the time from there to its arrival on the clock of the stamps, and
    `now_s` the arrival on the steady clock, all in seconds."""

    stamp_s: float
    age_s: float
    now_s: float
