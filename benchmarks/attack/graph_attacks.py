"""What is done to the running graph, one attack for each fault that it must be detected as."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus

from attack.graph_session import HARDWARE, GraphSession
from sim.disturbance import ALL_JOINTS

Action = Callable[[GraphSession], None]

STOPPED, GOES_ON, KILLED = signal.SIGSTOP, signal.SIGCONT, signal.SIGKILL
GAP_S = 0.3
"""Silence that is shorter than what ends in HOLD, and longer than a gap may be."""


def _nothing(session: GraphSession) -> None:
    """Nothing to do."""


@dataclass(frozen=True)
class Attack:
    """One way to provoke a fault.

    Attributes:
        fault: the name that it has to be detected by; empty where nobody is left to say so, or nothing is to be said.
        begin: starts it.
        step: repeats it every few milliseconds until the arm is stopped.
        end: undoes it.
        armed: it is made while the arm is held, and not while the skill runs.
        fatal: a process is gone afterwards: a fresh graph for each.
        brief: it is undone as soon as the arm is stopped, because the arm can't rest, or can't be seen, while it lasts.
        silent: the policy's twists end.
        harmless: the arm has to go on as if nothing were.
        name: of the attack, where one fault is provoked in several ways.
    """

    fault: str
    begin: Action = _nothing
    step: Action = _nothing
    end: Action = _nothing
    armed: bool = False
    fatal: bool = False
    brief: bool = False
    harmless: bool = False
    silent: bool = False
    name: str = ""

    @property
    def label(self) -> str:
        """The fault, and how it is provoked where there are several ways."""
        return f"{self.fault} ({self.name})" if self.name and self.fault else self.fault or self.name


def _disturb(**values: object) -> Action:
    def act(session: GraphSession) -> None:
        settings = {f"disturbance.{name}": value for name, value in values.items()}
        session.node.set_parameters_of("sim_arm", settings)  # type: ignore[arg-type]

    return act


def _signal(name: str, number: signal.Signals) -> Action:
    return lambda session: os.kill(session.pid(name), number)


def _joints(**changes: object) -> Action:
    return lambda session: session.attacker.say_joints(**changes)  # type: ignore[arg-type]


def _moved(**by_joint: float) -> Action:
    """True joint states, but for some joints."""

    def act(session: GraphSession) -> None:
        q = session.attacker.q
        for joint, offset in by_joint.items():
            q[int(joint.removeprefix("j")) - 1] += offset
        session.attacker.say_joints(q)

    return act


def _beyond_limit(session: GraphSession) -> None:
    """The last joint a little beyond its limit, the others true; its velocity says nothing of a jump."""
    q = session.attacker.q
    q[6] = session.robot.joints[6].position_max + 0.01
    session.attacker.say_joints(q)


def _telemetry(**values: object) -> Action:
    """What the true policy says of itself, but for some of it."""
    return lambda session: session.attacker.say_telemetry(**{**session.identity, **values})


def _renamed(session: GraphSession) -> None:
    session.attacker.say_joints(names=["elbow", *session.robot.joint_names[1:]])


def _accelerating(session: GraphSession) -> None:
    """A velocity that swings by 1 rad/s from message to message."""
    sign = 1.0 if np.sin(120.0 * session.attacker.node.get_clock().now().nanoseconds * 1e-9) > 0.0 else -1.0
    session.attacker.say_joints(velocities=[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, sign])


def _foreign_socket(session: GraphSession) -> None:
    """The socket is told in a frame that the policy does not know: it lives, and has no action."""
    socket = session.node.socket
    if socket is not None:
        session.attacker.say_pose("socket_pose", socket.position, socket.quaternion, frame_id="nowhere")


def _own_socket(session: GraphSession) -> None:
    socket = session.node.socket
    if socket is not None:
        session.attacker.say_pose("socket_pose", socket.position, socket.quaternion)


def _pull(session: GraphSession) -> None:
    """The brakes of all joints hold, and a move is asked for."""
    _disturb(stuck_joint=ALL_JOINTS)(session)
    tcp = session.node.tcp
    session.attacker.say_pose("supervisor/move_target", tcp.position + np.array([0.0, 0.03, 0.0]), tcp.quaternion)


def _second_twist(session: GraphSession) -> None:
    session.attacker.say_twist([0.0] * 6)


def _second_command(session: GraphSession) -> None:
    tcp = session.node.tcp
    session.attacker.say_pose("target_pose", tcp.position, tcp.quaternion)


def _pause_policy(session: GraphSession) -> None:
    os.kill(session.pid("policy"), STOPPED)
    time.sleep(GAP_S)
    os.kill(session.pid("policy"), GOES_ON)


def _unheard(session: GraphSession) -> None:
    """A policy that speaks in a way in which the supervisor can't hear it."""
    session.attacker.publisher("policy/telemetry", DiagnosticStatus, best_effort=True)


def _diagnosis(level: bytes) -> Action:
    return lambda session: session.attacker.say_diagnosis(level, f"{HARDWARE}: joint 3", "too hot")


def _full_disk(session: GraphSession) -> None:
    """The recorder can't write another byte."""
    resource.prlimit(session.pid("recorder"), resource.RLIMIT_FSIZE, (0, 0))


