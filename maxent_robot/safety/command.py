"""What the supervisor hands out on each cycle."""

from __future__ import annotations

from dataclasses import dataclass

from maxent_robot.control.pose import Pose
from maxent_robot.safety.faults import Violation
from maxent_robot.safety.state_machine import State


@dataclass(frozen=True)
class Command:
    """The target of one cycle and why it is what it is.

    `target` is T_base_target, or None when nothing is to be sent. `source` is `none`, `hold`, `policy` or `move`.
    `interventions` counts, by kind, how often the supervisor began to change what was asked: `speed`, `acceleration`,
    `joints`, `workspace`, `leash`, `expired` (the twist was too old). `move` is the last move's outcome, as in
    `MoveRecord`. `distance_m` is from the measured position to the target's.
    `faults` are latched; `notices` are those of the last second that stop nothing, and `noted` counts them by name.
    """

    state: State
    source: str
    target: Pose | None
    faults: tuple[Violation, ...]
    notices: tuple[Violation, ...]
    noted: dict[str, int]
    interventions: dict[str, int]
    move: str
    move_count: int
    distance_m: float
