"""The steady clock, for watchdogs, ages and pacing: it never steps."""

from __future__ import annotations

import time

from rclpy.clock import Clock
from rclpy.clock_type import ClockType

STEADY_CLOCK = Clock(clock_type=ClockType.STEADY_TIME)
"""For watchdog timers: timers on ROS time stall when that clock steps back."""


def steady_now_s() -> float:
    """Seconds of the steady clock, for ages and watchdogs; it never steps."""
    return time.monotonic()
