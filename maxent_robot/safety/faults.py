"""The faults by name, and a limit that does not hold."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Fault(Enum):
    """What can be wrong. The names are part of the interface: topics, reports and documentation use them."""

    STALE_JOINT_STATE = "STALE_JOINT_STATE"
    STALE_WRENCH = "STALE_WRENCH"
    STALE_ACTION = "STALE_ACTION"
    CLOCK_JUMP = "CLOCK_JUMP"
    SEQUENCE_GAP = "SEQUENCE_GAP"
    NONFINITE = "NONFINITE"
    NAME_OR_SIZE_MISMATCH = "NAME_OR_SIZE_MISMATCH"
    JOINT_POSITION = "JOINT_POSITION"
    JOINT_VELOCITY = "JOINT_VELOCITY"
    JOINT_ACCELERATION = "JOINT_ACCELERATION"
    WORKSPACE = "WORKSPACE"
    TCP_SPEED = "TCP_SPEED"
    FORCE = "FORCE"
    TORQUE = "TORQUE"
    WRENCH_BIAS = "WRENCH_BIAS"
    TRACKING_ERROR = "TRACKING_ERROR"
    COMMAND_JUMP = "COMMAND_JUMP"
    ENTROPY_RANGE = "ENTROPY_RANGE"
    OUT_OF_DISTRIBUTION = "OUT_OF_DISTRIBUTION"
    INFERENCE_OVERRUN = "INFERENCE_OVERRUN"
    BUNDLE_HASH = "BUNDLE_HASH"
    CONTRACT_MISMATCH = "CONTRACT_MISMATCH"
    CONTROLLER_INACTIVE = "CONTROLLER_INACTIVE"
    SECOND_PUBLISHER = "SECOND_PUBLISHER"
    HARDWARE = "HARDWARE"
    ROBOT_SAFETY_STOP = "ROBOT_SAFETY_STOP"
    HEARTBEAT_LOST = "HEARTBEAT_LOST"
    OPERATOR_STOP = "OPERATOR_STOP"
    QOS_INCOMPATIBLE = "QOS_INCOMPATIBLE"


@dataclass(frozen=True)
class Violation:
    """One limit that does not hold: which, by how much, and where. `limit` is empty where there is none to keep."""

    fault: Fault
    subject: str
    value: float | str
    limit: float | str
    unit: str = ""

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        allowed = f", allowed is {_text(self.limit)}{unit}" if self.limit != "" else ""
        return f"{self.fault.value}: {self.subject} is {_text(self.value)}{unit}{allowed}"


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
