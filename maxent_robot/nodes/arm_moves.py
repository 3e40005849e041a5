"""Free moves of the arm between trials, each a request to the supervisor: to a pose, and out of the socket."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from maxent_robot.control.pose import Pose
from maxent_robot.nodes.supervisor_client import SupervisorClient
from maxent_robot.nodes.trial_node import TrialNode
from maxent_robot.nodes.waiting_node import POLL_PERIOD_S, TrialError
from maxent_robot.safety.state_machine import STOPPED_NAMES
from maxent_robot.trials.outcome import OPERATOR_STOP
from maxent_robot.trials.protocol import insertion_coordinates, pose_error, retreat

RETREAT_M = 0.04

_MOVES = 3
"""Attempts at a move before it is given up."""
_NEAR_M, _NEAR_RAD = 0.010, 0.09
"""Close enough for a move that only leads to or from a trial: friction leaves a compliant arm short of its target."""
_ROCKING_RAD = 0.06
_ROCKING = 2 * ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))
"""Turns about the axes of the TCP, of which each pull at a plug that does not come out has one."""


class ArmMoves:
    """Moves of one arm.

    Args:
        node: that sees it.
        supervisor: that is asked.
        consent: called with the fault, or `OPERATOR_STOP`, where the supervisor has stopped a move, before the arm is
            made ready again.
    """

    def __init__(self, node: TrialNode, supervisor: SupervisorClient, consent: Callable[[str], None]) -> None:
        self._node, self._supervisor, self._consent = node, supervisor, consent

    def go(self, goal: Pose) -> None:
        """Move to T_base_goal; where it was stopped on the way, again, with consent.

        Raises:
            TrialError: it does not get there.
        """
        self._supervisor.make_ready()
        outcome = self.near(goal)
        for _ in range(_MOVES - 1):
            if not outcome:
                return
            self._make_ready_again()
            outcome = self.near(goal)
        if outcome:
            raise TrialError(f"supervisor/move_target: {outcome}")

    def near(self, goal: Pose) -> str:
        """Move once; an empty string when the arm is then at the goal or near it, otherwise why not."""
        outcome = self._node.move(goal)
        distance, angle = pose_error(goal, self._node.tcp)
        near = distance <= _NEAR_M and angle <= _NEAR_RAD
        return "" if outcome == "reached" or (near and self._node.supervisor.state == "ARMED") else outcome

    def is_near_the_socket(self) -> bool:
        """Whether the plug is in the socket or close to it, as far as is known."""
        socket = self._node.socket
        if socket is None:
            return False
        depth, lateral, _ = insertion_coordinates(socket.inverse() @ self._node.tcp)
        return depth > -0.5 * RETREAT_M and lateral < RETREAT_M

    def clear(self) -> None:
        """Back out along the socket's axis, with the orientation as it is; a plug that is wedged is rocked loose
        while it is pulled.

        Raises:
            TrialError: it does not come out.
        """
        socket = self._node.socket
        if socket is None:
            raise TrialError("socket_pose: no pose received")
        self._supervisor.make_ready()
        outcome = self.near(retreat(self._node.tcp, socket, RETREAT_M))
        for axis in _ROCKING:
            if not outcome:
                return
            self._make_ready_again()
            turn = Pose.from_rotvec(np.zeros(3), _ROCKING_RAD * np.array(axis))
            outcome = self.near(retreat(self._node.tcp @ turn, socket, RETREAT_M))
        if outcome:
            raise TrialError(f"supervisor/move_target: the plug does not come out: {outcome}")

    def _make_ready_again(self) -> None:
        """After a move that did not get there: by itself, or because the supervisor has stopped it."""
        self._node.pause(5 * POLL_PERIOD_S)
        if self._node.supervisor.state in STOPPED_NAMES:
            self._consent(self._node.supervisor.fault or OPERATOR_STOP)
        self._supervisor.make_ready()
