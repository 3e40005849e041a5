"""The benchmark of the options of learning: its plan, a small run of it, and its report."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import plug_options
from contenders import ContenderError
from plug_options import OptionRun

from maxent_robot.learning.run_directory import train_config


@pytest.mark.parametrize("option", plug_options.OPTIONS)
def test_an_option_is_one_change_of_what_is_shipped(option: str) -> None:
    base, changed = (train_config("plug_insertion", plug_options.OPTIONS[name]) for name in (plug_options.BASE, option))
    assert (base == changed) == (option == plug_options.BASE)


def test_all_options_come_with_the_first_seed_before_the_second() -> None:
    plan = plug_options.make_plan()
    assert [run.seed for run in plan] == sorted(run.seed for run in plan)
    assert len(set(plan)) == len(plan) == len(plug_options.SEEDS) * len(plug_options.OPTIONS)
    assert len({run.path() for run in plan}) == len(plan)


def result(successes: list[int]) -> dict[str, Any]:
    """What a training run writes, as far as it is read; evaluations do not quite end on round numbers."""
    return {
        "evaluations": [
            {
                "step": 50_000 * number + 8,
                "training_s": 60.0 * number,
                "cpu_s": 90.0 * number,
                "success": count / 200,
                "successes": count,
                "episodes": 200,
                "median_time_s": 3.0 if count else None,
                "p95_force_n": 12.0,
            }
            for number, count in enumerate(successes, 1)
        ]
    }


def test_report_pools_seeds_and_shows_their_spread(tmp_path: Path) -> None:
    for option, seed, successes in (
        (plug_options.BASE, 1, [100, 120, 160, 190]),
        (plug_options.BASE, 2, [120, 140, 170, 194]),
        ("n-step 1", 1, [0, 0, 0, 0]),
    ):
        run = OptionRun(option, seed)
        run.path(tmp_path / "x").parent.mkdir(parents=True, exist_ok=True)
        figures = plug_options.figures_of(run, result(successes))
        run.path(tmp_path / "x").write_text(json.dumps(figures), encoding="utf-8")
    plug_options.write_report(tmp_path / "x")
    page = (tmp_path / plug_options.REPORT).read_text(encoding="utf-8")
    shares = "55.0 % (50.0 to 60.0) | 65.0 % (60.0 to 70.0) | 82.5 % (80.0 to 85.0) | 96.0 % (95.0 to 97.0)"
    assert f"| as shipped | 2 | {shares} | 93.6 to 97.5 % | 3.00 s | 12.0 N | 6.0 |" in page
    assert "| n-step 1 | 1 | 0.0 % | 0.0 % | 0.0 % | 0.0 % | 0.0 to 1.9 % |  | 12.0 N | 6.0 |" in page
    assert "CrossQ" not in page
    assert (tmp_path / plug_options.FIGURE).read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ContenderError, match="no results"):
        plug_options.write_report(tmp_path / "empty")


def test_a_run_leaves_its_figures_and_a_failure_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = {
        **plug_options.COMMON,
        "learner.hidden_sizes": "[8,8]",
        "trainer.num_envs": "2",
        "trainer.warmup_steps": "20",
        "trainer.evaluation_interval_steps": "20",
        "trainer.evaluation_episodes": "2",
    }
    monkeypatch.setattr(plug_options, "COMMON", small)
    monkeypatch.setattr(plug_options, "STEPS", 40)
    broken = {**plug_options.OPTIONS, "n-step 1": ["learner.n_step=0"]}
    monkeypatch.setattr(plug_options, "OPTIONS", broken)
    runs = [OptionRun("demonstrations", 1), OptionRun("n-step 1", 1)]
    assert plug_options.make_runs(runs, 2, tmp_path) == 1
    assert "learner.n_step: 0 is too small" in capsys.readouterr().err
    figures = json.loads(runs[0].path(tmp_path).read_text(encoding="utf-8"))
    assert [record["step"] for record in figures["evaluations"]] == [20, 40]
    assert figures["evaluations"][0]["episodes"] == 2
    assert figures["provenance"]["command"].startswith("maxent-robot train plug_insertion --seed 1 --steps 40")
    assert not runs[1].path(tmp_path).exists()
