"""What `supervisor/state` tells beyond the state: load, interventions, latency, duration of a cycle."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from maxent_robot.control.robot import RobotConfig
from maxent_robot.safety.command import Command

NOT_SAFETY_RATED = (
    "not safety-rated: an application-level supervisor that does not replace the robot's own safety functions"
)
WINDOW = 400
"""Latest samples that the percentiles are taken over."""


class SupervisorTelemetry:
    """Collects samples and turns a command into the values of a DiagnosticStatus."""

    def __init__(self, robot: RobotConfig, dry_run: bool) -> None:
        self._fixed = {"robot": robot.name, "backend": robot.backend, "dry_run": str(dry_run).lower()}
        self._latencies_s: deque[float] = deque(maxlen=WINDOW)
        self._cycles_s: deque[float] = deque(maxlen=WINDOW)

    def latency(self, seconds: float) -> None:
        """From the stamp of a candidate twist to the command made of it."""
        self._latencies_s.append(seconds)

    def cycle(self, seconds: float) -> None:
        """Duration of one cycle."""
        self._cycles_s.append(seconds)

    def values(self, command: Command, contact: NDArray[np.float64], problem: str) -> dict[str, object]:
        """Keys and values; `contact` is the wrench (6,) at the TCP, `problem` what stands in the way now."""
        values: dict[str, object] = {
            "source": command.source,
            "faults": ", ".join(violation.fault.value for violation in command.faults),
            "fault": str(command.faults[0]) if command.faults else "",
            "notices": ", ".join(violation.fault.value for violation in command.notices),
            "problem": problem,
            "move": command.move,
            "move_count": command.move_count,
            "force_n": float(np.linalg.norm(contact[:3])),
            "torque_nm": float(np.linalg.norm(contact[3:])),
            "target_distance_mm": 1e3 * command.distance_m,
        }
        values |= {f"interventions_{kind}": count for kind, count in command.interventions.items()}
        values |= {f"noted_{name}": count for name, count in command.noted.items()}
        values |= _percentiles("latency", self._latencies_s)
        values |= _percentiles("cycle", self._cycles_s)
        return values | self._fixed | {"safety": NOT_SAFETY_RATED}


def _percentiles(name: str, samples_s: deque[float]) -> dict[str, object]:
    if not samples_s:
        return {}
    p50, p95 = 1e3 * np.percentile(np.array(samples_s), [50.0, 95.0])
    return {f"{name}_p50_ms": float(p50), f"{name}_p95_ms": float(p95)}
