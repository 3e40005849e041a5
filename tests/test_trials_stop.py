"""A stop holds the arm until the operator's word, through the real graph, whoever dies meanwhile."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("mcap_ros2")
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from ros_support import private_domain_id
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool, Trigger

from maxent_robot.nodes.qos import LATCHED_EVENTS, SENSOR
from maxent_robot.nodes.supervisor_client import SupervisorView
from maxent_robot.nodes.topics import SUPERVISOR_STATE, TRIALS_STATE
from maxent_robot.nodes.trials_messages import trials_status
from maxent_robot.nodes.waiting_node import WaitingNode
from maxent_robot.trials.experiment_files import ExperimentFiles
from maxent_robot.trials.operator_desk import ACKNOWLEDGE, Told

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
from trial_kills import Session

pytestmark = pytest.mark.realtime

PROTOCOL = """
name: stopped
places: 3
after_fault: acknowledge
conditions:
  - {name: retry, skill: plug_insertion, policy: {mode: retry}}
"""


class Operator(WaitingNode):
    """Sees what an operator sees, and asks for what an operator may ask for."""

    def __init__(self, context: rclpy.Context) -> None:
        triggers = ("supervisor/stop", "trials/stop", "trials/start", "trials/acknowledge")
        services = {**dict.fromkeys(triggers, Trigger), "trials/answer": SetBool}
        super().__init__("operator", context, lambda: None, services)
        self.told, self.supervisor = Told(), SupervisorView()
        self.joints: list[float] = []
        self.sources: list[str] = []
        self.read(DiagnosticStatus, TRIALS_STATE, LATCHED_EVENTS, self._take_told)
        self.read(DiagnosticStatus, SUPERVISOR_STATE, LATCHED_EVENTS, self._take_supervisor)
        self.read(JointState, "joint_states", SENSOR, self._take_joints)

    def _take_told(self, message: DiagnosticStatus) -> None:
        self.told = trials_status(message)

    def _take_supervisor(self, message: DiagnosticStatus) -> None:
        self.supervisor = SupervisorView.of(message)
        self.sources.append(self.supervisor.source)

    def _take_joints(self, message: JointState) -> None:
        self.joints = list(message.position)

    def until(self, phase: str, timeout_s: float = 40.0) -> None:
        self.wait(lambda: self.told.phase == phase, f"phase {phase}", timeout_s)

    def until_asked(self, prompt: str) -> None:
        self.wait(lambda: self.told.phase == ACKNOWLEDGE and prompt in self.told.prompt, f"to be asked: {prompt}", 60.0)

    def expect_no_motion(self, duration_s: float) -> None:
        self.pause(0.5)
        before = list(self.joints)
        self.sources.clear()
        self.pause(duration_s)
        assert set(self.sources) == {"hold"}
        assert self.joints == pytest.approx(before, abs=2e-3)


@contextlib.contextmanager
def experiment(directory: Path) -> Iterator[tuple[Session, Operator]]:
    protocol = directory / "stopped.yaml"
    protocol.write_text(PROTOCOL)
    domain = private_domain_id()
    context = rclpy.Context()
    rclpy.init(args=[], context=context, domain_id=domain)
    operator = Operator(context)
    session = Session(protocol, directory / "experiment", ["--domain-id", str(domain)])
    try:
        yield session, operator
    finally:
        operator.close()
        context.try_shutdown()
        if session.process.poll() is None:
            os.kill(session.process.pid, signal.SIGTERM)
            session.process.wait(30)


def test_after_a_stop_nothing_moves_before_the_operators_word(tmp_path: Path) -> None:
    with experiment(tmp_path) as (session, operator):
        operator.until("running", 60.0)
        refused = operator.call("trials/answer", SetBool.Request(data=True))
        assert not refused.success, "the simulator is the judge"
        assert operator.trigger("supervisor/stop")[0]
        operator.until_asked("ended by operator")
        operator.expect_no_motion(1.0)
        # The runner dies; the one that comes in its place asks for the same word.
        operator.told = Told()
        assert session.kill("runner")
        operator.until_asked("trial 1 ended by operator")
        operator.expect_no_motion(2.0)
        # On its way out it is stopped again.
        operator.trigger("trials/acknowledge")
        operator.wait(lambda: operator.supervisor.source == "move", "a move", 20.0)
        assert operator.trigger("supervisor/stop")[0]
        operator.until_asked("stopped on its way (OPERATOR_STOP)")
        operator.expect_no_motion(2.0)
        operator.trigger("trials/acknowledge")
        # A pause outlives the runner too.
        operator.until("running", 60.0)
        assert operator.trigger("trials/stop")[0]
        operator.until_asked("trial 2 ended by operator")
        assert operator.told.pauses
        operator.told = Told()
        assert session.kill("runner")
        operator.wait(lambda: operator.told.total > 0, "the next runner", 60.0)
        operator.expect_no_motion(2.0)
        assert operator.told.phase == "paused"
        assert operator.trigger("trials/start")[0]
        operator.until_asked("trial 2 ended by operator")
    ledger = ExperimentFiles(tmp_path / "experiment").read_ledger()
    assert {number: result.outcome for number, result in ledger.results.items()} == {1: "operator", 2: "operator"}
    assert [text for _, text in ledger.notes if "acknowledged" in text] == [
        "trial 1, attempt 1: operator was acknowledged"
    ]
