"""Messages that the supervisor's node writes, made from the plain data of its core."""

from __future__ import annotations

from builtin_interfaces.msg import Duration, Time
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from maxent_robot.control.backends import PoseCommand, TrajectoryCommand
from maxent_robot.nodes.messages import diagnostic_status, pose_stamped
from maxent_robot.safety.faults import Violation
from maxent_robot.safety.reactions import Reaction
from maxent_robot.safety.state_machine import State

_LEVELS = {
    State.FAULT: DiagnosticStatus.ERROR,
    State.HOLD: DiagnosticStatus.WARN,
    State.STOPPING: DiagnosticStatus.WARN,
    State.DEGRADED: DiagnosticStatus.WARN,
}


def controller_message(command: PoseCommand | TrajectoryCommand, stamp: Time) -> PoseStamped | JointTrajectory:
    """What the arm's controller subscribes to; a trajectory has stamp 0, which means: start now."""
    if isinstance(command, PoseCommand):
        return pose_stamped(command.target, command.frame_id, stamp)
    message = JointTrajectory(joint_names=list(command.joint_names))
    for point in command.points:
        seconds = int(point.time_s)
        message.points.append(
            JointTrajectoryPoint(
                positions=point.positions.tolist(),
                velocities=point.velocities.tolist(),
                time_from_start=Duration(sec=seconds, nanosec=int((point.time_s - seconds) * 1e9)),
            )
        )
    return message


def state_message(state: State, values: dict[str, object]) -> DiagnosticStatus:
    """`supervisor/state`: the state as `message`, the rest as values."""
    return diagnostic_status(_LEVELS.get(state, DiagnosticStatus.OK), "supervisor", state.value, values)


def no_fault_message() -> DiagnosticStatus:
    """`supervisor/fault` when there is none, or it is over."""
    return diagnostic_status(DiagnosticStatus.OK, "supervisor", "no fault", {"fault": "NONE"})


def fault_message(violation: Violation, reaction: Reaction) -> DiagnosticStatus:
    """`supervisor/fault`: the fault, its value, its limit and the reaction.

    ERROR is a fault that stops the arm, WARN one that does not.
    """
    values: dict[str, object] = {
        "fault": violation.fault.value,
        "subject": violation.subject,
        "value": violation.value,
        "limit": violation.limit,
        "unit": violation.unit,
        "reaction": reaction.value,
    }
    level = DiagnosticStatus.WARN if reaction.final is None else DiagnosticStatus.ERROR
    return diagnostic_status(level, "supervisor", str(violation), values)
