"""A supervisor as those see it who ask things of it: what it says of itself, and requests that wait for an answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticStatus

from maxent_robot.nodes.messages import diagnostic_values
from maxent_robot.nodes.waiting_node import POLL_PERIOD_S, TrialError, WaitingNode

READY_TIMEOUT_S = 15.0

_RETRY_PERIOD_S = 0.2
_TOWARDS_ARMED = {"INACTIVE": "arm", "HOLD": "reset", "FAULT": "reset"}
"""What leads from each state to ARMED, or nearer to it."""


@dataclass(frozen=True)
class SupervisorView:
    """What the supervisor last said about itself; `fault` is the first of those that are latched."""

    state: str = ""
    source: str = ""
    move: str = ""
    move_count: int = 0
    fault: str = ""
    interventions: Mapping[str, int] = field(default_factory=dict)

    @staticmethod
    def of(message: DiagnosticStatus) -> SupervisorView:
        """What a message of `supervisor/state` says."""
        values = diagnostic_values(message)
        prefix = "interventions_"
        return SupervisorView(
            state=message.message,
            source=values.get("source", ""),
            move=values.get("move", ""),
            move_count=int(values.get("move_count", "0")),
            fault=values.get("faults", "").split(", ", 1)[0],
            interventions={key.removeprefix(prefix): int(n) for key, n in values.items() if key.startswith(prefix)},
        )

    def increase(self, before: Mapping[str, int]) -> dict[str, int]:
        """By how much each counter of interventions has gone up since it was `before`, those that have."""
        grown = {kind: count - before.get(kind, 0) for kind, count in self.interventions.items()}
        return {kind: count for kind, count in grown.items() if count > 0}


class SupervisorClient:
    """Asks one supervisor.

    Args:
        node: that waits.
        view: what the supervisor last said of itself.
        name: of the supervisor, as its services begin.
    """

    def __init__(self, node: WaitingNode, view: Callable[[], SupervisorView], name: str = "supervisor") -> None:
        self._node, self._view, self._name = node, view, name

    def make_ready(self) -> None:
        """Get it to ARMED, from whatever state it is in.

        Raises:
            TrialError: it does not get there in time; the message has what it said.
        """
        node, deadline, reason = self._node, time.monotonic() + READY_TIMEOUT_S, ""
        node.wait(lambda: self._view().state != "", f"{self._name}/state", READY_TIMEOUT_S)
        while (state := self._view().state) != "ARMED":
            if time.monotonic() > deadline:
                raise TrialError(f"{self._name}: {state}, not ARMED after {READY_TIMEOUT_S:g} s: {reason}")
            if request := _TOWARDS_ARMED.get(state):
                done, reason = node.trigger(f"{self._name}/{request}")
                node.pause(POLL_PERIOD_S if done else _RETRY_PERIOD_S)
            else:
                node.pause(POLL_PERIOD_S)

    def request(self, request: str) -> None:
        """Ask for something that it may refuse for a moment, because the arm still swings.

        Raises:
            TrialError: it still refuses at the end of the time; the message has its reason.
        """
        deadline = time.monotonic() + READY_TIMEOUT_S
        while True:
            done, reason = self._node.trigger(f"{self._name}/{request}")
            if done:
                return
            if time.monotonic() > deadline:
                raise TrialError(f"{self._name}/{request}: {reason}")
            self._node.pause(_RETRY_PERIOD_S)

    def stop(self) -> None:
        """Stop the arm, and wait until it is at rest.

        Raises:
            TrialError: it does not answer, or does not come to rest.
        """
        self._node.trigger(f"{self._name}/stop")
        self._node.wait(lambda: self._view().state in ("HOLD", "FAULT", "INACTIVE"), f"{self._name} at rest after stop")
