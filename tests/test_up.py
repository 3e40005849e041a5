"""`maxent-robot up`: the graph as processes, from one command to its end, however that comes."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("mujoco")

from ros_support import RosGraph, ros_graph, wait_until  # noqa: F401
from skill_bundles import make_bundle
from up_process import Up, ups  # noqa: F401

pytestmark = pytest.mark.realtime


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_brings_the_graph_up_and_ends_it_clean(
    ros_graph: RosGraph,  # noqa: F811
    ups: list[Up],  # noqa: F811
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    bundle = make_bundle(tmp_path)
    ups.append(up := Up(ros_graph, "--skill", str(bundle.directory), "--namespace", "cell_1", "--mode", "sample"))
    assert "NOT safety-rated" in up.wait_for("safety")
    pids = up.pids()
    assert list(pids) == ["sim_arm", "standby", "supervisor", "policy"]
    up.wait_for("active: sim_arm, standby, supervisor, policy")
    for name in pids:
        assert ros_graph.state(f"/cell_1/{name}") == "active"
    up.wait_for("mode sample")
    assert up.end(number) == 0
    assert not any(exists(pid) for pid in pids.values())
    assert "Traceback" not in up.output()


def test_a_node_that_dies_ends_everything_with_one_clear_line(
    ros_graph: RosGraph,  # noqa: F811
    ups: list[Up],  # noqa: F811
    tmp_path: Path,
) -> None:
    ups.append(up := Up(ros_graph, "--skill", str(make_bundle(tmp_path).directory)))
    pids = up.pids()
    up.wait_for("active: ")
    os.kill(pids["policy"], signal.SIGKILL)
    assert up.end() == 2
    assert re.search("policy: process was ended by SIGKILL", up.lines[-1])
    assert not any(exists(pid) for pid in pids.values())


def test_a_node_that_does_not_come_up_is_named_with_the_reason(
    ros_graph: RosGraph,  # noqa: F811
    ups: list[Up],  # noqa: F811
    tmp_path: Path,
) -> None:
    damaged = make_bundle(tmp_path)
    damaged.actor_path.write_bytes(damaged.actor_onnx[:100])
    ups.append(up := Up(ros_graph, "--skill", str(damaged.directory)))
    pids = up.pids()
    assert up.end() == 2
    assert re.search(r"supervisor: configure failed .*actor\.onnx: damaged or replaced", up.lines[-1])
    assert not any(exists(pid) for pid in pids.values())


def test_without_autostart_the_nodes_are_left_unconfigured(
    ros_graph: RosGraph,  # noqa: F811
    ups: list[Up],  # noqa: F811
) -> None:
    ups.append(up := Up(ros_graph, "--robot", "ur5e", "--no-autostart"))
    assert list(up.pids()) == ["standby", "supervisor", "policy"]
    for name in ("standby", "supervisor", "policy"):
        ros_graph.wait_for_state(name, "unconfigured")
    assert up.end(signal.SIGINT) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--robot", "lathe"], "no robot 'lathe'"),
        (["--graph", "missing"], "no graph 'missing'"),
        (["--namespace", "a-b"], "namespace is 'a-b'"),
        (["--params-file", "missing.yaml"], "--params-file: no file 'missing.yaml'"),
    ],
)
def test_a_mistake_in_the_arguments_is_one_line(
    ros_graph: RosGraph,  # noqa: F811
    ups: list[Up],  # noqa: F811
    arguments: list[str],
    message: str,
) -> None:
    ups.append(up := Up(ros_graph, *arguments))
    assert up.end() == 2
    assert len(up.lines) == 1
    assert message in up.lines[0]
