"""Says what is wrong: each fault once, in the log and on `supervisor/fault`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.publisher import Publisher

from maxent_robot.nodes.supervisor_messages import fault_message, no_fault_message
from maxent_robot.safety.command import Command
from maxent_robot.safety.faults import Fault, Violation
from maxent_robot.safety.reactions import Reaction
from maxent_robot.safety.state_machine import State


class FaultAnnouncer:
    """Compares each command with the last one.

    Args:
        publisher: of `supervisor/fault`.
        reaction: what is done about a fault.
    """

    def __init__(self, logger: RcutilsLogger, publisher: Publisher[Any], reaction: Callable[[Fault], Reaction]) -> None:
        self._logger, self._publisher, self._reaction = logger, publisher, reaction
        self._faults: tuple[Violation, ...] = ()
        self.noticed: frozenset[Fault] = frozenset()
        """The faults among the last notices."""
        publisher.publish(no_fault_message())

    def show(self, command: Command) -> None:
        """Announce the faults and notices that are new, and the end of all of them."""
        for violation in (entry for entry in command.faults if entry not in self._faults):
            reaction = self._reaction(violation.fault)
            # Two statements: rclpy allows one severity for each place that logs.
            if reaction.final is State.FAULT:
                self._logger.error(str(violation))
            else:
                self._logger.warning(str(violation))
            self._publisher.publish(fault_message(violation, reaction))
        for violation in (entry for entry in command.notices if entry.fault not in self.noticed):
            reaction = self._reaction(violation.fault)
            self._logger.warning(f"{reaction.value}: {violation}")
            if not command.faults:
                self._publisher.publish(fault_message(violation, reaction))
        noticed = frozenset(violation.fault for violation in command.notices)
        if not command.faults and not noticed and (self._faults or self.noticed):
            self._publisher.publish(no_fault_message())
        self._faults, self.noticed = command.faults, noticed
