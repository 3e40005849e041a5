"""The last step of every command: speed, joints, workspace, leash and jump, whatever asked for it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from maxent_robot.control import rotations
from maxent_robot.control.pose import Pose
from maxent_robot.safety import guards
from maxent_robot.safety.faults import Violation
from maxent_robot.safety.joint_limits import JointLimiter, Posture
from maxent_robot.safety.limits import AccelerationLimits, JumpLimits, SpeedLimits
from maxent_robot.safety.workspace import Workspace
from maxent_robot.skill.action import Leash, integrate_target

Array = NDArray[np.float64]

REST: Array = np.zeros(6)
"""The twist of standing still."""

_INTERVENTIONS = ("speed", "acceleration", "joints", "workspace", "leash", "expired")
_SATURATED = 1.0 - 1e-9
_ROUNDING = 1.0 + 1e-9


def limit_speed(twist: Array, speed: SpeedLimits) -> Array:
    """The twist (6,), its linear and its angular part each shortened to the limit, directions kept."""
    linear, angular = math.hypot(*twist[:3]), math.hypot(*twist[3:])
    if linear <= speed.linear_m_s * _ROUNDING and angular <= speed.angular_rad_s * _ROUNDING:
        return twist
    scale = np.ones(6)
    scale[:3] = min(1.0, speed.linear_m_s / max(linear, 1e-12))
    scale[3:] = min(1.0, speed.angular_rad_s / max(angular, 1e-12))
    return twist * scale


def limit_change(before: Array, twist: Array, acceleration: AccelerationLimits, period_s: float) -> Array:
    """The twist (6,) nearest to `twist` that `before` can become within `period_s`; each part by its own limit."""
    change = twist - before
    linear, angular = math.hypot(*change[:3]), math.hypot(*change[3:])
    most_linear, most_angular = acceleration.linear_m_s2 * period_s, acceleration.angular_rad_s2 * period_s
    if linear <= most_linear * _ROUNDING and angular <= most_angular * _ROUNDING:
        return twist
    share = np.ones(6)
    share[:3] = min(1.0, most_linear / max(linear, 1e-12))
    share[3:] = min(1.0, most_angular / max(angular, 1e-12))
    return before + share * change


class CommandGate:
    """Holds the target that was sent last, and lets it move only within the limits.

    The target stays in the workspace, at most the leash from the measured pose. Where both can't be, because the
    measured pose is itself outside, it stays on the leash; where that would be in a keep-out box, on the measured pose.
    """

    def __init__(
        self,
        workspace: Workspace,
        joints: JointLimiter,
        acceleration: AccelerationLimits,
        jump: JumpLimits,
        leash: Leash,
    ) -> None:
        self._workspace, self._joints, self._jump, self._leash = workspace, joints, jump, leash
        self._acceleration = acceleration
        self.target: Pose | None = None
        self.twist: Array = REST
        """Twist (6,) that the target moved with last, before the workspace and the leash had their say."""
        self.interventions: dict[str, int] = dict.fromkeys(_INTERVENTIONS, 0)
        self._acting: frozenset[str] = frozenset()

    @property
    def braking_s(self) -> float:
        """How long the target takes to come to rest from its twist within the acceleration limits."""
        linear = math.hypot(*self.twist[:3]) / self._acceleration.linear_m_s2
        return max(linear, math.hypot(*self.twist[3:]) / self._acceleration.angular_rad_s2)

    def latch(self, pose: Pose) -> None:
        """Begin from a pose, without a check of the step: the arm is there."""
        self.target, self.twist = pose, REST

    def clear(self) -> None:
        """Nothing is sent any more."""
        self.target, self.twist = None, REST
        self._acting = frozenset()

    def advance(
        self,
        twist: Array,
        posture: Posture,
        measured: Pose,
        period_s: float,
        speed: SpeedLimits,
        expired: bool = False,
        holds: bool = False,
    ) -> Violation | None:
        """Move the target by a finite twist (6,) in base axes for `period_s`; the arm is at `posture` and `measured`.

        An arm outside the workspace is pulled back into it, but not where the target only `holds`.

        Returns:
            COMMAND_JUMP, and the target stays where it was, when the step is larger than allowed; otherwise None.
        """
        if self.target is None:
            raise ValueError("nothing latched")
        limited = limit_speed(twist, speed)
        reached = limit_change(self.twist, limited, self._acceleration, period_s)
        share = self._joints.share(posture, reached) if reached.any() else 1.0
        allowed = share * reached
        target = integrate_target(self.target, allowed, measured, period_s, self._leash)
        inside = self._workspace.nearest(self.target, target, measured if holds else None)
        candidate = target if inside is target else self._on_leash(inside, measured)
        if self._workspace.keeps_out(candidate.position):
            candidate = measured
        violation = guards.check_jump(self.target, candidate, self._jump)
        if violation is not None:
            return violation
        self.target, self.twist = candidate, allowed
        acting = {
            "speed": limited is not twist,
            "acceleration": reached is not limited,
            "joints": share < 1.0,
            "workspace": inside is not target,
            "leash": self.tension(measured) >= _SATURATED,
            "expired": expired,
        }
        self._count(frozenset(kind for kind, active in acting.items() if active))
        return None

    def release(self, measured: Pose) -> Violation | None:
        """Put the target on the measured pose, so that nothing pulls; a step beyond the jump limit is refused."""
        violation = None if self.target is None else guards.check_jump(self.target, measured, self._jump)
        if violation is None:
            self.target, self.twist = measured, REST
        return violation

    def tension(self, measured: Pose) -> float:
        """How far the target is from the measured pose, as a fraction of the leash on the tightest axis: 0 to 1."""
        if self.target is None:
            return 0.0
        offset = np.abs(self.target.position - measured.position) / self._leash.translation_m
        turn = np.abs(rotations.difference(self.target.quaternion, measured.quaternion)) / self._leash.rotation_rad
        return float(max(offset.max(), turn.max()))

    def _on_leash(self, target: Pose, measured: Pose) -> Pose:
        return integrate_target(target, np.zeros(6), measured, 0.0, self._leash)

    def _count(self, acting: frozenset[str]) -> None:
        for kind in acting - self._acting:
            self.interventions[kind] += 1
        self._acting = acting
