"""What the console shows of the messages that it hears."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticStatus

from maxent_robot.console.view import PolicyStatus, SupervisorStatus
from maxent_robot.nodes.messages import diagnostic_number, diagnostic_values


def supervisor_status(message: DiagnosticStatus) -> SupervisorStatus:
    """Of `supervisor/state`."""
    values = diagnostic_values(message)
    return SupervisorStatus(
        state=message.message,
        source=values.get("source", ""),
        fault=values.get("fault", ""),
        problem=values.get("problem", ""),
        force_n=diagnostic_number(values, "force_n"),
        torque_nm=diagnostic_number(values, "torque_nm"),
        dry_run=values.get("dry_run") == "true",
    )


def policy_status(message: DiagnosticStatus) -> PolicyStatus:
    """Of `policy/telemetry`."""
    if message.level != DiagnosticStatus.OK:
        return PolicyStatus(problem=message.message)
    values = diagnostic_values(message)
    return PolicyStatus(
        skill=message.message,
        entropy_nat=diagnostic_number(values, "entropy"),
        temperature=diagnostic_number(values, "temperature"),
        latency_ms=diagnostic_number(values, "latency_ms"),
        novelty=diagnostic_number(values, "novelty"),
    )
