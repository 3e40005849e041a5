"""Mutants that may survive: those that change nothing that anybody could see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mutation.mutants import Mutant
from mutation.sandbox import MutationError


@dataclass(frozen=True)
class Excuse:
    """Why the mutants of an operator, at one text in one function, may survive."""

    file: str
    function: str
    operator: str
    old: str
    reason: str

    def fits(self, mutant: Mutant) -> bool:
        where = mutant.file.rpartition("/")[2], mutant.function, mutant.operator, mutant.old
        return where == (self.file, self.function, self.operator, self.old)


EXCUSES: tuple[Excuse, ...] = (
    Excuse(
        "arm_monitor.py",
        "ArmMonitor._check_joint_names",
        "never",
        "listed == self._listed",
        "saves the search for names that are the last ones",
    ),
    Excuse(
        "arm_monitor.py",
        "ArmMonitor._check_joint_names",
        "skip",
        "self._listed = listed",
        "saves the search for names that are the last ones",
    ),
    Excuse(
        "arm_monitor.py", "ArmMonitor.contact", "without", "self._contact is None", "saves to compute what is known"
    ),
    Excuse("gate.py", "CommandGate.advance", "always", "reached.any()", "saves the way to a share of 1"),
    Excuse("gate.py", "CommandGate.advance", "never", "inside is target", "the leash holds for the target already"),
    *(
        Excuse(*where, "tells the type checker: in this state there is one")
        for where in (
            ("stopping.py", "Stopping._come_to_rest", "without", "self._arm.pose is not None"),
            ("supervisor.py", "Supervisor.deactivate", "without", "self._arm.pose is not None"),
            ("supervisor.py", "Supervisor.request_arm", "without", "self._arm.pose is None"),
            ("supervisor.py", "Supervisor.on_move_target", "without", "self._gate.target is None"),
            ("supervisor.py", "Supervisor.tick", "without", "self._arm.pose is None"),
            ("supervisor.py", "Supervisor._advance_move", "never", "self._gate.target is None"),
            ("supervisor.py", "Supervisor.command", "without", "measured is None"),
            ("supervisor.py", "Supervisor.command", "never", "self._ticked_s is None"),
            ("supervisor.py", "Supervisor.request_reset", "always", "self._arm.pose is not None"),
        )
    ),
    *(
        Excuse("workspace.py", function, "never", "self._free", "saves the angles, which are at most pi")
        for function in ("_Cone.violation", "_Cone.nearest")
    ),
    Excuse(
        "conditions.py",
        "Conditions.violations",
        "without",
        "self.arm.pose is None",
        "tells the type checker: a target is held only once there is a pose",
    ),
)


def excused(mutants: Iterable[Mutant], excuses: Sequence[Excuse] = EXCUSES) -> dict[str, str]:
    """The reasons by the digests of the mutants that they excuse.

    Raises:
        MutationError: an excuse fits no mutant.
    """
    found: dict[str, str] = {}
    idle = set(excuses)
    for mutant in mutants:
        for excuse in excuses:
            if excuse.fits(mutant):
                idle.discard(excuse)
                found[mutant.digest] = excuse.reason
    for excuse in sorted(idle, key=lambda excuse: (excuse.file, excuse.function)):
        raise MutationError(
            f"no mutant for the excuse of {excuse.file}, {excuse.function}, {excuse.operator}: {excuse.old}"
        )
    return found
