"""How much of the policy's twist is followed: ramped in after a start, slowed near a ceiling or after some faults."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from maxent_robot.safety.limits import SpeedLimits, SupervisorLimits
from maxent_robot.safety.watchdog import Watchdog

Array = NDArray[np.float64]


class PolicyPace:
    """Ramp and degradation; the state machine keeps whether it is degraded."""

    def __init__(self, limits: SupervisorLimits) -> None:
        self._limits = limits
        self._eased = Watchdog(limits.degraded_hold_s)
        self._began_s = -math.inf

    def begin(self, now_s: float) -> None:
        """The policy or a move begins now."""
        self._began_s = now_s

    def ease(self, now_s: float) -> None:
        """A fault asks for degradation now."""
        self._eased.feed(now_s)

    def ramp(self, now_s: float) -> float:
        """Factor on the twist: from 0 at the start to 1 after `ramp_s`."""
        elapsed_s, ramp_s = now_s - self._began_s, self._limits.ramp_s
        return 1.0 if elapsed_s >= ramp_s else elapsed_s / ramp_s

    def degraded(self, already: bool, contact: Array, now_s: float) -> bool:
        """Whether it is to be degraded, given the contact wrench (6,) and whether it is already."""
        limits = self._limits.contact
        load = max(math.hypot(*contact[:3]) / limits.force_n, math.hypot(*contact[3:]) / limits.torque_nm)
        threshold = limits.recovered_load if already else limits.degraded_load
        return (load >= threshold if already else load > threshold) or not self._eased.expired(now_s)

    def speed(self, degraded: bool) -> SpeedLimits:
        """Ceiling of the policy's twist."""
        speed, factor = self._limits.policy_speed, self._limits.contact.degraded_speed
        return SpeedLimits(speed.linear_m_s * factor, speed.angular_rad_s * factor) if degraded else speed
