"""Periods that are made of shorter ones."""

from __future__ import annotations

from maxent_robot.errors import ConfigError


def whole_steps(period_s: float, step_s: float, mistake: str) -> int:
    """How many steps make a period.

    Raises:
        ConfigError: no whole number of them does. `mistake` is the beginning of the message, up to what it must be a
            whole number of.
    """
    steps = round(period_s / step_s)
    if steps < 1 or abs(steps * step_s - period_s) > 1e-9:
        raise ConfigError(f"{mistake} {step_s:g} s")
    return steps
