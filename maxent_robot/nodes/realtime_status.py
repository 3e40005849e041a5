"""Whether a simulation keeps up with real time, as the diagnostics of its node."""

from __future__ import annotations

from collections.abc import Mapping

from diagnostic_msgs.msg import DiagnosticStatus

from maxent_robot.nodes.messages import diagnostic_status
from maxent_robot.nodes.pacer import RealTimePacer

LATE_FACTOR = 0.95
"""Simulated over real time below which it does not."""


def realtime_status(
    name: str, pacer: RealTimePacer, now_s: float, values: Mapping[str, object] | None = None
) -> DiagnosticStatus:
    """WARN where a node is slower than real time, else OK; `values` come behind the pacer's own."""
    factor = pacer.realtime_factor(now_s)
    late = factor < LATE_FACTOR
    text = f"slower than real time: factor {factor:.2f}" if late else "real time"
    own = {"realtime_factor": factor, "cycles": pacer.run, "overruns": pacer.dropped}
    level = DiagnosticStatus.WARN if late else DiagnosticStatus.OK
    return diagnostic_status(level, name, text, {**own, **(values or {})})
