"""What the console shows of the messages that it hears."""

from __future__ import annotations

from collections.abc import Mapping

from diagnostic_msgs.msg import DiagnosticStatus

from maxent_robot.console.view import PolicyStatus, SupervisorStatus
from maxent_robot.nodes.messages import diagnostic_values
from maxent_robot.trials.operator_desk import Told

_INSERTED = "inserted_"


def supervisor_status(message: DiagnosticStatus) -> SupervisorStatus:
    """Of `supervisor/state`."""
    values = diagnostic_values(message)
    return SupervisorStatus(
        state=message.message,
        source=values.get("source", ""),
        fault=values.get("fault", ""),
        problem=values.get("problem", ""),
        force_n=_number(values, "force_n"),
        torque_nm=_number(values, "torque_nm"),
        dry_run=values.get("dry_run") == "true",
    )


def policy_status(message: DiagnosticStatus) -> PolicyStatus:
    """Of `policy/telemetry`."""
    if message.level != DiagnosticStatus.OK:
        return PolicyStatus(problem=message.message)
    values = diagnostic_values(message)
    return PolicyStatus(
        skill=message.message,
        entropy_nat=_number(values, "entropy"),
        temperature=_number(values, "temperature"),
        latency_ms=_number(values, "latency_ms"),
        novelty=_number(values, "novelty"),
    )


def trials_status(message: DiagnosticStatus) -> Told:
    """Of `trials/state`."""
    values = diagnostic_values(message)
    return Told(
        phase=message.message,
        trial=int(_number(values, "trial")),
        attempt=int(_number(values, "attempt")),
        done=int(_number(values, "done")),
        total=int(_number(values, "total")),
        label=values.get("label", ""),
        prompt=values.get("prompt", ""),
        outcome=values.get("outcome", ""),
        time_s=_number(values, "time_s"),
        depth_m=_number(values, "depth_m"),
        reason=values.get("reason", ""),
        counts={
            key.removeprefix(_INSERTED): (int(inserted), int(tried))
            for key, value in values.items()
            if key.startswith(_INSERTED)
            for inserted, tried in [value.split(" of ")]
        },
    )


def _number(values: Mapping[str, str], key: str) -> float:
    """A value as a number; 0 where there is none."""
    try:
        return float(values.get(key, ""))
    except ValueError:
        return 0.0
