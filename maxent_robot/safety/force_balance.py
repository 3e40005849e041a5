"""Whether the arm's impedance and the force-torque sensor tell the same story while the arm stands still.

At rest the impedance pushes with K times the distance from the measured to the target pose, and friction takes up a
part. What is left must be what the sensor measures. Where it measures much less, something holds the arm that the
sensor does not see: a stuck joint, a brake, a body against a link (TRACKING_ERROR). Where it measures much more, the
sensor has drifted or its tare is wrong (WRENCH_BIAS).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from maxent_robot.control import rotations
from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import ImpedanceSetting
from maxent_robot.safety.faults import Fault, Violation
from maxent_robot.safety.limits import BalanceLimits

Array = NDArray[np.float64]


class ForceBalance:
    """Compares the norms of force and torque, and times how long they have disagreed."""

    def __init__(self, impedance: ImpedanceSetting, limits: BalanceLimits) -> None:
        self._stiffness = impedance.stiffness_translation, impedance.stiffness_rotation
        self._limits = limits
        self._since_s: dict[Fault, float] = {}

    def reset(self) -> None:
        """What was seen so far does not count."""
        self._since_s.clear()

    def check(self, target: Pose, measured: Pose, contact: Array, still: bool, now_s: float) -> list[Violation]:
        """What has not been in balance for `time_s`, at a rest that has lasted as long.

        Args:
            contact: contact wrench (6,) at the TCP, tared.
            still: whether the arm stands still.
        """
        if not still:
            self.reset()
            return []
        limits = self._limits
        offset = target.position - measured.position
        turn = rotations.difference(target.quaternion, measured.quaternion)
        missing = (
            self._stiffness[0] * math.hypot(*offset) - math.hypot(*contact[:3]),
            self._stiffness[1] * math.hypot(*turn) - math.hypot(*contact[3:]),
        )
        found = []
        for fault, sign, subject in (
            (Fault.TRACKING_ERROR, 1.0, "impedance that the sensor does not see"),
            (Fault.WRENCH_BIAS, -1.0, "contact that the impedance does not explain"),
        ):
            force, torque = sign * missing[0], sign * missing[1]
            if force <= limits.force_n and torque <= limits.torque_nm:
                self._since_s.pop(fault, None)
            elif now_s - self._since_s.setdefault(fault, now_s) >= limits.time_s:
                by_force = force > limits.force_n
                value, limit = (force, limits.force_n) if by_force else (torque, limits.torque_nm)
                what, unit = ("force", "N") if by_force else ("torque", "Nm")
                found.append(Violation(fault, f"{what} of the {subject}", value, limit, unit))
        return found
