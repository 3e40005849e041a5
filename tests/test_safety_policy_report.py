"""What a policy says of itself: read from text, and judged against what is known of it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from maxent_robot.safety.faults import Fault, Violation
from maxent_robot.safety.limits import PolicyLimits
from maxent_robot.safety.policy_report import ExpectedPolicy, PolicyReport, judge

LIMITS = PolicyLimits(novelty=0.5, entropy_margin=0.25, inference_fraction=0.8)
EXPECTED = ExpectedPolicy("sim 0123456789ab", 0.05, "a1" * 32, (-12.0, -4.0))
GOOD = PolicyReport(-5.0, 0.0, "force.x", 0.002, "a1" * 32, "sim 0123456789ab", 0.05)


def faults(report: PolicyReport, expected: ExpectedPolicy = EXPECTED) -> list[Fault]:
    return [violation.fault for violation in judge(report, expected, LIMITS)]


def test_a_report_is_read_from_the_values_of_the_message() -> None:
    values = {
        "entropy": "-5",
        "novelty": "0",
        "strangest": "force.x",
        "inference_ms": "2",
        "actor_sha256": "a1" * 32,
        "robot": "sim 0123456789ab",
        "period_s": "0.05",
        "mode": "mean",
    }
    assert PolicyReport.of(values) == GOOD
    assert PolicyReport.of({}) == PolicyReport()


def test_a_value_that_is_no_number_is_named() -> None:
    violation = PolicyReport.of({"entropy": "low"})
    assert isinstance(violation, Violation)
    assert str(violation) == "NAME_OR_SIZE_MISMATCH: entropy in policy/telemetry is 'low', allowed is a number"


@pytest.mark.parametrize("entropy", [-14.0, -12.0, -2.0])
def test_a_good_report_violates_nothing(entropy: float) -> None:
    assert faults(replace(GOOD, entropy=entropy)) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"entropy": -14.01}, Fault.ENTROPY_RANGE),
        ({"entropy": -1.99}, Fault.ENTROPY_RANGE),
        ({"entropy": math.nan}, Fault.NONFINITE),
        ({"entropy": math.nan}, Fault.ENTROPY_RANGE),
        ({"inference_s": math.inf}, Fault.NONFINITE),
        ({"novelty": 0.51}, Fault.OUT_OF_DISTRIBUTION),
        ({"novelty": math.inf}, Fault.OUT_OF_DISTRIBUTION),
        ({"inference_s": 0.041}, Fault.INFERENCE_OVERRUN),
        ({"actor_sha256": "b2" * 32}, Fault.BUNDLE_HASH),
        ({"actor_sha256": ""}, Fault.BUNDLE_HASH),
        ({"robot": "fr3 0123456789ab"}, Fault.CONTRACT_MISMATCH),
        ({"robot": ""}, Fault.CONTRACT_MISMATCH),
        ({"period_s": 0.02}, Fault.CONTRACT_MISMATCH),
        ({"period_s": math.nan}, Fault.CONTRACT_MISMATCH),
    ],
)
def test_each_thing_that_must_not_be_is_named(changes: dict[str, object], fault: Fault) -> None:
    assert fault in faults(replace(GOOD, **changes))  # type: ignore[arg-type]


def test_of_an_unknown_skill_only_what_is_known_is_judged() -> None:
    unknown = ExpectedPolicy("sim 0123456789ab", 0.05)
    assert faults(PolicyReport(entropy=40.0, novelty=math.nan), unknown) == []
    assert faults(PolicyReport(inference_s=math.nan), unknown) == [Fault.NONFINITE]
    assert faults(replace(GOOD, actor_sha256="b2" * 32), unknown) == []
    assert faults(replace(GOOD, robot="other"), unknown) == [Fault.CONTRACT_MISMATCH]
