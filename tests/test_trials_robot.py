"""The robot of an experiment: kept with its protocol, so that it cannot change under way or be forgotten afterwards."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import pytest

from maxent_robot.cli.experiments.run import open_experiment
from maxent_robot.cli.identify import robot_of
from maxent_robot.cli.main import main
from maxent_robot.errors import ConfigError
from maxent_robot.paths import find_experiment, find_robot


def asked(protocol: str | None, output: Path, robot: str = "") -> argparse.Namespace:
    return argparse.Namespace(protocol=protocol, output=output, robot=robot)


def test_the_robot_that_was_asked_for_is_in_the_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = tmp_path / "cell.yaml"
    shutil.copy(find_robot("sim"), cell)
    monkeypatch.chdir(tmp_path)
    made, files = open_experiment(asked("compare", tmp_path / "experiment", "cell.yaml"))
    assert made.robot == files.experiment().robot == str(cell)
    monkeypatch.chdir(Path("/"))  # the path leads there from anywhere
    for words in (asked(None, files.directory), asked("compare", files.directory)):
        assert open_experiment(words)[0] == made
    assert open_experiment(asked("compare", files.directory, str(cell)))[0] == made


def test_it_does_not_change_under_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, files = open_experiment(asked("compare", tmp_path / "experiment"))
    assert files.experiment().robot == "sim"
    with pytest.raises(ConfigError, match=r"--robot is 'fr3', but the experiment in '.*' is with 'sim'"):
        open_experiment(asked("compare", files.directory, "fr3"))
    assert main(["trials", "run", "--output", str(files.directory), "--robot", "fr4"]) == 2
    assert "no robot 'fr4'" in capsys.readouterr().err


def test_another_protocol_is_refused_and_told_by_what_differs(tmp_path: Path) -> None:
    _, files = open_experiment(asked("compare", tmp_path / "experiment"))
    other = tmp_path / "other.yaml"
    shipped = find_experiment("compare").read_text(encoding="utf-8")
    other.write_text(f"{shipped}\nblinded: true\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"holds an experiment by another protocol; they differ in blinded$"):
        open_experiment(asked(str(other), files.directory))


def test_an_arm_is_identified_as_the_robot_of_its_experiment(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("a", "b", "alone.mcap")]
    places[2].touch()
    for place, robot in zip(places, ("fr3", "ur5e"), strict=False):
        open_experiment(asked("compare", place, robot))
    assert robot_of([places[0], places[2]]) == "fr3"
    assert robot_of([places[2]]) == "sim"
    with pytest.raises(ConfigError, match="different robots"):
        robot_of(places)
