"""`ros2 launch` and `maxent-robot up` start the same processes; where launch_ros imports, the launch file is run."""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from maxent_robot.bringup.launch import ARGUMENTS, launched_processes
from maxent_robot.cli import up

pytestmark = pytest.mark.realtime

ROOT = Path(__file__).resolve().parents[1]
LAUNCH_FILE = ROOT / "launch" / "plug_insertion.launch.py"


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    up.add_arguments(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize(
    ("launched", "typed"),
    [
        ({}, []),
        ({"robot": "fr3"}, ["--robot", "fr3"]),
        ({"robot": "ur5e", "dry_run": "true"}, ["--robot", "ur5e", "--dry-run"]),
        ({"skill": "other", "mode": "sample"}, ["--skill", "other", "--mode", "sample"]),
        ({"use_sim_time": "true"}, ["--use-sim-time"]),
    ],
)
def test_the_command_line_and_the_launch_file_start_the_same_processes(
    launched: dict[str, str], typed: list[str]
) -> None:
    # The launch file leaves the lifecycle to the nodes themselves, `up` has a manager.
    by_command = up.started_processes(parsed(*typed))
    assert launched_processes("plug_insertion", {**launched, "autostart": "false"}) == by_command
    by_launch = launched_processes("plug_insertion", launched)
    assert all(process.overrides["autostart"] is True for process in by_launch)


def test_the_composed_graph_is_that_of_its_launch_file() -> None:
    by_command = up.started_processes(parsed("--graph", "composed", "--robot", "fr3"))
    assert launched_processes("composed", {"robot": "fr3", "autostart": "false"}) == by_command
    policy = by_command[-1]
    assert (policy.parameters["compose"], policy.parameters["weights"]) == ("avoid", [1.0, 1.0])
    assert "weights:=[1.0, 1.0]" in policy.ros_arguments()
    assert 'launch_description("composed")' in (ROOT / "launch" / "composed.launch.py").read_text(encoding="utf-8")


def test_both_take_the_same_arguments() -> None:
    options = {word.lstrip("-").replace("-", "_") for word in vars(parsed())}
    assert {name for name, *_ in ARGUMENTS} - {"autostart"} <= options
    assert "no_autostart" in options


def command_line(pid: str) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("launch_ros", "ros2launch", "rclpy", "mujoco")),
    reason="needs launch_ros, ros2launch, rclpy and mujoco",
)
def test_ros2_launch_brings_the_graph_up_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    from ros_support import RosGraph, wait_until
    from skill_bundles import make_bundle

    graph = RosGraph(tmp_path)
    user_file = tmp_path / "user.yaml"
    user_file.write_text(yaml.safe_dump({"/**": {"ros__parameters": {"mode": "tempered", "temperature": 0.25}}}))
    values = {"skill": str(make_bundle(tmp_path / "skills").directory), "log_level": "warn"}
    arguments = {**values, "namespace": "cell_1", "params_file": str(user_file)}
    log = tmp_path / "launch.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-c", "from ros2cli.cli import main; main()", "launch", str(LAUNCH_FILE)]
            + [f"{name}:={value}" for name, value in arguments.items()],
            env={**graph.environment, "ROS_LOG_DIR": str(tmp_path)},
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        expected = launched_processes("plug_insertion", values)
        for node in expected:
            graph.wait_for_state(f"/cell_1/{node.name}", "active", timeout_s=90.0)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == len(expected)
        commands = {
            next(word[8:] for word in line if word[:8] == "__node:="): line for line in map(command_line, children)
        }
        for node in expected:
            command = commands[node.name]
            assert " ".join(node.ros_arguments("warn")) in " ".join(command)
            files = [Path(command[i + 1]) for i, word in enumerate(command) if word == "--params-file"]
            assert files[0] == user_file
            assert yaml.safe_load(files[1].read_text()) == {
                f"/cell_1/{node.name}": {"ros__parameters": dict(node.overrides)}
            }
        process.send_signal(signal.SIGINT)
        process.wait(30.0)
        wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in children), "the end of every node")
        assert "NOT safety-rated" in log.read_text()
    except BaseException:
        print(log.read_text())
        raise
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        graph.close()