_HOGS: list[subprocess.Popen[bytes]] = []


def _hog(session: GraphSession) -> None:
    _HOGS.extend(subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4))


def _unhog(session: GraphSession) -> None:
    while _HOGS:
        process = _HOGS.pop()
        process.kill()
        process.wait()


def _stop(session: GraphSession) -> None:
    session.node.trigger("supervisor/stop")


ATTACKS = (
    Attack(
        "STALE_JOINT_STATE",
        _disturb(joint_state_dropout=True),
        end=_disturb(joint_state_dropout=False),
        name="dropout",
    ),
    Attack("STALE_JOINT_STATE", _disturb(joint_state_delay_s=0.8), end=_disturb(joint_state_delay_s=0.0), name="delay"),
    Attack(
        "STALE_JOINT_STATE",
        _signal("sim_arm", STOPPED),
        end=_signal("sim_arm", GOES_ON),
        brief=True,
        name="driver stopped",
    ),
    Attack("STALE_WRENCH", _disturb(wrench_dropout=True), end=_disturb(wrench_dropout=False)),
    Attack("STALE_ACTION", _foreign_socket, end=_own_socket, silent=True),
    Attack("CLOCK_JUMP", step=_joints(offset_s=30.0)),
    Attack("SEQUENCE_GAP", _pause_policy, silent=True, name=f"policy stopped for {GAP_S} s"),
    Attack("NONFINITE", step=lambda session: session.attacker.say_wrench([np.nan] * 6)),
    Attack("NAME_OR_SIZE_MISMATCH", step=_renamed),
    Attack("JOINT_POSITION", step=_beyond_limit),
    Attack("JOINT_VELOCITY", step=_joints(velocities=[0, 0, 0, 0, 0, 0, 5.0])),
    Attack("JOINT_ACCELERATION", step=_accelerating),
    Attack("WORKSPACE", step=_moved(j1=1.2)),
    Attack("TCP_SPEED", _disturb(push_n=[0.0, 0.0, 180.0]), end=_disturb(push_n=[0.0] * 3), brief=True, name="a push"),
    Attack("FORCE", _disturb(force_bias_n=[0.0, 0.0, 60.0]), end=_disturb(force_bias_n=[0.0, 0.0, 0.0])),
    Attack("TORQUE", _disturb(torque_bias_nm=[0.0, 8.0, 0.0]), end=_disturb(torque_bias_nm=[0.0, 0.0, 0.0])),
    Attack("WRENCH_BIAS", _disturb(force_bias_n=[0.0, 15.0, 0.0]), end=_disturb(force_bias_n=[0.0] * 3), armed=True),
    Attack("TRACKING_ERROR", _pull, end=_disturb(stuck_joint=""), armed=True),
    Attack("COMMAND_JUMP", step=_moved(j1=0.2)),
    Attack("ENTROPY_RANGE", step=_telemetry(entropy=30.0)),
    Attack("OUT_OF_DISTRIBUTION", step=_telemetry(novelty=4.0, strangest="force.x")),
    Attack("INFERENCE_OVERRUN", step=_telemetry(inference_ms=48.0)),
    Attack("BUNDLE_HASH", step=_telemetry(actor_sha256="0" * 64)),
    Attack("CONTRACT_MISMATCH", step=_telemetry(robot="other 000000000000")),
    Attack("SECOND_PUBLISHER", _second_twist, end=lambda s: s.attacker.leave("candidate_twist"), name="of twists"),
    Attack("SECOND_PUBLISHER", _second_command, end=lambda s: s.attacker.leave("target_pose"), name="of commands"),
    Attack("CONTROLLER_INACTIVE", _disturb(controller_inactive=True), end=_disturb(controller_inactive=False)),
    Attack("QOS_INCOMPATIBLE", _unheard, end=lambda s: s.attacker.leave("policy/telemetry", best_effort=True)),
    Attack("HARDWARE", _diagnosis(DiagnosticStatus.ERROR), end=_diagnosis(DiagnosticStatus.OK)),
    Attack(
        "ROBOT_SAFETY_STOP",
        lambda session: session.attacker.say_running(False),
        end=lambda session: session.attacker.say_running(True),
    ),
    Attack(
        "HEARTBEAT_LOST", _signal("policy", STOPPED), end=_signal("policy", GOES_ON), silent=True, name="policy stopped"
    ),
    Attack("HEARTBEAT_LOST", _signal("policy", KILLED), fatal=True, silent=True, name="policy killed"),
    Attack("OPERATOR_STOP", _stop),
    Attack("", _signal("supervisor", KILLED), fatal=True, name="supervisor killed"),
    Attack("", _signal("supervisor", STOPPED), end=_signal("supervisor", GOES_ON), name="supervisor stopped"),
    Attack("", _signal("standby", STOPPED), end=_signal("standby", GOES_ON), harmless=True, name="standby stopped"),
    Attack("", _signal("recorder", STOPPED), end=_signal("recorder", GOES_ON), harmless=True, name="recorder stopped"),
    Attack("", _full_disk, fatal=True, harmless=True, name="no room for the recording"),
    Attack("", _hog, end=_unhog, name="four busy processes"),
)
"""Of the shipped policy, on the plug, while it searches."""
