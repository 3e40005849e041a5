"""`maxent-robot train`, `export` and `evaluate` on the real task, small: every link of the chain, and the mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import ExpectMistake

from maxent_robot.cli.main import main
from maxent_robot.config import load_config
from maxent_robot.errors import ConfigError
from maxent_robot.inference.calibration import Calibration
from maxent_robot.learning import tasks
from maxent_robot.learning.checkpoint import read_torch
from maxent_robot.learning.config import TrainConfig
from maxent_robot.learning.overrides import apply_overrides
from maxent_robot.learning.run_directory import find_run, run_revision
from maxent_robot.learning.skill_evaluation import paired_figures, parse_modes
from maxent_robot.paths import share_directory
from maxent_robot.skill.bundle import load_bundle
from maxent_robot.skill.experience import Experience

SMALL = [
    "learner.hidden_sizes=[16, 16]",
    "learner.batch_size=32",
    "trainer.num_envs=4",
    "trainer.warmup_steps=40",
    "trainer.evaluation_episodes=4",
    "trainer.deployable_critic_updates=20",
    "environment.time_limit_s=1.0",
    "environment.timestep_s=0.002",
    "evaluation_environment.time_limit_s=1.0",
    "evaluation_environment.timestep_s=0.002",
]


def train(*extra: str, name: str = "plug_insertion") -> int:
    settings = [word for assignment in SMALL for word in ("--set", assignment)]
    return main(["train", name, "--quiet", *settings, *extra])


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("runs") / "run"
    figures = directory.parent / "figures.json"
    assert train("--seed", "5", "--steps", "160", "--output", str(directory), "--json", str(figures)) == 0
    assert json.loads(figures.read_text()) == json.loads((directory / "result.json").read_text())
    return directory


def test_what_is_trained_with_an_obstacle_is_offered_as_no_skill(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert train("--steps", "160", "--output", str(run), name="plug_insertion_obstacle") == 0
    assert "make a skill" not in capsys.readouterr().out
    assert main(["export", str(run), "--output", str(tmp_path / "skill")]) == 2
    assert "environment.obstacle.present is true" in capsys.readouterr().err
    assert not (tmp_path / "skill").exists()


@pytest.mark.parametrize(
    "path", sorted((share_directory() / "config" / "train").glob("*insertion*.yaml")), ids=lambda p: p.stem
)
def test_shipped_configuration_is_valid_and_promises_less_than_it_trains(path: Path) -> None:
    config = load_config(path, TrainConfig)
    trained = tasks.insertion_config(config.environment, str(path))
    promised = tasks.insertion_config(config.evaluation_environment, str(path))
    assert trained.connector == promised.connector
    assert promised.start.on_axis_fraction == 0.0, "only hard starts count"
    for field in ("socket_position_m", "socket_rotation_deg"):
        assert getattr(trained.randomisation, field) >= getattr(promised.randomisation, field)
    assert trained.clearance_m[0] <= promised.clearance_m[0]


def test_trained_run_becomes_a_skill_that_can_be_evaluated(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    skill, figures = tmp_path / "small_skill", tmp_path / "figures.json"
    assert main(["export", str(finished_run), "--output", str(skill)]) == 0
    manifest = load_bundle(skill).manifest
    assert (manifest.name, manifest.training.seed, manifest.training.steps) == ("small_skill", 5, 160)
    assert manifest.training.command.startswith("maxent-robot train plug_insertion --seed 5 --set ")
    assert manifest.training.commit == run_revision(finished_run)
    capsys.readouterr()
    evaluate = ["evaluate", str(skill), "--episodes", "3", "--quiet", "--set", "time_limit_s=1.0"]
    assert main([*evaluate, "--modes", "mean,spiral", "--json", str(figures)]) == 0
    assert "mean against spiral" in capsys.readouterr().out
    measured = json.loads(figures.read_text())
    for mode in ("mean", "spiral"):
        row = measured[mode]
        assert row["episodes"] == 3 == sum(row["outcomes"].values())
        assert row["success"] == row["successes"] / 3
        assert row["success_interval"][0] <= row["success"] <= row["success_interval"][1]
        assert set(row["time_s"]) == {"median", "p95"}
        assert row["peak_force_n"]["p50"] <= row["peak_force_n"]["p95"]
    pair = measured["paired"]["mean_against_spiral"]
    assert pair["both"] + pair["neither"] + pair["only_mean"] + pair["only_spiral"] == 3
    assert main(["export", str(finished_run), "--output", str(skill), "--evaluation", str(figures)]) == 0
    assert load_bundle(skill).manifest.evaluation["mean"] == measured["mean"]
    assert main([*evaluate, "--modes", "gated", "--update-manifest"]) == 0
    kept = load_bundle(skill).manifest.evaluation
    assert kept["gated"]["episodes"] == 3
    calibration, experience = Calibration.of(kept), Experience.of(kept)
    assert calibration is not None
    assert calibration.states > 10
    assert 0.0 <= calibration.r2 <= 1.0
    assert experience is not None
    assert experience.disagreement is not None
    assert experience.disagreement >= calibration.disagreement > 0.0
    measured["actor_sha256"] = "0" * 64
    figures.write_text(json.dumps(measured))
    assert main(["export", str(finished_run), "--output", str(skill), "--evaluation", str(figures)]) == 2
    assert "is about the actor 000" in capsys.readouterr().err


def test_resumed_training_on_the_task_is_the_uninterrupted_one(finished_run: Path, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    assert train("--seed", "5", "--steps", "80", "--output", str(parts)) == 0
    origin = json.loads((parts / "run.json").read_text())
    (parts / "run.json").write_text(json.dumps({**origin, "revisions": ["1234abcd"]}))
    assert main(["train", "plug_insertion", "--quiet", "--resume", str(parts), "--steps", "160"]) == 0
    assert run_revision(parts) == ", ".join(["1234abcd", *origin["revisions"]])
    whole_result, result = (json.loads((run / "result.json").read_text()) for run in (finished_run, parts))
    assert result["command"] == whole_result["command"]
    whole, resumed = (read_torch(run / "checkpoint" / "checkpoint.pt")["state"] for run in (finished_run, parts))
    for network in ("actor", "critic"):
        for part in ("online", "average"):
            for name, value in whole["learner"]["networks"][network][part].items():
                np.testing.assert_array_equal(
                    resumed["learner"]["networks"][network][part][name].numpy(), value.numpy()
                )
    np.testing.assert_array_equal(
        resumed["observation"]["__array__"].numpy(), whole["observation"]["__array__"].numpy()
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "plug"], "no training configuration 'plug'"),
        (["train", "plug_insertion", "--set", "learner.n_stop=3"], "n_stop"),
        (["train", "plug_insertion", "--set", "learner.discount=2"], "discount"),
        (["train", "plug_insertion", "--set", "environment.connector=hdmi"], "hdmi"),
        (["train", "plug_insertion", "--set", "learner.n_step"], "must be key=value"),
        (
            ["train", "plug_insertion", "--set", "task=laundry"],
            "no task 'laundry': must be one of plug_insertion, hockey, gymnasium",
        ),
        (["train", "plug_insertion", "--resume", "nowhere"], "nowhere is not a training run"),
        (["train", "plug_insertion", "--resume", "nowhere", "--seed", "1"], "--resume goes on with the run's own"),
        (["export", "nowhere", "--output", "skills/x"], "nowhere is not a training run"),
        (["evaluate", "nowhere"], "no skill 'nowhere'"),
        (["evaluate", "nowhere", "--episodes", "0"], "--episodes is 0, must be at least 1"),
        (
            ["evaluate", "plug_insertion", "--modes", "mean,median"],
            "'median' is not one of mean, sample, gated",
        ),
    ],
)
def test_mistake_is_one_line(words: list[str], message: str, expect_mistake: ExpectMistake) -> None:
    expect_mistake(words, message)


def test_unfinished_run_is_not_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.yaml").write_text("task: plug_insertion\n")
    assert main(["export", str(tmp_path), "--output", str(tmp_path / "skill")]) == 2
    assert "has not ended" in capsys.readouterr().err


def test_latest_run_is_the_last_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no run in"):
        find_run("latest", tmp_path)
    for name in ("20250102-000000", "20250101-000000"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text("task: plug_insertion\n")
    assert find_run("latest", tmp_path).name == "20250102-000000"


def test_assignments_change_a_copy() -> None:
    given = {"a": {"b": 1}, "c": 2}
    assert apply_overrides(given, ["a.b=[1, 2]", "d.e=1e-3"]) == {"a": {"b": [1, 2]}, "c": 2, "d": {"e": 1e-3}}
    assert given == {"a": {"b": 1}, "c": 2}
    with pytest.raises(ConfigError, match="c is the value 2"):
        apply_overrides(given, ["c.d=1"])


def test_modes_are_compared_on_the_same_episodes() -> None:
    mean, spiral = np.array([True] * 9 + [False]), np.array([True] * 3 + [False] * 6 + [True])
    pair = paired_figures({"mean": mean, "spiral": spiral})["mean_against_spiral"]
    assert (pair["only_mean"], pair["only_spiral"], pair["both"], pair["neither"]) == (6, 1, 3, 0)
    assert pair["p_value"] == pytest.approx(2 * (1 + 7) / 2**7)
    assert paired_figures({"mean": mean}) == {}
    assert parse_modes("spiral, mean") == ("spiral", "mean")
    with pytest.raises(ConfigError, match="twice"):
        parse_modes("mean,mean")
