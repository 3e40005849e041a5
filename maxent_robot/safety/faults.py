"""The faults by name, and what the supervisor does about each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from maxent_robot.safety.state_machine import State


class Fault(Enum):
    """What can be wrong. The names are part of the interface: topics, reports and documentation use them."""

    STALE_JOINT_STATE = "STALE_JOINT_STATE"
    STALE_WRENCH = "STALE_WRENCH"
    STALE_ACTION = "STALE_ACTION"
    CLOCK_JUMP = "CLOCK_JUMP"
    NONFINITE = "NONFINITE"
    NAME_OR_SIZE_MISMATCH = "NAME_OR_SIZE_MISMATCH"
    JOINT_POSITION = "JOINT_POSITION"
    JOINT_VELOCITY = "JOINT_VELOCITY"
    WORKSPACE = "WORKSPACE"
    TCP_SPEED = "TCP_SPEED"
    FORCE = "FORCE"
    TORQUE = "TORQUE"
    COMMAND_JUMP = "COMMAND_JUMP"
    SECOND_PUBLISHER = "SECOND_PUBLISHER"
    OPERATOR_STOP = "OPERATOR_STOP"


class Reaction(Enum):
    """How the target comes to rest."""

    CONTROLLED_STOP = "controlled_stop"
    """It decelerates within the acceleration limits, then goes to the measured pose, so that nothing pulls."""

    RELEASE = "release"
    """It goes to the measured pose at once: whatever pushes is let go."""

    FREEZE = "freeze"
    """It stays where it is: the measured pose can't be trusted."""


@dataclass(frozen=True)
class Response:
    """Reaction to a fault, and the state that it ends in."""

    reaction: Reaction
    final: State = State.FAULT


RESPONSES: dict[Fault, Response] = {
    Fault.STALE_JOINT_STATE: Response(Reaction.FREEZE),
    Fault.STALE_WRENCH: Response(Reaction.CONTROLLED_STOP),
    Fault.STALE_ACTION: Response(Reaction.CONTROLLED_STOP, State.HOLD),
    Fault.CLOCK_JUMP: Response(Reaction.CONTROLLED_STOP),
    Fault.NONFINITE: Response(Reaction.CONTROLLED_STOP),
    Fault.NAME_OR_SIZE_MISMATCH: Response(Reaction.CONTROLLED_STOP),
    Fault.JOINT_POSITION: Response(Reaction.RELEASE),
    Fault.JOINT_VELOCITY: Response(Reaction.RELEASE),
    Fault.WORKSPACE: Response(Reaction.RELEASE),
    Fault.TCP_SPEED: Response(Reaction.RELEASE),
    Fault.FORCE: Response(Reaction.RELEASE),
    Fault.TORQUE: Response(Reaction.RELEASE),
    Fault.COMMAND_JUMP: Response(Reaction.FREEZE),
    Fault.SECOND_PUBLISHER: Response(Reaction.CONTROLLED_STOP),
    Fault.OPERATOR_STOP: Response(Reaction.CONTROLLED_STOP, State.HOLD),
}


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
