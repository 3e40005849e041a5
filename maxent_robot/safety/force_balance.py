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

_AVERAGED_SHARE = 0.2
"""Time constant of the average, of the time that an imbalance has to last."""


class ForceBalance:
    """Compares the norms of force and torque, and times how long they have disagreed."""

    def __init__(self, impedance: ImpedanceSetting, limits: BalanceLimits) -> None:
        self._stiffness = np.array([impedance.stiffness_translation, impedance.stiffness_rotation])
        self._limits = limits
        self._mean: Array | None = None
        self._checked_s = 0.0
        self._since_s: dict[Fault, float] = {}

    def reset(self) -> None:
        """What was seen so far does not count."""
        self._mean = None
        self._since_s.clear()

    def check(self, target: Pose, measured: Pose, contact: Array, still: bool, now_s: float) -> list[Violation]:
        """What has not been in balance for `time_s`, at a rest that has lasted as long.

        Args:
            contact: contact wrench (6,) at the TCP, tared; its noise is averaged over a part of `time_s`.
            still: whether the arm stands still.
        """
        if not still:
            self.reset()
            return []
        limits = self._limits
        missing = self._averaged(target, measured, contact, now_s)
        found = []
        for fault, sign, subject in (
            (Fault.TRACKING_ERROR, 1.0, "impedance that the sensor does not see"),
            (Fault.WRENCH_BIAS, -1.0, "contact that the impedance does not explain"),
        ):
            force, torque = (float(value) for value in sign * missing)
            if force <= limits.force_n and torque <= limits.torque_nm:
                self._since_s.pop(fault, None)
            elif now_s - self._since_s.setdefault(fault, now_s) >= limits.time_s:
                by_force = force > limits.force_n
                value, limit = (force, limits.force_n) if by_force else (torque, limits.torque_nm)
                what, unit = ("force", "N") if by_force else ("torque", "Nm")
                found.append(Violation(fault, f"{what} of the {subject}", value, limit, unit))
        return found

    def _averaged(self, target: Pose, measured: Pose, contact: Array, now_s: float) -> Array:
        """(2,) the impedance's force [N] and torque [Nm] less what the sensor measures, exponentially averaged."""
        turn = rotations.difference(target.quaternion, measured.quaternion)
        pull = self._stiffness * (math.dist(target.position, measured.position), math.hypot(*turn))
        missing = pull - (math.hypot(*contact[:3]), math.hypot(*contact[3:]))
        share = min(1.0, (now_s - self._checked_s) / (_AVERAGED_SHARE * self._limits.time_s))
        self._checked_s = now_s
        mean = missing if self._mean is None else self._mean + share * (missing - self._mean)
        self._mean = mean
        return mean
