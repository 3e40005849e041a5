"""A running graph to attack: simulated arm, supervisor, policy, recorder, the observer, and the attacker's own node."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

import rclpy
import yaml
from geometry_msgs.msg import WrenchStamped
from provenance import ROOT
from sensor_msgs.msg import JointState

from attack.attacker import Attacker
from attack.truth import Bounds, Truth, load_truth
from maxent_robot.bringup import GraphOptions, LifecycleManager, NodeProcess, ProcessGroup, load_graph, processes
from maxent_robot.bringup.graph import ParameterValue
from maxent_robot.config import to_mapping
from maxent_robot.control.robot import RobotConfig, load_robot
from maxent_robot.nodes.messages import MessageError, stamp_to_s
from maxent_robot.nodes.trial_node import TrialNode
from maxent_robot.paths import find_skill
from maxent_robot.safety.limits import load_limits
from maxent_robot.skill.bundle import ACTOR_FILE, load_bundle

START_TIMEOUT_S = 60.0
FORGED_S = 0.5
"""A stamp that is farther from now is forged."""
RECORDER_PARAMETERS = {"decimation": 10}

ADVICE = ("SEQUENCE_GAP", "ENTROPY_RANGE", "OUT_OF_DISTRIBUTION", "INFERENCE_OVERRUN")
"""Faults that do not stop the arm as shipped; here they are set to `hold`, so that they have a stop to measure."""

HARDWARE, RUNNING_TOPIC = "driver", "robot_running"


class ThickSkinnedNode(TrialNode):
    """A runner of trials that overlooks the joint states and wrenches which the attack forges."""

    def _on_joint_state(self, message: JointState) -> None:
        with contextlib.suppress(MessageError):
            super()._on_joint_state(message)

    def _on_wrench(self, message: WrenchStamped) -> None:
        force = message.wrench.force
        late_s = 1e-9 * self.get_clock().now().nanoseconds - stamp_to_s(message.header.stamp)
        if abs(late_s) < FORGED_S and math.isfinite(force.x + force.y + force.z):
            super()._on_wrench(message)


class GraphSession:
    """Context manager: brings everything up on a private domain, and ends every process, whatever happens.

    Args:
        directory: for the files of the session.
        policy: whether the shipped skill runs; without it the attacker is the only policy, and any skill may run.
        skill: that the policy runs, and the supervisor expects.
    """

    def __init__(self, directory: Path, policy: bool = True, skill: str = "plug_insertion") -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._policy, self._skill = policy, skill
        self._truth_file = directory / "truth.npz"
        self._stack = contextlib.ExitStack()
        self.group: ProcessGroup
        self.manager: LifecycleManager
        self.node: TrialNode
        self.attacker: Attacker
        self.robot: RobotConfig

    def __enter__(self) -> GraphSession:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def pid(self, name: str) -> int:
        """Process of a node."""
        return self.group.pids[name]

    @functools.cached_property
    def identity(self) -> dict[str, str]:
        """What the policy says of itself in every message."""
        manifest = load_bundle(find_skill(self._skill)).manifest
        return {"actor_sha256": manifest.files[ACTOR_FILE], "robot": self.robot.fingerprint()}

    def truth(self) -> Truth:
        """What the observer saw; only after the session."""
        return load_truth(self._truth_file, Bounds.read(self.directory / "robot.yaml", self.directory / "limits.yaml"))

    def _start(self) -> None:
        os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
        domain_id = 1 + os.getpid() % 100
        os.environ["ROS_DOMAIN_ID"] = str(domain_id)
        robot_file, limits_file = self._robot_file(), self._limits_file()
        self.robot = load_robot(str(robot_file))
        skill = self._skill if self._policy else ""
        overrides: dict[str, dict[str, ParameterValue]] = {
            "sim_arm": {"publish_truth": True},
            "supervisor": {"limits": str(limits_file), "skill": skill},
            "policy": {"skill": self._skill, "mode": "sample", "seed": 1},
        }
        graph = processes(load_graph(), str(robot_file), overrides)
        graph = tuple(process for process in graph if self._policy or process.name != "policy")
        recorder = NodeProcess(
            "recorder", "recorder_node", {"output": str(self.directory / "run.mcap"), **RECORDER_PARAMETERS}
        )
        log = self._stack.enter_context((self.directory / "nodes.log").open("w", encoding="utf-8"))
        self.group = self._stack.enter_context(
            ProcessGroup(
                (*graph, recorder),
                GraphOptions(domain_id=domain_id),
                echo=lambda name, line: print(f"[{name}] {line}", file=log, flush=True),
            )
        )
        self._stack.callback(self._end_observer, self._observer())
        self.manager = self._stack.enter_context(LifecycleManager("", domain_id, self.group.check, self.group.reason))
        self.manager.bring_up([recorder.name, *(process.name for process in graph)], START_TIMEOUT_S)
        context = rclpy.Context()
        rclpy.init(args=[], context=context, domain_id=domain_id)
        self._stack.callback(context.try_shutdown)
        self.node = ThickSkinnedNode(self.robot, context, lambda: None)
        self._stack.callback(self.node.close)
        self.attacker = Attacker(self.robot, context)
        self._stack.callback(self.attacker.close)

    def _observer(self) -> subprocess.Popen[bytes]:
        script = ROOT / "benchmarks" / "attack" / "truth_recorder.py"
        return subprocess.Popen([sys.executable, str(script), str(self._truth_file)], stdin=subprocess.DEVNULL)

    @staticmethod
    def _end_observer(process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60.0)
        except subprocess.TimeoutExpired:
            process.kill()

    def _robot_file(self) -> Path:
        """The simulated robot, which also tells of its hardware and of its own stops."""
        mapping = to_mapping(load_robot("sim"))
        mapping["hardware"] = [HARDWARE]
        mapping["topics"]["running"] = RUNNING_TOPIC
        return self._write("robot.yaml", mapping)

    def _limits_file(self) -> Path:
        mapping = to_mapping(load_limits("sim"))
        mapping["reactions"] = dict.fromkeys(ADVICE, "hold")
        return self._write("limits.yaml", mapping)

    def _write(self, name: str, mapping: object) -> Path:
        path = self.directory / name
        path.write_text(yaml.safe_dump(mapping), encoding="utf-8")
        return path
