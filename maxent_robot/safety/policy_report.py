"""What a policy says of itself with its actions, and what of that must not be.

The supervisor believes none of it further than it has to: it knows the robot, the policy's period and, where it was
told the skill, the hash of its actor and the entropies that belong to it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from maxent_robot.safety.faults import Fault, Violation
from maxent_robot.safety.limits import PolicyLimits

TOPIC = "policy/telemetry"

_SHOWN_HASH = 12


@dataclass(frozen=True)
class PolicyReport:
    """One message of `policy/telemetry`; None or an empty text where the policy does not say.

    Attributes:
        entropy: of the policy in the present state [nat].
        novelty: how far the strangest quantity observed is outside of what the skill has met; NaN: it doesn't know.
        strangest: its name.
        inference_s: from the measurement to the action [s].
        actor_sha256: of the network that acts.
        robot: fingerprint of the robot description that it runs with.
        period_s: between two actions [s].
    """

    entropy: float | None = None
    novelty: float | None = None
    strangest: str = ""
    inference_s: float | None = None
    actor_sha256: str = ""
    robot: str = ""
    period_s: float | None = None

    @staticmethod
    def of(values: Mapping[str, str]) -> PolicyReport | Violation:
        """The report in the values of a message, or NAME_OR_SIZE_MISMATCH of one that is no number."""
        numbers: dict[str, float | None] = {}
        for key in ("entropy", "novelty", "inference_ms", "period_s"):
            numbers[key] = _number(values[key]) if key in values else None
            if key in values and numbers[key] is None:
                return Violation(Fault.NAME_OR_SIZE_MISMATCH, f"{key} in {TOPIC}", repr(values[key]), "a number")
        inference_ms = numbers["inference_ms"]
        return PolicyReport(
            entropy=numbers["entropy"],
            novelty=numbers["novelty"],
            strangest=values.get("strangest", ""),
            inference_s=None if inference_ms is None else 1e-3 * inference_ms,
            actor_sha256=values.get("actor_sha256", ""),
            robot=values.get("robot", ""),
            period_s=numbers["period_s"],
        )


@dataclass(frozen=True)
class ExpectedPolicy:
    """What the supervisor knows of the policy that is to run.

    Attributes:
        robot: fingerprint of the robot description, as the supervisor has it.
        period_s: of the policy [s].
        actor_sha256: of the actor; empty where any skill may run, and then the policy need not say what it is.
        entropy: least and greatest entropy that the skill has met [nat]; None where its bundle does not say.
    """

    robot: str
    period_s: float
    actor_sha256: str = ""
    entropy: tuple[float, float] | None = None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def judge(report: PolicyReport, expected: ExpectedPolicy, limits: PolicyLimits) -> list[Violation]:
    """All that a report violates, the identity of the policy first."""
    checks = (
        _check_actor(report, expected),
        _check_robot(report, expected),
        _check_period(report, expected),
        _check_finite(report),
        _check_entropy(report, expected, limits),
        _check_novelty(report, limits),
        _check_inference(report, expected, limits),
    )
    return [violation for violation in checks if violation is not None]


def _check_actor(report: PolicyReport, expected: ExpectedPolicy) -> Violation | None:
    if not expected.actor_sha256 or report.actor_sha256 == expected.actor_sha256:
        return None
    found = report.actor_sha256[:_SHOWN_HASH] or "not told"
    return Violation(Fault.BUNDLE_HASH, "SHA-256 of the policy's actor", found, expected.actor_sha256[:_SHOWN_HASH])


def _check_robot(report: PolicyReport, expected: ExpectedPolicy) -> Violation | None:
    if report.robot == expected.robot or not (report.robot or expected.actor_sha256):
        return None
    found = report.robot or "not told"
    return Violation(Fault.CONTRACT_MISMATCH, "robot description of the policy", found, expected.robot)


def _check_period(report: PolicyReport, expected: ExpectedPolicy) -> Violation | None:
    period_s = report.period_s
    if period_s is None or math.isclose(period_s, expected.period_s, rel_tol=1e-3):
        return None
    return Violation(Fault.CONTRACT_MISMATCH, "period of the policy", period_s, expected.period_s, "s")


def _check_finite(report: PolicyReport) -> Violation | None:
    for name, value in (("entropy", report.entropy), ("inference_ms", report.inference_s)):
        if value is not None and not math.isfinite(value):
            return Violation(Fault.NONFINITE, f"{name} in {TOPIC}", str(value), "finite")
    return None


def _check_entropy(report: PolicyReport, expected: ExpectedPolicy, limits: PolicyLimits) -> Violation | None:
    if report.entropy is None or expected.entropy is None:
        return None
    low, high = expected.entropy
    margin = limits.entropy_margin * (high - low)
    if low - margin <= report.entropy <= high + margin:
        return None
    allowed = f"{low - margin:.4g} to {high + margin:.4g}"
    return Violation(Fault.ENTROPY_RANGE, "entropy of the policy", report.entropy, allowed, "nat")


def _check_novelty(report: PolicyReport, limits: PolicyLimits) -> Violation | None:
    if report.novelty is None or math.isnan(report.novelty) or report.novelty <= limits.novelty:
        return None
    subject = f"novelty of {report.strangest or 'the observation'}"
    return Violation(Fault.OUT_OF_DISTRIBUTION, subject, report.novelty, limits.novelty, "of its range")


def _check_inference(report: PolicyReport, expected: ExpectedPolicy, limits: PolicyLimits) -> Violation | None:
    limit_s = limits.inference_fraction * expected.period_s
    if report.inference_s is None or not report.inference_s > limit_s:
        return None
    return Violation(Fault.INFERENCE_OVERRUN, "time of the policy for an action", report.inference_s, limit_s, "s")
