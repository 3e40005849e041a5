"""Whether everything is there that a skill needs on an arm: checks on what was heard in a few seconds. Pure.

Nothing moves: the checks read topics, count publishers and look at the files; they send nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from maxent_robot.control.robot import RobotConfig
from maxent_robot.safety.wrench import tool_weight

Array = NDArray[np.float64]

GOOD, WARNING, BAD = "ok", "warning", "bad"

SLOWEST_JOINT_STATES_HZ, SLOWEST_WRENCH_HZ = 100.0, 100.0
OLDEST_S, AHEAD_S = 0.05, 0.005
STILL_RAD_S = 0.01
NOISE_N, DRIFT_N = 3.0, 1.5
PAYLOAD_SHARE, PAYLOAD_KG = 0.2, 0.15
MARGIN_RAD = 0.05
OWN_NODES = ("supervisor", "standby")
"""Those that may publish commands."""


@dataclass(frozen=True)
class Check:
    """One of the checks.

    Attributes:
        name: what was looked at.
        verdict: `GOOD`, `WARNING` (it would run, but look at it) or `BAD` (it would not, or not safely).
        said: what was seen.
        advice: what to do; empty where nothing is.
    """

    name: str
    verdict: str
    said: str
    advice: str = ""


@dataclass(frozen=True)
class Heard:
    """What was heard on one topic.

    Attributes:
        publishers: names of the nodes that publish it.
        subscribers: names of the nodes that listen, this one left out.
        reliable: whether all publishers are.
        received_s: (n,) clock at the arrival of each message.
        stamp_s: (n,) stamp of each message.
        rows: (n, k) its numbers.
        names: of the columns, where the message says them.
        frame: `frame_id`.
    """

    publishers: tuple[str, ...] = ()
    subscribers: tuple[str, ...] = ()
    reliable: bool = True
    received_s: Array = field(default_factory=lambda: np.zeros(0))
    stamp_s: Array = field(default_factory=lambda: np.zeros(0))
    rows: Array = field(default_factory=lambda: np.zeros((0, 0)))
    names: tuple[str, ...] = ()
    frame: str = ""

    @property
    def rate_hz(self) -> float:
        """Messages a second; 0 with fewer than two."""
        if len(self.received_s) < 2:
            return 0.0
        return (len(self.received_s) - 1) / max(1e-9, float(self.received_s[-1] - self.received_s[0]))


@dataclass(frozen=True)
class Findings:
    """What was heard in all, by what it is for."""

    joint_states: Heard
    wrench: Heard
    command: Heard
    socket: Heard
    errors: tuple[str, ...] = ()
    """Names of diagnoses with an error, or that are stale."""


def check_all(robot: RobotConfig, findings: Findings) -> list[Check]:
    """All checks of the topics, in the order in which they are best mended."""
    checks = [
        *_joint_states(robot, findings.joint_states),
        *_wrench(robot, findings.wrench, findings.joint_states),
        *_command(robot, findings.command),
        *_socket(robot, findings.socket),
    ]
    wrong = [name for name in findings.errors if any(name.startswith(start) for start in robot.hardware)]
    others = [name for name in findings.errors if name not in wrong]
    if wrong:
        said = f"{', '.join(wrong)}: error or stale"
        checks.append(Check("hardware", BAD, said, "see /diagnostics; the supervisor stops for it"))
    elif others:
        checks.append(Check("hardware", WARNING, f"{', '.join(others)}: error or stale", "see /diagnostics"))
    else:
        checks.append(Check("hardware", GOOD, "no diagnosis has an error or is stale"))
    return checks


def _stream(name: str, topic: str, heard: Heard, slowest_hz: float) -> Iterator[Check]:
    """Whether one publisher sends often enough, and its stamps are of this clock."""
    if not heard.publishers:
        yield Check(name, BAD, f"nobody publishes {topic}", "start the arm's driver, or correct the robot's topics")
        return
    if len(heard.publishers) > 1:
        yield Check(
            name, BAD, f"{topic} has publishers {', '.join(heard.publishers)}", "one only; give each arm a namespace"
        )
    if not len(heard.received_s):
        advice = "the driver publishes nothing, or the discovery range or the domain keeps it away"
        yield Check(name, BAD, f"{topic} has a publisher, but no message came", advice)
        return
    rate = heard.rate_hz
    said = f"{topic} at {rate:.0f} Hz from {heard.publishers[0]}"
    if rate < slowest_hz:
        yield Check(name, BAD, f"{said}, needed are {slowest_hz:.0f} Hz", "raise the driver's rate")
    elif len(heard.publishers) == 1:
        yield Check(name, GOOD, said)
    age = heard.received_s - heard.stamp_s
    oldest, newest = float(np.percentile(age, 95)), float(age.min())
    said = f"stamps of {topic} are {1e3 * float(np.median(age)):.1f} ms old, 95 % at most {1e3 * oldest:.1f} ms"
    if newest < -AHEAD_S:
        advice = "the clocks differ: run chrony on both machines, or use_sim_time where the stamps are simulated"
        yield Check(f"{name}: clock", BAD, f"stamps of {topic} are up to {-1e3 * newest:.1f} ms in the future", advice)
    elif oldest > OLDEST_S:
        yield Check(
            f"{name}: clock", BAD, said, "clocks that differ, or a network that delays: the watchdogs would stop"
        )
    elif (np.diff(heard.stamp_s) < 0.0).any():
        yield Check(f"{name}: clock", BAD, f"stamps of {topic} go back", "two publishers, or a clock that was set")
    else:
        yield Check(f"{name}: clock", GOOD, said)


def _joint_states(robot: RobotConfig, heard: Heard) -> Iterator[Check]:
    yield from _stream("joint states", robot.topics.joint_states, heard, SLOWEST_JOINT_STATES_HZ)
    if not len(heard.rows):
        return
    missing = [name for name in robot.joint_names if name not in heard.names]
    if missing:
        yield Check(
            "joints", BAD, f"no joint {', '.join(missing)}; there are {', '.join(heard.names)}", "correct the names"
        )
        return
    if heard.rows.shape[1] != len(heard.names):
        said = f"{len(heard.names)} names and {heard.rows.shape[1]} positions"
        yield Check("joints", BAD, said, "each joint needs a position: look at the driver")
        return
    columns = [heard.names.index(name) for name in robot.joint_names]
    positions = heard.rows[:, columns]
    if not np.isfinite(positions).all():
        yield Check("joints", BAD, "a position is not finite", "look at the driver")
        return
    low, high = robot.joint_values("position_min"), robot.joint_values("position_max")
    margin = np.minimum(positions - low, high - positions).min(axis=0)
    worst = int(np.argmin(margin))
    name = robot.joint_names[worst]
    if margin[worst] < 0.0:
        yield Check("joints", BAD, f"{name} is {-margin[worst]:.3f} rad beyond its limit", "is this the right robot?")
    elif margin[worst] < MARGIN_RAD:
        yield Check("joints", WARNING, f"{name} is {margin[worst]:.3f} rad from its limit", "move the arm away from it")
    else:
        yield Check(
            "joints", GOOD, f"all {len(columns)} by name, within their limits by {margin[worst]:.2f} rad or more"
        )
    span_s = max(1e-3, float(heard.stamp_s[-1] - heard.stamp_s[0]))
    speed = float(np.ptp(positions, axis=0).max()) / span_s
    if speed > STILL_RAD_S:
        yield Check("standstill", WARNING, f"a joint moves at {speed:.3f} rad/s", "arming wants an arm at rest")
    else:
        yield Check("standstill", GOOD, "the arm stands")


def _wrench(robot: RobotConfig, heard: Heard, joints: Heard) -> Iterator[Check]:
    yield from _stream("wrench", robot.topics.wrench, heard, SLOWEST_WRENCH_HZ)
    if not len(heard.rows):
        return
    if not np.isfinite(heard.rows).all():
        yield Check("wrench values", BAD, "a value is not finite", "look at the sensor's driver")
        return
    if heard.frame != robot.ft_frame:
        advice = f"the wrench has to be in the F/T frame; correct ft_frame, which is '{robot.ft_frame}', if it is that"
        yield Check("wrench frame", WARNING, f"frame_id is '{heard.frame}'", advice)
    force = robot.wrench_sign * heard.rows[:, :3]
    noise, drift = float(force.std(axis=0).max()), _drift(force)
    said = f"noise {noise:.2f} N, drift {drift:.2f} N in {heard.stamp_s[-1] - heard.stamp_s[0]:.1f} s"
    if noise > NOISE_N or drift > DRIFT_N:
        yield Check(
            "wrench noise", WARNING, said, "let it warm up; filter it in the driver; is something touching the tool?"
        )
    else:
        yield Check("wrench noise", GOOD, said)
    yield from _payload(robot, force.mean(axis=0), joints)


def _drift(force: Array) -> float:
    half = len(force) // 2
    return float(np.abs(force[:half].mean(axis=0) - force[half:].mean(axis=0)).max()) if half else 0.0


def _payload(robot: RobotConfig, force: Array, joints: Heard) -> Iterator[Check]:
    """Whether the sensor carries what the description says, as far as one pose can tell: its bias counts as weight."""
    known = len(joints.rows) and joints.rows.shape[1] == len(joints.names)
    if not known or any(name not in joints.names for name in robot.joint_names):
        return
    positions = joints.rows[-1, [joints.names.index(name) for name in robot.joint_names]]
    ft = robot.chain().forward(positions) @ robot.T_ft_tcp().inverse()
    of_a_kilogram = tool_weight(1.0, np.array(robot.tool.center_of_mass), ft.quaternion)[:3]
    down = of_a_kilogram / float(np.linalg.norm(of_a_kilogram))
    weighed_kg = float(force @ down) / 9.81
    aside = float(np.linalg.norm(force - (force @ down) * down))
    said = f"weighs {weighed_kg:.2f} kg, described are {robot.tool.mass:.2f} kg; {aside:.1f} N aside"
    if weighed_kg < -max(PAYLOAD_KG, 0.5 * robot.tool.mass):
        advice = "the sign: set wrench_sign, or the frame of the wrench is another one"
        yield Check("payload", BAD, f"the tool seems to pull upwards: {said}", advice)
    elif abs(weighed_kg - robot.tool.mass) > max(PAYLOAD_KG, PAYLOAD_SHARE * robot.tool.mass):
        advice = "correct tool.mass, unless the sensor has been zeroed with the tool on: taring takes a constant out"
        yield Check("payload", WARNING, said, advice)
    else:
        yield Check("payload", GOOD, said)


def _command(robot: RobotConfig, heard: Heard) -> Iterator[Check]:
    topic = robot.topics.target_pose if robot.backend == "crisp" else robot.topics.joint_trajectory
    strangers = [name for name in heard.publishers if name not in OWN_NODES]
    if strangers:
        yield Check(
            "command", BAD, f"{', '.join(strangers)} publishes {topic}", "the supervisor must be the only one: end it"
        )
    elif not heard.subscribers:
        yield Check("command", BAD, f"nobody listens to {topic}", "activate the controller")
    elif robot.controller and robot.controller not in heard.subscribers:
        said = f"{', '.join(heard.subscribers)} listens to {topic}"
        yield Check("command", BAD, f"{said}, described is '{robot.controller}'", "activate it, or correct controller")
    elif len(heard.subscribers) > 1:
        said = f"{', '.join(heard.subscribers)} listen to {topic}"
        yield Check("command", WARNING, said, "just one controller may be active")
    else:
        yield Check("command", GOOD, f"{heard.subscribers[0]} listens to {topic}, nobody else commands")


def _socket(robot: RobotConfig, heard: Heard) -> Iterator[Check]:
    if not len(heard.rows):
        yield Check("socket", BAD, "no socket_pose", "publish the estimate: geometry_msgs/PoseStamped, transient local")
        return
    position, quaternion = heard.rows[-1, :3], heard.rows[-1, 3:]
    norm = float(np.linalg.norm(quaternion))
    if heard.frame != robot.base_frame:
        yield Check("socket", BAD, f"frame_id is '{heard.frame}'", f"it has to be '{robot.base_frame}'")
    elif not np.isfinite(position).all() or not math.isclose(norm, 1.0, abs_tol=1e-3):
        yield Check(
            "socket", BAD, f"position {position.tolist()}, quaternion of norm {norm:.4f}: not a pose", "correct it"
        )
    else:
        place = ", ".join(f"{value:.3f}" for value in position)
        yield Check("socket", GOOD, f"estimated at ({place}) m in {heard.frame}")
