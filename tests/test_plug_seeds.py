"""The benchmark of the training seeds: one small seed from training to its figures, and the report."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import plug_seeds
from contenders import ContenderError

SMALL = {
    "learner.hidden_sizes": "[8,8]",
    "trainer.num_envs": "2",
    "trainer.warmup_steps": "20",
    "trainer.minimum_steps": "0",
    "trainer.evaluation_interval_steps": "20",
    "trainer.evaluation_episodes": "2",
    "trainer.deployable_critic_updates": "1",
}


def test_a_seed_is_trained_played_and_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
    commands: list[str] = []
    run = plug_seeds.maxent_robot

    def small(arguments: list[str]) -> None:
        commands.append(arguments[0])
        run([*arguments, *(["--steps", "40", "--quiet", *settings] if arguments[0] == "train" else [])])

    monkeypatch.setattr(plug_seeds, "maxent_robot", small)
    monkeypatch.setattr(plug_seeds, "EPISODES", 2)
    plug_seeds.measure(1, tmp_path / "runs", tmp_path / "plug_seeds")
    plug_seeds.train(1, tmp_path / "runs" / "seed_1")
    assert commands == ["train", "export", "evaluate", "evaluate", "evaluate"]
    figures = json.loads((tmp_path / "plug_seeds" / "seed_1.json").read_text(encoding="utf-8"))
    assert [record["step"] for record in figures["training"]["evaluations"]] == [20, 40]
    assert set(figures["evaluation"]["circumstances"]) == set(plug_seeds.CIRCUMSTANCES)
    assert all(played["episodes"] == 2 for played in figures["evaluation"]["circumstances"].values())
    plug_seeds.write_report(tmp_path / "plug_seeds")
    page = (tmp_path / plug_seeds.REPORT).read_text(encoding="utf-8")
    assert "| 1 | never |" in page
    assert (tmp_path / plug_seeds.FIGURE).read_bytes().startswith(b"\x89PNG")
    capfd.readouterr()


def test_the_time_to_success_is_that_of_the_first_evaluation_that_has_it() -> None:
    records = [{"wall_s": 60.0 * k, "success": success} for k, success in enumerate([0.5, 0.95, 0.9, 0.99])]
    assert plug_seeds.seconds_to_success({"training": {"evaluations": records}}) == 60.0
    assert plug_seeds.seconds_to_success({"training": {"evaluations": records[:1]}}) is None


def test_what_fails_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(ContenderError, match=r"maxent-robot export .* ended with status 2"):
        plug_seeds.evaluate(tmp_path / "nothing")
    with pytest.raises(ContenderError, match="no results in"):
        plug_seeds.load_results(tmp_path)


def test_the_committed_figures_keep_what_the_skill_promises() -> None:
    for figures in plug_seeds.load_results():
        played = figures["evaluation"]["circumstances"]
        assert all(r["success"] >= bar for r, bar in zip(played.values(), (0.99, 0.95, 0.95), strict=True))
        assert all(record["time_s"]["median"] <= 3.0 for record in played.values())
        assert all(record["peak_force_n"]["p95"] <= 15.0 for record in played.values())
        assert (plug_seeds.seconds_to_success(figures) or 1e9) <= 360.0
