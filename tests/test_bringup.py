"""The graph as data, and processes that end whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from maxent_robot.bringup import (
    BringupError,
    GraphOptions,
    NodeProcess,
    ProcessGroup,
    absolute_namespace,
    load_graph,
    processes,
    run_overrides,
    supervise,
)
from maxent_robot.bringup.child import GRACE_S
from maxent_robot.errors import ConfigError

pytestmark = pytest.mark.realtime

TESTS = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Script(NodeProcess):
    """A process of `bringup_processes`, by its name."""

    @property
    def module(self) -> str:
        return "bringup_processes"


def scripts(*names: str) -> list[NodeProcess]:
    return [Script(name, "") for name in names]


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROCESS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH", "")]))


def wait_for_pid(path: Path, timeout_s: float = 15.0) -> int:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if path.is_file() and (text := path.read_text()):
            return int(text)
        time.sleep(0.02)
    raise AssertionError(f"{path.name} did not start")


def runs(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int, timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while runs(pid):
        assert time.monotonic() < deadline, f"process {pid} still runs"
        time.sleep(0.02)


def first_error(group: ProcessGroup, timeout_s: float = 15.0) -> str:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            group.check()
        except BringupError as error:
            return str(error)
        time.sleep(0.02)
    raise AssertionError("every process still runs")


# The graph


def test_the_simulated_arm_runs_for_the_robot_sim_only() -> None:
    graph = load_graph()
    assert [p.name for p in processes(graph, "sim")] == ["sim_arm", "standby", "supervisor", "policy"]
    for robot in ("fr3", "ur5e"):
        assert [p.name for p in processes(graph, robot)] == ["standby", "supervisor", "policy"]


def test_every_process_of_the_shipped_graph_is_a_module_with_a_main() -> None:
    pytest.importorskip("rclpy")
    for process in processes(load_graph(), "sim"):
        module = __import__(process.module, fromlist=["main"])
        assert callable(module.main)


def test_overrides_reach_the_nodes_that_they_name() -> None:
    overrides = run_overrides(skill="other", mode="sample", limits="cell", dry_run=True, use_sim_time=True)
    by_name = {p.name: p.overrides for p in processes(load_graph(), "fr3", overrides)}
    assert by_name == {
        "standby": {"robot": "fr3", "use_sim_time": True},
        "supervisor": {"robot": "fr3", "use_sim_time": True, "skill": "other", "limits": "cell", "dry_run": True},
        "policy": {"robot": "fr3", "use_sim_time": True, "skill": "other", "mode": "sample"},
    }
    assert processes(load_graph(), "fr3", run_overrides())[0].overrides == {"robot": "fr3"}


def test_a_graph_that_makes_no_sense_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "graph.yaml"
    for content, message in (
        (
            {"name": "g", "nodes": [{"name": "a", "executable": "x"}, {"name": "a", "executable": "y"}]},
            "'a' is given twice",
        ),
        ({"name": "g", "nodes": [{"name": "a b", "executable": "x"}]}, "'a b' must be letters"),
        ({"name": "g", "nodes": [{"name": "a", "executable": "x", "parameters": {"p": [1]}}]}, r"a.p is \[1\]"),
        ({"name": "g", "nodes": [{"name": "a", "executible": "x"}]}, "did you mean 'executable'"),
    ):
        path.write_text(yaml.safe_dump(content))
        with pytest.raises(ConfigError, match=message):
            load_graph(str(path))
    with pytest.raises(ConfigError, match=r"no graph 'missing'.*plug_insertion"):
        load_graph("missing")
    with pytest.raises(ConfigError, match="no node 'polisher': it has sim_arm, standby, supervisor, policy"):
        processes(load_graph(), "sim", {"polisher": {}})
    with pytest.raises(ConfigError, match="no robot 'lathe'"):
        processes(load_graph(), "lathe")


def test_namespaces() -> None:
    assert [absolute_namespace(text) for text in ("", "/", "cell_1", "/line/cell_1")] == [
        "",
        "",
        "/cell_1",
        "/line/cell_1",
    ]
    with pytest.raises(ConfigError, match="'a-b', must be"):
        absolute_namespace("a-b")


def test_the_command_line_wins_over_the_parameter_file_and_that_over_the_graph(tmp_path: Path) -> None:
    pytest.importorskip("rclpy")
    user_file = tmp_path / "user.yaml"
    user_file.write_text(
        yaml.safe_dump(
            {
                "/**": {"ros__parameters": {"b": "file", "c": "file"}},
                "/**/probe": {"ros__parameters": {"d": "file", "e": "file"}},
            }
        )
    )
    probe = NodeProcess("probe", "", dict.fromkeys("abd", "graph"), dict.fromkeys("ce", "command line"))
    code = (
        "import sys, rclpy\nfrom rclpy.node import Node\nrclpy.init(args=sys.argv)\nnode = Node('unnamed')\n"
        "print(node.get_fully_qualified_name(), *[node.declare_parameter(k, '').value for k in 'abcde'], sep='|')"
    )
    for namespace in ("", "/cell_1"):
        arguments = probe.command(tmp_path, namespace, "warn", user_file)[1:]
        result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        expected = [f"{namespace}/probe", "graph", "file", "command line", "file", "command line"]
        assert result.stdout.strip().split("|") == expected


# The processes


def test_processes_start_and_end_with_the_group(tmp_path: Path) -> None:
    lines: list[tuple[str, str]] = []
    with ProcessGroup(scripts("steady", "second"), echo=lambda name, line: lines.append((name, line))) as group:
        pids = [wait_for_pid(tmp_path / name) for name in ("steady", "second")]
        assert list(group.pids.values()) == pids
        group.check()
    assert not any(runs(pid) for pid in pids)
    assert ("steady", "steady is up") in lines
    assert ("second", "second ends") in lines


def test_a_process_that_ends_is_named_with_its_last_error(tmp_path: Path) -> None:
    with ProcessGroup(scripts("steady", "broken"), echo=lambda *_: None) as group:
        steady = wait_for_pid(tmp_path / "steady")
        assert first_error(group) == (
            "broken: process ended with exit status 3: cannot configure: the sensor is unplugged"
        )
    assert not runs(steady)


def test_a_process_that_is_killed_is_named_with_the_signal(tmp_path: Path) -> None:
    with ProcessGroup(scripts("steady"), echo=lambda *_: None) as group:
        os.kill(wait_for_pid(tmp_path / "steady"), signal.SIGKILL)
        assert first_error(group).startswith("steady: process was ended by SIGKILL")


def test_a_process_deaf_to_signals_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "STOP_STEPS", ((signal.SIGINT, 0.3), (signal.SIGTERM, 0.3), (signal.SIGKILL, 2.0)))
    with ProcessGroup(scripts("deaf", "steady"), echo=lambda *_: None):
        pids = [wait_for_pid(tmp_path / name) for name in ("deaf", "steady")]
        began_s = time.monotonic()
    assert not any(runs(pid) for pid in pids)
    assert time.monotonic() - began_s < GRACE_S  # not left to the watch that each process keeps on its parent


def test_an_error_inside_the_group_ends_it_too(tmp_path: Path) -> None:
    def make_a_mistake() -> None:
        with ProcessGroup(scripts("steady"), echo=lambda *_: None):
            wait_for_pid(tmp_path / "steady")
            raise RuntimeError("mistake")

    with pytest.raises(RuntimeError, match="mistake"):
        make_a_mistake()
    assert not runs(wait_for_pid(tmp_path / "steady"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_processes_end_when_their_parent_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    code = (
        "import time\nfrom test_bringup import ProcessGroup, scripts\n"
        "with ProcessGroup(scripts('steady', 'deaf')):\n    time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    try:
        pids = [wait_for_pid(tmp_path / name) for name in ("steady", "deaf")]
        assert all(runs(pid) for pid in pids)
    finally:
        parent.send_signal(number)
        parent.wait(10.0)
    try:
        for pid in pids:
            wait_until_gone(pid)
    finally:
        for pid in filter(runs, pids):
            os.kill(pid, signal.SIGKILL)


def test_a_domain_reaches_the_processes(tmp_path: Path) -> None:
    with ProcessGroup(scripts("steady"), GraphOptions(domain_id=77), echo=lambda *_: None):
        pid = wait_for_pid(tmp_path / "steady")
        assert b"ROS_DOMAIN_ID=77" in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
