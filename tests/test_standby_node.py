"""The standby as a process, beside a supervisor that is killed, hangs or ends in order."""

from __future__ import annotations

import signal
import time

import numpy as np
import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from ros_support import NodeProcess, RosGraph, ros_graph, wait_until  # noqa: F401  the fixture
from test_supervisor_node import CHAIN, Bench, bench, limits_file, publish_twist  # noqa: F401  the fixtures

from maxent_robot.control.robot import load_robot
from maxent_robot.nodes.qos import DIAGNOSTICS, RELIABLE, STANDBY_NODE

pytestmark = pytest.mark.realtime

MODULE = "maxent_robot.nodes.standby_node"
LET_GO = "no command of the supervisor for 100 ms: the arm is let go"


@pytest.fixture
def standby(bench: Bench) -> NodeProcess:  # noqa: F811
    """Beside a supervisor that leads a stuck arm, so that its target is ahead of the measured pose."""
    process = bench.graph.start(MODULE, STANDBY_NODE, {"robot": "sim", "autostart": True, "silence_s": 0.1})
    diagnoses = bench.graph.collect(DiagnosticArray, "/diagnostics", DIAGNOSTICS)
    bench.graph.wait_for_state(STANDBY_NODE, "active")
    bench.arm_it()
    publish_twist(bench, 0.05)
    assert bench.request("start")[0]
    bench.arm.stuck = True
    bench.wait_for("RUNNING")
    wait_until(lambda: ahead_m(bench) > 0.01, "a target ahead of the arm", 30.0)
    wait_until(lambda: "watching the supervisor" in said(diagnoses), "the standby watches", 30.0)
    return process


def said(diagnoses: list[DiagnosticArray]) -> list[str]:
    """What the standby has said of itself."""
    return [status.message for array in diagnoses for status in array.status if status.name == STANDBY_NODE]


def ahead_m(bench: Bench) -> float:  # noqa: F811
    """How far the last target is from the measured pose."""
    return float(np.linalg.norm(bench.arm.targets[-1].position - CHAIN.forward(bench.arm.q).position))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_when_the_supervisor_dies_or_hangs_it_lets_go_for_a_moment(
    bench: Bench,  # noqa: F811
    standby: NodeProcess,
    number: signal.Signals,
) -> None:
    diagnoses = bench.graph.collect(DiagnosticArray, "/diagnostics", DIAGNOSTICS)
    bench.supervisor.process.send_signal(number)
    wait_until(lambda: ahead_m(bench) < 1e-6, "a target on the arm")
    wait_until(lambda: LET_GO in standby.output(), "a line in the log")
    wait_until(lambda: LET_GO in said(diagnoses), "a diagnosis")
    time.sleep(0.3)
    sent = len(bench.arm.targets)
    time.sleep(0.3)
    assert len(bench.arm.targets) == sent
    assert standby.stop() == 0
    if number is signal.SIGSTOP:
        bench.supervisor.process.send_signal(signal.SIGCONT)
        wait_until(lambda: len(bench.arm.targets) > sent, "the supervisor again")


def test_it_keeps_still_beside_a_supervisor_that_lives_or_ends_in_order(
    bench: Bench,  # noqa: F811
    standby: NodeProcess,
) -> None:
    assert "SECOND_PUBLISHER" not in bench.fault_names()
    assert bench.supervisor.stop() == 0
    wait_until(lambda: ahead_m(bench) < 1e-3, "the supervisor's last command, which lets go")
    time.sleep(0.5)
    sent = len(bench.arm.targets)
    time.sleep(0.3)
    assert len(bench.arm.targets) == sent
    assert standby.stop() == 0
    assert LET_GO not in standby.output()


def test_beside_the_standby_one_more_publisher_is_still_a_fault(bench: Bench, standby: NodeProcess) -> None:  # noqa: F811
    bench.graph.node.create_publisher(PoseStamped, "target_pose", RELIABLE)
    bench.wait_for("FAULT")
    assert "SECOND_PUBLISHER" in bench.fault_names()
    assert standby.is_running()


def test_it_has_nothing_to_do_beside_a_controller_of_trajectories(ros_graph: RosGraph) -> None:  # noqa: F811
    process = ros_graph.start(MODULE, STANDBY_NODE, {"robot": "ur5e", "autostart": True})
    ros_graph.wait_for_state(STANDBY_NODE, "active")
    assert "backend jtc: its trajectories end at rest" in process.output()
    assert ros_graph.node.count_publishers(load_robot("ur5e").topics.target_pose) == 0
    assert process.stop() == 0
