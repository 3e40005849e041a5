"""The commands of README.md, run for real: each block in its order, with less training and fewer episodes.

`make demo` and the composed `demo` are `test_cli_demo.py`, `make test` is the suite's own beginning; `ros2 launch` and
`colcon build` need what only a ROS 2 installation has (`test_launch.py`, `test_install.py`).
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from test_readme import COMMANDS

pytest.importorskip("rclpy")
pytest.importorskip("mujoco")

from geometry_msgs.msg import PoseStamped
from ros_support import RosGraph, ros_graph, wait_until  # noqa: F401
from std_srvs.srv import Trigger
from up_process import Up, ups  # noqa: F401

from maxent_robot.nodes.qos import RELIABLE
from maxent_robot.skill.bundle import load_bundle
from sim.plug.connectors import CONNECTORS

pytestmark = pytest.mark.realtime

ROOT = Path(__file__).resolve().parents[1]
SMALL = {
    "train": "--steps 160 --quiet --set trainer.warmup_steps=40 --set trainer.evaluation_episodes=4"
    " --set trainer.deployable_critic_updates=20 --set environment.time_limit_s=1.0"
    " --set evaluation_environment.time_limit_s=1.0",
    "resume": "--steps 256 --quiet",
    "seeds": "--steps 200 --quiet --jobs 2 --set learner.hidden_sizes=[8,8] --set trainer.evaluation_interval_steps=100"
    " --set trainer.evaluation_episodes=1",
    "evaluate": "--quiet --set time_limit_s=1.0",
}
"""What makes a command of the README short; later words win over earlier ones."""


def readme_commands(*names: str) -> list[list[str]]:
    """Words after `maxent-robot` of the README's commands with these names, in its order."""
    words = [shlex.split(command) for command in COMMANDS]
    return [rest for program, *rest in words if program == "maxent-robot" and rest[0] in names]


def request(graph: RosGraph, name: str) -> None:
    """Call a service of the supervisor until it agrees: it refuses while the arm still moves."""
    wait_until(lambda: bool(graph.call(Trigger, f"supervisor/{name}").success), f"supervisor/{name}", 30.0)


def test_the_training_commands_follow_one_from_the_other(tmp_path: Path) -> None:
    commands = readme_commands("train", "export", "evaluate", "verify", "compare")
    assert [words[0] for words in commands] == [
        "train", "export", "evaluate", "verify", "train", "train", "compare"
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    for words in commands:
        kind = next((flag.strip("-") for flag in ("--resume", "--seeds") if flag in words), words[0])
        extra = SMALL.get(kind, "").split()
        shortened = ["3" if before == "--episodes" else word for before, word in zip(["", *words], words, strict=False)]
        run = subprocess.run(
            [sys.executable, "-m", "maxent_robot.cli.main", *shortened, *extra],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, f"{words}: {run.stderr[-2000:]}"
    assert load_bundle(tmp_path / "my_skills" / "plug_insertion").manifest.training.seed == 1
    assert json.loads((tmp_path / "evaluation.json").read_text())["spiral"]["episodes"] == 3
    assert json.loads((tmp_path / "runs" / "first" / "result.json").read_text())["steps"] == 256
    assert (tmp_path / "runs" / "pendulum" / "report" / "curves.png").stat().st_size > 10_000


def test_a_rehearsal_by_hand_inserts_the_plug(ros_graph: RosGraph, ups: list[Up]) -> None:  # noqa: F811
    (words,) = readme_commands("up")
    services = [shlex.split(command)[3] for command in COMMANDS if command.startswith("ros2 service call")]
    assert services == [f"/supervisor/{name}" for name in ("arm", "start", "stop", "reset")]
    insertions = ros_graph.collect(PoseStamped, "sim_arm/insertion", RELIABLE)
    ups.append(up := Up(ros_graph, *words[1:]))
    up.wait_for("active: ")
    for name in ("arm", "start"):
        request(ros_graph, name)
    seated_m = CONNECTORS["two_pin"].depth - 0.001
    wait_until(lambda: any(seen.pose.position.z > seated_m for seen in insertions[-1:]), "a plug in its socket", 30.0)
    for name in ("stop", "reset"):
        request(ros_graph, name)
    assert up.end(signal.SIGINT) == 0
