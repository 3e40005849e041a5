"""`maxent-robot demo` as a user runs it: the whole graph in its own processes, and nothing left behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("mujoco")
pytest.importorskip("mcap")
pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

from diagnostic_msgs.msg import DiagnosticStatus
from mcap.reader import make_reader
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from ros_support import RosGraph, wait_until
from skill_bundles import make_bundle

from maxent_robot.cli.rehearsal import Interruption
from maxent_robot.nodes.messages import diagnostic_values
from maxent_robot.trials.outcome import FORCE_STOP, SUCCESS, TIMEOUT
from maxent_robot.trials.table import read_trials

pytestmark = pytest.mark.realtime

ROOT = Path(__file__).resolve().parents[1]
MARK = "MAXENT_ROBOT_TEST_MARK"
START_TIMEOUT_S = 60.0


@dataclass
class Demo:
    """A run of the command in a directory, whose processes can be told from all others."""

    directory: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        return subprocess.Popen(
            [sys.executable, "-m", "maxent_robot.cli.main", "demo", *arguments],
            cwd=self.directory,
            env={**os.environ, MARK: self.mark, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def processes(self) -> dict[int, str]:
        """Command line of each process of this run, by identifier."""
        found = {}
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):  # it ended meanwhile
                if entry.name.isdigit() and f"{MARK}={self.mark}" in (entry / "environ").read_text(errors="replace"):
                    found[int(entry.name)] = (entry / "cmdline").read_text(errors="replace").replace("\0", " ")
        return {pid: command for pid, command in found.items() if command}

    def wait_for_node(self, module: str) -> int:
        """Identifier of the process that runs a node, once there is one."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            for pid, command in self.processes().items():
                if f"maxent_robot.nodes.{module}" in command:
                    return pid
            time.sleep(0.1)
        pytest.fail(f"no process runs {module}")

    def wait_for_text(self, file: Path, text: str) -> None:
        """Wait until a file contains a text."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while not (file.is_file() and text in file.read_text(errors="replace")):
            if time.monotonic() > deadline:
                pytest.fail(f"{file.name} does not say {text!r}")
            time.sleep(0.1)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """The command in an empty directory with two skills of random weights, `plug` and `usb`."""
    make_bundle(tmp_path, "plug", connector="two_pin")
    make_bundle(tmp_path, "usb", connector="usb_a")
    run = Demo(tmp_path)
    yield run
    for pid in run.processes():
        os.kill(pid, signal.SIGKILL)


SKILLS = ("--skills", "plug", "usb")


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_from_start_to_report_with_a_fault_on_the_way(demo: Demo) -> None:
    output = demo.directory / "report"
    started = demo.start(
        *SKILLS, "--trials", "2", "--seed", "5", "--mode", "sample", "--output", "report", "--json", "figures.json"
    )
    arm = demo.wait_for_node("sim_arm")
    demo.wait_for_text(output / "nodes.log", "started")
    os.kill(arm, signal.SIGSTOP)
    time.sleep(1.0)
    os.kill(arm, signal.SIGCONT)
    stdout, stderr = started.communicate(timeout=180)
    assert started.returncode == 0, stderr
    assert demo.processes() == {}
    assert "Traceback" not in stderr

    trials = read_trials(output / "trials.csv")
    assert [(t.skill, t.connector, t.trial, t.mode) for t in trials] == [
        ("plug", "two_pin", 1, "sample"),
        ("usb", "usb_a", 2, "sample"),
    ]
    assert trials[0].fault in ("STALE_JOINT_STATE", "STALE_WRENCH")
    for trial in trials:
        assert trial.outcome in (SUCCESS, TIMEOUT, FORCE_STOP) or trial.fault
        assert 0.0 <= trial.time_s <= 10.1, "zero where the fault came before the first step"
        assert trial.time_s > 0.0 or trial.fault
        assert trial.peak_force_n > 0.0 or trial.fault
        assert 0.0 < trial.estimate_error_mm < 10.0
        assert re.search(rf"{trial.trial}/2 +{trial.connector} +seed +{trial.seed} +{trial.outcome}", stdout)
        assert trial.latency_p50_ms > 0.0 or trial.fault, "none where the fault came before the first action"
    inserted = sum(trial.succeeded for trial in trials)
    assert f"{inserted} of 2 inserted" in stdout
    assert json.loads((demo.directory / "figures.json").read_text())["inserted"] == inserted

    page = (output / "report.html").read_text(encoding="utf-8")
    assert f"{inserted} of 2 inserted" in page
    assert all(str(trial.seed) in page for trial in trials)
    with (output / "run.mcap").open("rb") as file:
        summary = make_reader(file).get_summary()
    assert summary is not None, "the recording was not closed"
    assert summary.statistics is not None
    counts = {c.topic: summary.statistics.channel_message_counts.get(c.id, 0) for c in summary.channels.values()}
    for topic in ("/joint_states", "/wrench", "/commanded_pose", "/sim_arm/insertion"):
        assert counts[topic] > 200, topic
    for topic in ("/socket_pose", "/candidate_twist", "/policy/telemetry", "/supervisor/state", "/target_pose"):
        assert counts[topic] > 0, topic


def test_a_node_that_dies_ends_the_run_with_one_line(demo: Demo) -> None:
    started = demo.start(*SKILLS, "--trials", "2", "--output", "report")
    policy = demo.wait_for_node("policy_node")
    demo.wait_for_text(demo.directory / "report" / "nodes.log", "armed")
    os.kill(policy, signal.SIGKILL)
    _, stderr = started.communicate(timeout=60)
    assert started.returncode == 2
    (line,) = stderr.strip().splitlines()
    assert line.startswith("maxent-robot: policy: process was ended by SIGKILL")
    assert demo.processes() == {}


def _raise_signals(*numbers: signal.Signals, then_ask: bool) -> list[signal.Signals]:
    """The signals that the run went on after; it ends with a KeyboardInterrupt, or the test fails."""
    went_on: list[signal.Signals] = []
    try:
        with Interruption() as interruption:
            for number in numbers:
                signal.raise_signal(number)
                went_on.append(number)
            if then_ask:
                interruption.check()
                pytest.fail("the interruption was forgotten")
    except KeyboardInterrupt:
        return went_on
    pytest.fail("the interruption was forgotten at the end")


def test_an_interruption_is_noted_until_somebody_asks_and_the_second_does_not_wait() -> None:
    before = signal.getsignal(signal.SIGINT)
    assert _raise_signals(signal.SIGINT, then_ask=True) == [signal.SIGINT]
    assert _raise_signals(signal.SIGHUP, then_ask=False) == [signal.SIGHUP]
    assert _raise_signals(signal.SIGTERM, signal.SIGINT, then_ask=False) == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_no_process_and_a_closed_recording(demo: Demo, number: signal.Signals) -> None:
    started = demo.start(*SKILLS, "--trials", "2", "--output", "report")
    demo.wait_for_node("recorder_node")
    demo.wait_for_text(demo.directory / "report" / "nodes.log", "started")
    started.send_signal(number)
    _, stderr = started.communicate(timeout=60)
    assert started.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert demo.processes() == {}
    with (demo.directory / "report" / "run.mcap").open("rb") as file:
        assert make_reader(file).get_summary() is not None


def test_a_composed_run_past_an_obstacle_with_weights_that_change_on_the_way(demo: Demo) -> None:
    graph = RosGraph(demo.directory)
    started = demo.start(
        *("--graph", "composed", "--trials", "1", "--output", "report", "--json", "figures.json"),
        *("--domain-id", str(graph.domain_id)),
    )
    try:
        telemetry = graph.collect(DiagnosticStatus, "policy/telemetry")
        wait_until(lambda: any(s.level == DiagnosticStatus.OK for s in telemetry), "composed actions", 120.0)
        weights = Parameter("weights", value=[1.0, 0.75]).to_parameter_msg()
        answer = graph.call(SetParameters, "policy/set_parameters", SetParameters.Request(parameters=[weights]))
        assert answer.results[0].successful, answer.results[0].reason
        stdout, stderr = started.communicate(timeout=120)
    finally:
        graph.close()
    assert started.returncode == 0, stderr
    assert demo.processes() == {}
    (trial,) = read_trials(demo.directory / "report" / "trials.csv")
    assert trial.skill == "plug_insertion"
    assert -6.0 < trial.obstacle_clearance_mm < 60.0
    assert "obstacle" in stdout
    said = [diagnostic_values(status) for status in telemetry if status.level == DiagnosticStatus.OK]
    assert [*dict.fromkeys(values["weights"] for values in said)] == [
        "plug_insertion 1, avoid 1",
        "plug_insertion 1, avoid 0.75",
    ]
    assert {"ess_share", "divergence", "fallback"} <= set(said[-1])
    figures = json.loads((demo.directory / "figures.json").read_text())
    collided = trial.obstacle_clearance_mm < 0.0
    assert figures["obstacle_clearance_mm"] == {
        "min": pytest.approx(trial.obstacle_clearance_mm, abs=1e-3),
        "collisions": int(collided),
    }
    page = (demo.directory / "report" / "report.html").read_text(encoding="utf-8")
    assert "from the obstacle, mm" in page
    assert "maxent-robot family plug" in page, "what made the second skill is said"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--graph", "no_such_graph"), "no graph 'no_such_graph'"),
        (("--skills", "plug", "--robot", "fr3"), "robot 'fr3' is not simulated; allowed is a robot named sim"),
        (("--skills", "plug", "--trials", "0"), "trials: 0 trials; allowed is at least 1"),
        (("--skills", "plug", "--output", "."), "--output: '.' exists and is not an empty directory"),
        (("--skills", "no_such_skill"), "no skill 'no_such_skill'"),
        (("--time-limit", "20"), "--time-limit has no meaning for insertion"),
    ],
)
def test_a_mistake_is_one_line_and_starts_nothing(demo: Demo, arguments: tuple[str, ...], expected: str) -> None:
    started = demo.start(*arguments)
    stdout, stderr = started.communicate(timeout=60)
    assert started.returncode == 2
    assert len(stderr.strip().splitlines()) == 1
    assert expected in stderr
    assert stdout == ""
    assert not (demo.directory / "reports").exists()
