"""What is wrong: faults that are latched, conditions seen from outside, and those that were only noted."""

from __future__ import annotations

from maxent_robot.safety.faults import Fault, Violation

NOTICE_S = 1.0
"""How long a notice is shown after it was last seen."""


class FaultLog:
    """Kept by the supervisor; nothing here decides anything."""

    def __init__(self) -> None:
        self.latched: dict[Fault, Violation] = {}
        """By fault, as it was first seen; until a reset."""
        self.outside: dict[Fault, Violation] = {}
        """Conditions that hold now, as far as they are told from outside: publishers, backend, driver."""
        self.noted: dict[Fault, int] = {}
        """How often each fault that stops nothing was seen anew."""
        self._notices: dict[Fault, tuple[float, Violation]] = {}

    def report(self, fault: Fault, violation: Violation | None) -> None:
        """Take a condition that is seen from outside: a violation, or None once it is gone."""
        if violation is None:
            self.outside.pop(fault, None)
        else:
            self.outside[fault] = violation

    def note(self, violation: Violation, now_s: float) -> None:
        """Take a fault that stops nothing; seen again while it is shown, it is the same one."""
        fault = violation.fault
        if fault not in {notice.fault for notice in self.notices(now_s)}:
            self.noted[fault] = self.noted.get(fault, 0) + 1
        self._notices[fault] = now_s, violation

    def notices(self, now_s: float) -> tuple[Violation, ...]:
        """What was noted within the last NOTICE_S."""
        return tuple(violation for seen_s, violation in self._notices.values() if now_s - seen_s <= NOTICE_S)
