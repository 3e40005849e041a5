"""`maxent-robot family`: from settings to bundles that can be composed; resumed; mistakes in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("mujoco")

import yaml

from maxent_robot.cli.main import main
from maxent_robot.inference.calibration import Calibration
from maxent_robot.inference.composition import check_composable
from maxent_robot.paths import find_family, find_skill
from maxent_robot.skill.bundle import load_bundle
from maxent_robot.skill.layout import INSERTION_LAYOUTS


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """The shipped family with little to do."""
    shipped = yaml.safe_load(find_family("plug").read_text())
    shipped["num_envs"] = 4
    shipped["training"] |= {"steps": 160, "warmup_steps": 40}
    shipped["training"]["learner"] |= {"hidden_sizes": [8, 8], "batch_size": 16}
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(shipped))
    return path


def test_a_family_becomes_bundles_that_go_with_an_insertion(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert main(["family", str(settings), "--seed", "4", "--output", str(run), "--quiet"]) == 0
    printed = capsys.readouterr().out
    bundles = {name: load_bundle(run / "skills" / name) for name in ("avoid", "gentle")}
    for name, layout in (("avoid", INSERTION_LAYOUTS[2]), ("gentle", INSERTION_LAYOUTS[1])):
        manifest = bundles[name].manifest
        assert manifest.layout is layout
        assert (manifest.alpha, manifest.gamma, manifest.training.seed, manifest.training.steps) == (
            0.005,
            0.98,
            4,
            160,
        )
        assert manifest.training.command == f"maxent-robot family {settings} --seed 4"
        calibration = Calibration.of(manifest.evaluation)
        assert calibration is not None
        assert calibration.states > 100
        assert f"{name}: R2 {calibration.r2:.2f}" in printed
    check_composable([load_bundle(find_skill("plug_insertion")), *bundles.values()])
    assert main(["family", str(settings), "--output", str(run)]) == 2
    assert "holds a run already" in capsys.readouterr().err
    assert main(["family", str(settings), "--resume", str(run), "--steps", "240", "--quiet"]) == 0
    assert load_bundle(run / "skills" / "avoid").manifest.training.steps == 240


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["family", "laundry"], "no family 'laundry': give the path of a .yaml file or one of the shipped names: plug"),
        (["family", "plug", "--resume", "nowhere"], "nowhere is not a training run"),
        (["family", "plug", "--resume", "nowhere", "--seed", "1"], "--resume goes on with the run's own settings"),
        (["family", "plug", "--steps", "0", "--output", "unused"], "training.steps: 0 is too small"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
