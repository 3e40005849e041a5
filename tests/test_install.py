"""An installed package, away from its sources, gives nodes that start: by pip, and by colcon where there is one."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("setuptools", minversion="70.1")  # older ones need the package wheel

from ros_support import RosGraph, ros_graph  # noqa: F401

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("maxent_robot", "sim", "config", "launch", "skills", "resource")
FILES = ("package.xml", "setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of what is installed: a build writes beside its sources."""
    place = tmp_path / "workspace" / "src" / "maxent_robot"
    for part in PARTS:
        shutil.copytree(ROOT / part, place / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, place / name)
    return place


def run(*words: str | Path, directory: Path) -> None:
    done = subprocess.run([str(word) for word in words], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def check_node_starts(graph: RosGraph, script: Path, packages: Path, log: Path) -> None:
    """Start the supervisor by its installed script; its configuration has to come from the installed files too."""
    environment = {**graph.environment, "PYTHONPATH": str(packages), "AMENT_PREFIX_PATH": ""}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, str(script), "--ros-args", "-p", "robot:=fr3", "-p", "autostart:=true"],
            cwd=log.parent,
            env=environment,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        graph.wait_for_state("supervisor", "active")
        where = subprocess.run(
            [sys.executable, "-c", "import maxent_robot.paths as p; print(p.__file__, p.share_directory())"],
            cwd=log.parent, env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert str(ROOT) not in where.stdout.split()
        assert all(str(log.parent) in path for path in where.stdout.split())
        process.send_signal(signal.SIGINT)
        assert process.wait(20.0) == 0, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_a_pip_install_gives_nodes_that_start(ros_graph: RosGraph, sources: Path, tmp_path: Path) -> None:  # noqa: F811
    prefix = tmp_path / "prefix"
    # Without --ignore-installed pip takes the package out of the environment that runs the tests.
    options = ("--quiet", "--disable-pip-version-check", "--no-warn-script-location", "--ignore-installed")
    run(
        sys.executable, "-m", "pip", "install", *options, "--no-deps", "--no-build-isolation", "--no-index",
        "--prefix", prefix, sources, directory=tmp_path,
    )  # fmt: skip
    (packages,) = prefix.glob("lib/python*/site-packages")
    scripts = {script.name for script in (prefix / "bin").iterdir()}
    assert {"maxent-robot", "policy_node", "recorder_node", "sim_arm", "standby_node", "supervisor_node"} <= scripts
    check_node_starts(ros_graph, prefix / "bin" / "supervisor_node", packages, tmp_path / "node.log")


@pytest.mark.skipif(shutil.which("colcon") is None, reason="needs colcon")
@pytest.mark.parametrize("options", [[], ["--symlink-install"]], ids=["copied", "symlinked"])
def test_a_colcon_build_gives_nodes_that_start(
    ros_graph: RosGraph,  # noqa: F811
    sources: Path,
    tmp_path: Path,
    options: list[str],
) -> None:
    workspace = sources.parents[1]
    run("colcon", "build", *options, "--packages-select", "maxent_robot", directory=workspace)
    install = workspace / "install" / "maxent_robot"
    (packages,) = install.glob("lib/python*/site-packages")
    if options:
        packages = workspace / "build" / "maxent_robot"
    assert (install / "share" / "maxent_robot" / "launch" / "plug_insertion.launch.py").is_file()
    check_node_starts(ros_graph, install / "lib" / "maxent_robot" / "supervisor_node", packages, tmp_path / "node.log")
