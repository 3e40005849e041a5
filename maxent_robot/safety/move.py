"""A move to a pose: the check of its goal, and its progress."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maxent_robot.control import rotations
from maxent_robot.control.pose import Pose
from maxent_robot.safety import guards
from maxent_robot.safety.faults import Violation
from maxent_robot.safety.limits import MoveLimits
from maxent_robot.safety.motion import JerkLimitedMove, MotionLimits
from maxent_robot.safety.workspace import Workspace
from maxent_robot.skill.action import Leash

Array = NDArray[np.float64]

REACHED = "reached"
_CORRECTION_RATE = 2.0  # 1/s
_SLOWEST = 0.1


class MoveTask:
    """Follows a jerk-limited move, waiting for the arm where it can't keep up.

    Friction leaves a compliant arm short of its target. So, at the end of the path, the target is moved on by the
    integral of what is missing; the leash bounds the force of that as of everything else.
    """

    def __init__(
        self, start: Pose, goal: Pose, limits: MoveLimits, motion: MotionLimits, leash: Leash, now_s: float
    ) -> None:
        self._plan = JerkLimitedMove(start, goal, motion)
        self._limits = limits
        self._began_s = now_s
        self._timeout_s = limits.timeout_factor * self._plan.duration_s + limits.timeout_s
        self._time_s = 0.0
        self._correction = np.zeros(6)
        self._correction_max = np.concatenate([leash.translation_m, leash.rotation_rad])

    def twist(self, target: Pose, measured: Pose, period_s: float, tension: float) -> Array:
        """Twist (6,) in base axes that takes the target to where the move is after `period_s` more.

        `tension` is the distance of the target from the measured pose as a fraction of the leash: the move goes on at
        full pace up to one half of it, and crawls at the whole, so that one axis that sticks does not stop the others.
        """
        self._time_s += period_s * float(np.clip(2.0 * (1.0 - tension), _SLOWEST, 1.0))
        pose = self._plan.pose(self._time_s)
        if self._time_s >= self._plan.duration_s:
            self._correction += _CORRECTION_RATE * period_s * _apart(pose, measured)
            self._correction = np.clip(self._correction, -self._correction_max, self._correction_max)
        return (_apart(pose, target) + self._correction) / period_s

    def outcome(self, measured: Pose, still: bool, now_s: float) -> str:
        """`reached`, `failed: reason`, or an empty string while it goes on."""
        goal = self._plan.goal
        missing = _apart(goal, measured)
        distance, angle = float(np.linalg.norm(missing[:3])), float(np.linalg.norm(missing[3:]))
        near = distance <= self._limits.tolerance_m and angle <= self._limits.tolerance_rad
        if near and still and self._time_s >= self._plan.duration_s:
            return REACHED
        elapsed_s = now_s - self._began_s
        if elapsed_s > self._timeout_s:
            return f"failed: {distance * 1e3:.1f} mm and {angle:.3f} rad from the goal after {elapsed_s:.1f} s"
        return ""


@dataclass
class MoveRecord:
    """The move under way, if any, and how the last one ended.

    Attributes:
        task: the move under way.
        outcome: empty, `moving`, `reached`, `refused: reason` or `failed: reason`.
        count: moves that were asked for.
    """

    task: MoveTask | None = None
    outcome: str = ""
    count: int = 0

    def begin(self, task: MoveTask) -> None:
        """A move begins."""
        self.task, self.outcome = task, "moving"

    def end(self, outcome: str) -> None:
        """The move under way, if any, ends."""
        if self.task is not None:
            self.task, self.outcome = None, outcome


def check_goal(goal: Pose, frame_id: str, base_frame: str, workspace: Workspace) -> Violation | None:
    """What is wrong with a goal T_frame_goal as it came in a message; None when it can be moved to."""
    subject = "move_target"
    return (
        guards.check_frame(frame_id, base_frame, subject)
        or guards.check_finite(np.concatenate([goal.position, goal.quaternion]), subject)
        or guards.check_unit_quaternion(goal.quaternion, subject)
        or workspace.violation(goal, subject)
    )


def _apart(a: Pose, b: Pose) -> Array:
    """(6,) translation [m] and rotation vector [rad], in base axes, from `b` to `a`."""
    return np.concatenate([a.position - b.position, rotations.difference(a.quaternion, b.quaternion)])
