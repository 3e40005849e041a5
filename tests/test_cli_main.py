"""The command line itself: help without any extra, one line for a mistake, exit statuses."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from skill_bundles import make_bundle

from maxent_robot import __version__
from maxent_robot.cli import main as cli
from maxent_robot.errors import ConfigError
from maxent_robot.skill.bundle import SkillBundle

BLOCK_EXTRAS = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
from maxent_robot.cli.main import main
sys.exit(main({arguments!r}))
"""
EXTRAS = ["torch", "rclpy", "mujoco", "gymnasium", "matplotlib", "jinja2", "mcap", "tensorboard", "onnx", "tqdm"]


@pytest.fixture
def bundle(tmp_path: Path) -> SkillBundle:
    return make_bundle(tmp_path, evaluation={"success": 0.99, "mean": {"success_interval": [0.97, 1.0]}})


def run_without(names: list[str], arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run the command line in an interpreter that has none of the modules named."""
    code = BLOCK_EXTRAS.format(names=names, arguments=arguments)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("arguments", [["--help"], *([command, "--help"] for command in cli.COMMANDS)])
def test_help_needs_none_of_the_extras(arguments: list[str]) -> None:
    run = run_without(EXTRAS, arguments)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("usage: maxent-robot")


def test_help_lists_each_command_with_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for command in cli.COMMANDS:
        (line,) = [line.split(maxsplit=1) for line in text.splitlines() if line.split()[:1] == [command]]
        assert len(line) == 2


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"maxent-robot {__version__}\n"


def test_an_unknown_command_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["trian"])
    assert ended.value.code == 2
    assert "train" in capsys.readouterr().err


def test_a_missing_extra_is_one_line_that_says_what_to_install() -> None:
    run = run_without(["torch"], ["train", "plug_insertion"])
    assert run.returncode == cli.EXIT_MISTAKE
    assert run.stderr == "maxent-robot: train needs PyTorch: pip install 'maxent_robot[train]'\n"


ROS_HINT = "pip install 'maxent_robot[ros]', or source the setup file of a ROS 2 installation"


@pytest.mark.parametrize(
    ("raised", "status", "line"),
    [
        (ConfigError("cell.yaml: rate: too fast"), 2, "maxent-robot: cell.yaml: rate: too fast\n"),
        (KeyboardInterrupt(), 130, ""),
        (
            ModuleNotFoundError(name="mcap.writer"),
            2,
            "maxent-robot: verify needs MCAP: pip install 'maxent_robot[report]'\n",
        ),
        (
            ModuleNotFoundError(name="sensor_msgs.msg"),
            2,
            f"maxent-robot: verify needs ROS 2 (sensor_msgs): {ROS_HINT}\n",
        ),
    ],
)
def test_what_goes_wrong_is_one_line_and_a_status(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    raised: BaseException,
    status: int,
    line: str,
) -> None:
    def fail(_: argparse.Namespace) -> int:
        raise raised

    monkeypatch.setattr("maxent_robot.cli.verify.run", fail)
    assert cli.main(["verify", "x"]) == status
    assert capsys.readouterr().err == line


def test_an_error_in_the_program_itself_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: argparse.Namespace) -> int:
        raise ModuleNotFoundError("No module named 'maxent_robot.typo'", name="maxent_robot.typo")

    monkeypatch.setattr("maxent_robot.cli.verify.run", fail)
    with pytest.raises(ModuleNotFoundError):
        cli.main(["verify", "x"])


def test_a_reader_that_goes_away_is_not_a_traceback() -> None:
    code = (
        "import sys\nfrom maxent_robot.cli import main, verify\n"
        "verify.run = lambda _: print('x' * 1_000_000) or 0\nsys.exit(main.main(['verify', 'x']))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=30) == cli.EXIT_PIPE


def test_verify_shows_the_manifest(bundle: SkillBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "verdict.json"
    assert cli.main(["verify", str(bundle.directory), "--json", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "random_skill: plug_insertion, connector two_pin, robot sim" in shown
    assert "800 N/m" in shown
    assert "mean.success_interval = [0.97, 1]" in shown
    verdict: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    assert verdict["verified"] is True
    assert verdict["critic_heads"] == bundle.critic_heads
    assert verdict["manifest"]["evaluation"]["success"] == 0.99


def test_a_file_that_can_not_be_written_is_one_line(
    bundle: SkillBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "absent" / "verdict.json"
    assert cli.main(["verify", str(bundle.directory), "--json", str(place)]) == 2
    assert capsys.readouterr().err == f"maxent-robot: {place}: No such file or directory\n"


def test_verify_refuses_damage_in_one_line(bundle: SkillBundle, capsys: pytest.CaptureFixture[str]) -> None:
    bundle.actor_path.write_bytes(bundle.critic_onnx)
    assert cli.main(["verify", str(bundle.directory)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "SHA-256" in captured.err
