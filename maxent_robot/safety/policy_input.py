"""The policy as the supervisor sees it: candidate twists, checked on arrival and expired by age, and its reports."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxent_robot.safety import guards
from maxent_robot.safety.arrival import Arrival
from maxent_robot.safety.faults import Fault, Violation
from maxent_robot.safety.limits import SupervisorLimits
from maxent_robot.safety.policy_report import TOPIC as REPORT_TOPIC
from maxent_robot.safety.policy_report import ExpectedPolicy, PolicyReport, judge
from maxent_robot.safety.watchdog import Watchdog

Array = NDArray[np.float64]

TOPIC = "candidate_twist"

FRESH_PERIODS = 1.2
"""A twist that is no older than this is followed in full, however long it takes to come to rest from it."""


class PolicyInput:
    """The latest good twist.

    A twist that fails a check is dropped; its violation stands until a good one comes, or until it is itself as old as
    an expired twist.
    """

    def __init__(self, base_frame: str, limits: SupervisorLimits, expected: ExpectedPolicy) -> None:
        ages, policy_period_s = limits.ages, expected.period_s
        self._base_frame, self._ages = base_frame, ages
        self._expected, self._limits = expected, limits.policy
        self._fresh = Watchdog(ages.action_periods * policy_period_s)
        self._fresh_s = min(FRESH_PERIODS, ages.action_periods) * policy_period_s
        self._alive = Watchdog(ages.action_hold_s)
        self._heart = Watchdog(ages.heartbeat_s)
        self._bad_since = Watchdog(ages.action_periods * policy_period_s)
        self._gap_s = ages.gap_periods * policy_period_s
        self._bad: Violation | None = None
        self._reported_since = Watchdog(ages.heartbeat_s)
        self._reported: list[Violation] = []
        self._stamp_s = -math.inf
        self.twist: Array = np.zeros(6)
        """Linear [m/s], then angular [rad/s], in base axes."""

    def on_twist(self, twist_base: ArrayLike, frame_id: str, arrival: Arrival) -> Violation | None:
        """Take a candidate (6,); what it violates, if anything. After a gap it is still taken."""
        twist = np.asarray(twist_base, dtype=np.float64)
        violation = (
            guards.check_size(twist, 6, f"components in {TOPIC}")
            or guards.check_frame(frame_id, self._base_frame, TOPIC)
            or guards.check_finite(twist, TOPIC)
            or guards.check_stamp(arrival.stamp_s, self._stamp_s, TOPIC)
            or guards.check_age(arrival.age_s, self._ages.message_s, Fault.STALE_ACTION, TOPIC)
        )
        self._stamp_s, previous_stamp_s = arrival.stamp_s, self._stamp_s
        gap_s = 0.0 if self.awaits_first else arrival.stamp_s - previous_stamp_s
        self._bad = violation
        if violation is not None:
            self._bad_since.feed(arrival.now_s)
        elif arrival.stamp_s > previous_stamp_s:
            self.twist = twist
            self._fresh.feed(arrival.now_s)
            self._alive.feed(arrival.now_s)
            self._heart.feed(arrival.now_s)
        if violation is None and gap_s > self._gap_s:
            return Violation(Fault.SEQUENCE_GAP, f"step of the stamps of {TOPIC}", gap_s, self._gap_s, "s")
        return violation

    def begin(self, now_s: float) -> None:
        """Only what comes from now on counts."""
        self.twist = np.zeros(6)
        self._fresh.feed(-math.inf)
        self._alive.feed(now_s)
        self._heart.feed(now_s)

    def on_heartbeat(self, now_s: float) -> None:
        """The policy's process lives, whether or not it has a twist to send."""
        self._heart.feed(now_s)

    def on_report(self, report: PolicyReport | Violation, now_s: float) -> list[Violation]:
        """Take what the policy says of itself, or why it can't be read.

        What that violates stands until the next report, or until this one is old.
        """
        self._heart.feed(now_s)
        self._reported_since.feed(now_s)
        self._reported = [report] if isinstance(report, Violation) else judge(report, self._expected, self._limits)
        return self._reported

    def reported(self, now_s: float) -> list[Violation]:
        """What the last report violates, while it is news."""
        return [] if self._reported_since.expired(now_s) else self._reported

    def start_problem(self, now_s: float, stops: Callable[[Violation], bool]) -> str:
        """Why the policy can't be followed from now on, as a sentence; empty when it can.

        Args:
            stops: whether a violation would stop the arm at once.
        """
        if self._expected.actor_sha256 and self._reported_since.expired(now_s):
            return f"no fresh {REPORT_TOPIC}: the policy has not told which actor it runs"
        return next((str(violation) for violation in self.reported(now_s) if stops(violation)), "")

    @property
    def awaits_first(self) -> bool:
        """Whether no good twist has come since `begin`: there is none to follow yet, and none has expired."""
        return math.isinf(self._fresh.age_s(0.0))

    def expired(self, now_s: float) -> bool:
        """Whether the twist is too old to be followed."""
        return self._fresh.expired(now_s)

    def late(self, now_s: float, braking_s: float) -> bool:
        """Whether a target that takes `braking_s` to come to rest has to begin, to rest when the twist expires.

        Before the first twist there is none to be late.
        """
        age_s = self._fresh.age_s(now_s)
        return age_s > self._fresh_s and age_s > self._fresh.limit_s - braking_s and not self.awaits_first

    def bad_message(self, now_s: float) -> Violation | None:
        """What was wrong with the last message, while it is news."""
        return None if self._bad_since.expired(now_s) else self._bad

    def violations(self, now_s: float) -> list[Violation]:
        """What is wrong while the policy is followed: its reports, or too long a silence."""
        found = list(self.reported(now_s))
        if self._reported_since.expired(now_s) and not self.expired(now_s):
            found += judge(PolicyReport(), self._expected, self._limits)  # twists, and nothing about whose they are
        for fault, watchdog, subject in (
            (Fault.HEARTBEAT_LOST, self._heart, "time without a sign of life of the policy"),
            (Fault.STALE_ACTION, self._alive, f"time without a fresh {TOPIC}"),
        ):
            if watchdog.expired(now_s):
                return [*found, Violation(fault, subject, watchdog.age_s(now_s), watchdog.limit_s, "s")]
        return found
