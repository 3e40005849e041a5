"""What the supervisor does about each fault: the shipped reactions, and those that a limits file may choose instead."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from maxent_robot.errors import ConfigError
from maxent_robot.safety.faults import Fault
from maxent_robot.safety.state_machine import State


class Reaction(Enum):
    """From the mildest to the gravest. All but the first two are latched."""

    REJECT = "reject"
    """What came is not used, and counted; nothing else changes."""

    DEGRADE = "degrade"
    """The policy is followed more slowly and asked to be less random until the fault has been gone for a while."""

    HOLD = "hold"
    """The target decelerates within the acceleration limits, then goes to the measured pose, so that nothing pulls."""

    CONTROLLED_STOP = "controlled_stop"
    """The same, but it takes a reset to INACTIVE to go on."""

    RELEASE = "release"
    """It goes to the measured pose at once: whatever pushes is let go."""

    FREEZE = "freeze"
    """It stays where it is: the measured pose can't be trusted."""

    @property
    def final(self) -> State | None:
        """The state that it ends in; None where it stops nothing."""
        if self in (Reaction.REJECT, Reaction.DEGRADE):
            return None
        return State.HOLD if self is Reaction.HOLD else State.FAULT


_STOPS = (Reaction.HOLD, Reaction.CONTROLLED_STOP)
_ADVICE = (Reaction.DEGRADE, Reaction.REJECT, *_STOPS)

CHOICES: dict[Fault, tuple[Reaction, ...]] = {
    Fault.STALE_JOINT_STATE: (Reaction.FREEZE,),
    Fault.STALE_WRENCH: (Reaction.CONTROLLED_STOP,),
    Fault.STALE_ACTION: _STOPS,
    Fault.CLOCK_JUMP: (Reaction.CONTROLLED_STOP, Reaction.HOLD),
    Fault.SEQUENCE_GAP: _ADVICE,
    Fault.NONFINITE: (Reaction.CONTROLLED_STOP, Reaction.HOLD),
    Fault.NAME_OR_SIZE_MISMATCH: (Reaction.CONTROLLED_STOP, Reaction.HOLD),
    Fault.JOINT_POSITION: (Reaction.RELEASE,),
    Fault.JOINT_VELOCITY: (Reaction.RELEASE,),
    Fault.JOINT_ACCELERATION: (Reaction.RELEASE,),
    Fault.WORKSPACE: (Reaction.RELEASE,),
    Fault.TCP_SPEED: (Reaction.RELEASE,),
    Fault.FORCE: (Reaction.RELEASE,),
    Fault.TORQUE: (Reaction.RELEASE,),
    Fault.WRENCH_BIAS: _STOPS[::-1],
    Fault.TRACKING_ERROR: (Reaction.RELEASE,),
    Fault.COMMAND_JUMP: (Reaction.FREEZE,),
    Fault.ENTROPY_RANGE: _ADVICE,
    Fault.OUT_OF_DISTRIBUTION: _ADVICE,
    Fault.INFERENCE_OVERRUN: _ADVICE,
    Fault.BUNDLE_HASH: (Reaction.CONTROLLED_STOP,),
    Fault.CONTRACT_MISMATCH: (Reaction.CONTROLLED_STOP,),
    Fault.CONTROLLER_INACTIVE: (Reaction.RELEASE,),
    Fault.SECOND_PUBLISHER: (Reaction.CONTROLLED_STOP,),
    Fault.HARDWARE: (Reaction.RELEASE, Reaction.CONTROLLED_STOP),
    Fault.ROBOT_SAFETY_STOP: (Reaction.RELEASE,),
    Fault.HEARTBEAT_LOST: _STOPS,
    Fault.OPERATOR_STOP: _STOPS,
    Fault.QOS_INCOMPATIBLE: (Reaction.CONTROLLED_STOP, Reaction.HOLD, Reaction.REJECT),
}
"""The reactions that a fault may have, the shipped one first."""


def reactions(chosen: Mapping[str, str]) -> dict[Fault, Reaction]:
    """The reaction to every fault, with those of `chosen` (names of faults to names of reactions) instead.

    Raises:
        ConfigError: no such fault, or a reaction that is not among its `CHOICES`.
    """
    known = {fault.value: fault for fault in Fault}
    table = {fault: choices[0] for fault, choices in CHOICES.items()}
    for name, wanted in chosen.items():
        if name not in known:
            raise ConfigError(f"reactions: no fault {name!r}; there are {', '.join(known)}")
        allowed = {reaction.value: reaction for reaction in CHOICES[known[name]]}
        if wanted not in allowed:
            raise ConfigError(f"reactions.{name}: {wanted!r} is not allowed: must be one of {', '.join(allowed)}")
        table[known[name]] = allowed[wanted]
    return table
