"""`maxent-robot compare`: which runs are one group, and figures against those computed by hand."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maxent_robot.cli.main import main
from maxent_robot.config import to_mapping
from maxent_robot.errors import ConfigError
from maxent_robot.learning.comparison.figures import (
    bootstrap_interval,
    group_figures,
    interquartile_mean,
    overall_figures,
    success_figures,
)
from maxent_robot.learning.comparison.report import draw_curves, format_report, write_tables
from maxent_robot.learning.comparison.run_groups import RunGroup, find_runs, group_runs
from maxent_robot.learning.run_directory import train_config
from maxent_robot.trials.statistics import wilson_interval
from maxent_robot.yaml_file import write_yaml


def settings(env: str, seed: int, *assignments: str) -> dict[str, Any]:
    ids = [f"{place}.id={env}" for place in ("environment", "evaluation_environment")]
    return to_mapping(train_config("gymnasium", [*ids, *assignments, f"seed={seed}"]))


def write_run(
    directory: Path,
    seed: int,
    returns: Sequence[float],
    *assignments: str,
    env: str = "Pendulum-v1",
    speed: float = 1.0,
) -> Path:
    """A finished run with an evaluation every 100 steps, which take `1 / speed` s each."""
    directory.mkdir(parents=True)
    write_yaml(directory / "config.yaml", settings(env, seed, *assignments))
    records = [
        {"step": 100 * i, "training_s": 100 * i / speed, "episodes": 2, "mean_return": value, "returns": [value, value]}
        for i, value in enumerate(returns, 1)
    ]
    best = max(records, key=lambda record: float(record["mean_return"]))  # type: ignore[arg-type]
    (directory / "result.json").write_text(json.dumps({"seed": seed, "best": best, "evaluations": records}))
    return directory


def groups_of(*sources: Path, separate: bool = False) -> list[RunGroup]:
    finished, _ = find_runs([str(source) for source in sources])
    return group_runs(finished, separate)


def ending_with(score: float) -> list[float]:
    """Returns whose last three have the mean `score`."""
    return [-5000.0, score - 2.0, score + 3.0, score - 1.0]


def test_each_score_stays_with_its_group_and_its_seed(tmp_path: Path) -> None:
    grid = [(n, seed) for seed in (3, 1, 2) for n in (1, 5)]
    places = [
        write_run(tmp_path / f"{number}", seed, ending_with(1000 * n + seed), f"learner.n_step={n}")
        for number, (n, seed) in enumerate(grid)
    ]
    groups = groups_of(*places)
    assert [group.label for group in groups] == [f"Pendulum-v1 sac learner.n_step={n}" for n in (1, 5)]
    for group, n in zip(groups, (1, 5), strict=True):
        figures = group_figures(group)
        assert figures["seeds"] == [1, 2, 3]
        assert figures["scores"] == pytest.approx([1000 * n + 1, 1000 * n + 2, 1000 * n + 3])
        assert figures["differences"] == {"learner.n_step": n}
        assert figures["runs"] == [str(places[grid.index((n, seed))]) for seed in (1, 2, 3)]
    write_tables(tmp_path, groups, [group_figures(group) for group in groups])
    with (tmp_path / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 * 4
    for row in rows:
        n = int(row["group"].partition("n_step=")[2])
        expected = ending_with(1000 * n + int(row["seed"]))
        assert float(row["mean_return"]) == expected[int(row["step"]) // 100 - 1]
        assert row["run"] == str(places[grid.index((n, int(row["seed"])))])
    with (tmp_path / "summary.csv").open() as file:
        summary = list(csv.DictReader(file))
    assert [row["seeds"] for row in summary] == ["1 2 3", "1 2 3"]
    assert [float(row["mean_score"]) for row in summary] == pytest.approx([1002, 5002])


def test_the_interquartile_mean_is_that_of_the_middle_half(tmp_path: Path) -> None:
    scores = [30.0, 1000.0, 20.0, 40.0, 50.0, 60.0, 70.0, 10.0]
    for seed, score in enumerate(scores):
        write_run(tmp_path / f"{seed}", seed, ending_with(score), speed=2.0)
    (group,) = groups_of(*(tmp_path / f"{seed}" for seed in range(8)))
    figures = group_figures(group)
    assert figures["interquartile_mean"] == pytest.approx((30 + 40 + 50 + 60) / 4)
    assert figures["mean_score"] == pytest.approx(160)
    assert (figures["steps"], figures["training_min"]) == (400, pytest.approx(200 / 60))
    generator = np.random.default_rng(5)
    resamples = np.sort(generator.choice(scores, (50_000, 8)), axis=1)[:, 2:6].mean(axis=1)
    low, high = np.percentile(resamples, (2.5, 97.5))
    assert figures["interval"] == pytest.approx([low, high], abs=3.0)


def test_an_interval_of_three_values_reaches_from_the_least_to_the_greatest() -> None:
    # All three draws are the least one with a chance of 1/27, which is more than 2.5 %.
    low, high = bootstrap_interval(np.array([[1.0, 2.0, 9.0], [5.0, -4.0, 0.0]]))
    np.testing.assert_allclose(low, [1.0, -4.0])
    np.testing.assert_allclose(high, [9.0, 5.0])
    np.testing.assert_allclose(interquartile_mean(np.array([[1.0, 2.0, 9.0], [5.0, -4.0, 0.0]])), [4.0, 1.0 / 3.0])


def test_fewer_than_three_seeds_have_values_and_no_interval(tmp_path: Path) -> None:
    places = [write_run(tmp_path / f"{seed}", seed, ending_with(10.0 * seed)) for seed in (1, 2)]
    figures = [group_figures(group) for group in groups_of(*places)]
    assert figures[0]["interval"] is None
    text = format_report(figures, [])
    assert "10.0, 20.0" in text
    assert "no interval for fewer than 3 seeds" in text
    write_run(tmp_path / "3", 3, ending_with(30.0))
    figures = [group_figures(group) for group in groups_of(*places, tmp_path / "3")]
    text = format_report(figures, [])
    assert "10.0 to 30.0" in text
    assert "no interval for" not in text


def test_a_run_with_fewer_than_three_evaluations_is_scored_by_what_it_has(tmp_path: Path) -> None:
    (group,) = groups_of(write_run(tmp_path / "run", 1, [4.0, 8.0]))
    assert group.scores == pytest.approx([6.0])


def test_success_is_pooled_over_seeds_for_the_last_and_for_the_best_evaluation(tmp_path: Path) -> None:
    times = [2.0, None, 3.0]
    for seed, (last, best) in enumerate([(8, 9), (0, 6), (10, 10)]):
        directory = write_run(tmp_path / f"{seed}", seed, [0.0, 0.0])
        records = [
            {
                "step": step, "training_s": float(step), "mean_return": 0.0, "episodes": 10, "successes": count,
                "success": count / 10, "interval": [0.0, 1.0], "median_time_s": times[seed], "p95_force_n": 5.0 + seed,
            }
            for step, count in ((100, best), (200, last))
        ]  # fmt: skip
        (directory / "result.json").write_text(json.dumps({"best": records[0], "evaluations": records}))
    (group,) = groups_of(*(tmp_path / f"{seed}" for seed in range(3)))
    figures = group_figures(group)
    last, best = figures["success_last"], figures["success_best"]
    assert (last["successes"], last["episodes"], last["success"]) == (18, 30, 0.6)
    assert last["interval"] == list(wilson_interval(18, 30))
    assert (best["successes"], best["interval"]) == (25, list(wilson_interval(25, 30)))
    assert (last["median_time_s"], last["p95_force_n"]) == (2.5, 6.0)
    text = format_report([figures], [])
    assert "18/30 = 60.0 % [42.3, 75.4]" in text
    assert "2.50 s" in text
    steps, _, values = group.curves("success")
    np.testing.assert_array_equal(steps, [100, 200])
    np.testing.assert_array_equal(values, [[0.9, 0.8], [0.6, 0.0], [1.0, 1.0]])
    draw_curves(tmp_path / "curves.png", [group])
    assert success_figures([{**records[0], "median_time_s": None}])["median_time_s"] is None


def test_a_curve_has_the_evaluations_that_all_seeds_have(tmp_path: Path) -> None:
    places = [
        write_run(tmp_path / "a", 1, [1.0, 2.0, 3.0], speed=1.0),
        write_run(tmp_path / "b", 2, [10.0, 20.0], speed=0.5),
    ]
    (group,) = groups_of(*places)
    steps, times_s, values = group.curves("mean_return")
    np.testing.assert_array_equal(steps, [100, 200])
    np.testing.assert_allclose(times_s, [150.0, 300.0])
    np.testing.assert_array_equal(values, [[1.0, 2.0], [10.0, 20.0]])


def test_groups_are_told_apart_by_what_differs(tmp_path: Path) -> None:
    places = [
        write_run(tmp_path / "a", 1, [1.0], "learner.algorithm=td3"),
        write_run(tmp_path / "b", 1, [1.0]),
        write_run(tmp_path / "c", 1, [1.0], "environment.frames=4", "evaluation_environment.frames=4"),
        write_run(tmp_path / "d", 1, [1.0], env="HalfCheetah-v5"),
        write_run(tmp_path / "e", 2, [1.0]),
    ]
    assert [(group.label, len(group.runs)) for group in groups_of(*places)] == [
        ("Pendulum-v1 td3", 1),
        ("Pendulum-v1 sac environment.frames=default evaluation_environment.frames=default", 2),
        ("Pendulum-v1 sac environment.frames=4 evaluation_environment.frames=4", 1),
        ("HalfCheetah-v5 sac", 1),
    ]
    many = [f"learner.{key}=0.5" for key in ("discount", "target_rate", "target_noise", "exploration_noise")]
    groups = groups_of(places[1], write_run(tmp_path / "f", 1, [1.0], *many, "learner.n_step=7"))
    assert groups[1].label.endswith(" and 1 more")
    assert groups[1].differences["learner.n_step"] == 7


def test_the_same_seed_twice_is_one_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = (
        write_run(tmp_path / name, 1, ending_with(score)) for name, score in (("before", 5.0), ("after", 7.0))
    )
    with pytest.raises(ConfigError, match="have the same settings and seed 1: leave one out, or compare them by --sep"):
        groups_of(before, after)
    assert [len(group.runs) for group in groups_of(before, before)] == [1], "named twice is not there twice"
    assert main(["compare", str(before), str(after), "--separate"]) == 0
    shown = capsys.readouterr().out
    for place, score in ((before, "5.0"), (after, "7.0")):
        (line,) = [line for line in shown.splitlines() if f"sac {place} " in line]
        assert line.split()[-1] == score


def test_methods_over_tasks_are_shares_of_the_first_one(tmp_path: Path) -> None:
    scores = {
        ("Hopper-v5", 1): [100.0, 200.0, 300.0],
        ("Hopper-v5", 3): [400.0, 400.0, 400.0],
        ("Ant-v5", 1): [1000.0, 1000.0, 1000.0],
        ("Ant-v5", 3): [500.0, 500.0, 500.0],
    }
    for (env, n), values in scores.items():
        for seed, score in enumerate(values):
            write_run(tmp_path / env / f"{n}" / f"{seed}", seed, ending_with(score), f"learner.n_step={n}", env=env)
    groups = groups_of(*sorted(tmp_path.glob("Hopper-v5/*/*")), *sorted(tmp_path.glob("Ant-v5/*/*")))
    first, second = overall_figures(groups)
    assert (first["method"], first["runs"], first["tasks"]) == ("sac learner.n_step=1", 6, ["Hopper-v5", "Ant-v5"])
    # Shares 0.5, 1, 1.5 and three times 1: the four in the middle are all 1.
    assert first["interquartile_mean"] == pytest.approx(1.0)
    # Shares three times 2 and three times 0.5, in every resample of the strata: the middle is 0.5, 0.5, 2, 2.
    assert second["interquartile_mean"] == pytest.approx(1.25)
    assert second["interval"] == pytest.approx([1.25, 1.25]), "resampled within the tasks"
    assert "all tasks" in format_report([group_figures(group) for group in groups], [first, second])
    assert overall_figures(groups[:2]) == [], "one task"
    negative = [
        write_run(tmp_path / "negative" / f"{n}{seed}", seed, ending_with(-9.0), f"learner.n_step={n}")
        for n in (1, 3)
        for seed in (1, 2)
    ]
    assert overall_figures([*groups, *groups_of(*negative)]) == [], "a share of a negative score"


def test_the_command_names_what_has_not_ended_and_writes_its_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = tmp_path / "campaign"
    for n in (1, 3):
        for seed in (1, 2, 3):
            write_run(campaign / f"learner.n_step={n}" / f"seed_{seed}", seed, ending_with(n), f"learner.n_step={n}")
    (campaign / "learner.n_step=3" / "seed_3" / "result.json").unlink()
    write_yaml(
        campaign / "campaign.yaml", {"name": "gymnasium", "seeds": [1, 2, 3], "sweep": {"learner.n_step": [1, 3]}}
    )
    other = write_run(tmp_path / "other", 9, ending_with(2.0), "learner.n_step=9")
    out = tmp_path / "deep" / "out"
    words = ["compare", str(campaign), str(other), "--output", str(out), "--json", str(tmp_path / "figures.json")]
    assert main(words) == 0
    unfinished = str(campaign / "learner.n_step=3" / "seed_3")
    assert f"left out, because they have not ended: {unfinished}\n" in capsys.readouterr().out
    document = json.loads((tmp_path / "figures.json").read_text())
    assert [(row["method"], row["seeds"]) for row in document["groups"]] == [
        ("sac learner.n_step=1", [1, 2, 3]),
        ("sac learner.n_step=3", [1, 2]),
        ("sac learner.n_step=9", [9]),
    ]
    assert document["unfinished"] == [unfinished]
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in out.iterdir()} == {"curves.png", "curves.csv", "summary.csv"}


def test_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", 1, [1.0])
    (tmp_path / "empty").mkdir()
    result = json.loads((run / "result.json").read_text())

    def error(*words: str) -> str:
        assert main(["compare", *words]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        return said

    assert "is neither a training run nor a campaign" in error(str(run), str(tmp_path / "empty"))
    for damage in ("{", json.dumps({**result, "evaluations": []}), json.dumps({"evaluations": [{"step": 1}]}), "3"):
        (run / "result.json").write_text(damage)
        assert "result.json: is not the result of a run" in error(str(run))
    (run / "result.json").unlink()
    assert "none of the 1 runs has ended" in error(str(run))


def test_a_comparison_needs_no_pytorch(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", 1, [1.0])
    code = (
        "import sys\nclass Absent:\n    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'torch':\n            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Absent())\nfrom maxent_robot.cli.main import main\n"
        f"sys.exit(main(['compare', {str(run)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
