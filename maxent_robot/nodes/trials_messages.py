"""What the runner of an experiment tells, as a message on `trials/state` and back."""

from __future__ import annotations

from dataclasses import asdict

from diagnostic_msgs.msg import DiagnosticStatus

from maxent_robot.nodes.messages import diagnostic_number, diagnostic_status, diagnostic_values
from maxent_robot.trials.operator_desk import FAILED, Told

_INSERTED = "inserted_"


def trials_message(told: Told, name: str) -> DiagnosticStatus:
    """The phase is the message; an experiment that failed is an ERROR.

    Args:
        name: of the node that tells it.
    """
    counts = {f"{_INSERTED}{label}": f"{k} of {n}" for label, (k, n) in told.counts.items()}
    values = {key: value for key, value in asdict(told).items() if key not in ("phase", "counts")} | counts
    level = DiagnosticStatus.ERROR if told.phase == FAILED else DiagnosticStatus.OK
    return diagnostic_status(level, name, told.phase, values)


def trials_status(message: DiagnosticStatus) -> Told:
    """Of such a message."""
    values = diagnostic_values(message)
    return Told(
        phase=message.message,
        trial=int(diagnostic_number(values, "trial")),
        attempt=int(diagnostic_number(values, "attempt")),
        done=int(diagnostic_number(values, "done")),
        total=int(diagnostic_number(values, "total")),
        label=values.get("label", ""),
        prompt=values.get("prompt", ""),
        outcome=values.get("outcome", ""),
        time_s=diagnostic_number(values, "time_s"),
        depth_m=diagnostic_number(values, "depth_m"),
        force_n=diagnostic_number(values, "force_n"),
        reason=values.get("reason", ""),
        **{name: values.get(name) == str(True) for name in ("blinded", "judges", "pauses")},
        counts={
            key.removeprefix(_INSERTED): (int(inserted), int(tried))
            for key, value in values.items()
            if key.startswith(_INSERTED)
            for inserted, tried in [value.split(" of ")]
        },
    )
