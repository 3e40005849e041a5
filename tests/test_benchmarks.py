"""The parts of the benchmarks that compute: ratios, scores, times to a return, plans. Nothing is trained here."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

# The benchmarks are scripts that import each other by name.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks" / "peers"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import contenders
import environment
import learning_curves
import provenance
import returns
import speed
import time_to_return
from contenders import ContenderError, Run
from learning_curves import LearningCurves, ResultError

BENCHMARKS = Path(contenders.__file__).parent


def make_result(contender: str, env: str, seed: int, values: list[float], pace: float = 0.01) -> dict[str, Any]:
    """A result whose evaluations are 5000 steps apart and whose training takes `pace` seconds a step."""
    steps = [5000 * (number + 1) for number in range(len(values))]
    return {
        "contender": contender,
        "env": env,
        "seed": seed,
        "steps": 100_000,
        "evaluations": [
            {"step": step, "wall_s": pace * step, "cpu_s": pace * step / 2, "mean_return": value, "returns": [value]}
            for step, value in zip(steps, values, strict=True)
        ],
        "provenance": provenance.provenance(["python", "benchmarks/returns.py"]),
    }


def rising(final: float) -> list[float]:
    """Twenty returns in a straight line from 0 to `final`."""
    return [float(value) for value in np.linspace(0.0, final, 20)]


def make_curves(values: list[list[float]], pace: float = 0.01) -> LearningCurves:
    results = [make_result("maxent_robot", "Hopper-v5", seed, row, pace) for seed, row in enumerate(values, 1)]
    return learning_curves.learning_curves(results)["maxent_robot", "Hopper-v5", 100_000]


# Scores and curves


def test_score_is_the_mean_of_the_last_three_evaluations_up_to_the_step() -> None:
    curves = make_curves([[1, 2, 3, 4, 5, 6], [0, 0, 30, 60, 90, 600]])
    assert curves.scores(25_000).tolist() == [4.0, 60.0]
    assert curves.scores(29_999).tolist() == [4.0, 60.0]
    assert curves.scores(30_000).tolist() == [5.0, 250.0]


def test_score_of_too_short_a_run_is_refused() -> None:
    with pytest.raises(ResultError, match="2 evaluations up to 10000 steps; a score needs 3"):
        make_curves([[1, 2, 3]]).scores(10_000)


def test_the_smoothed_curve_ends_in_the_score() -> None:
    values = list(np.random.default_rng(0).normal(size=20))
    curves = make_curves([values])
    assert learning_curves.trailing_mean(np.array(values))[-1] == pytest.approx(curves.scores(100_000)[0])
    assert learning_curves.trailing_mean(np.array([1.0, 2.0])).size == 0


def test_time_to_a_level_lies_on_the_line_between_evaluations() -> None:
    curves = make_curves([[0, 0, 0, 30, 60]])  # smoothed 0, 10, 30 at 150, 200, 250 s
    assert curves.time_to(5.0, "wall_s") == pytest.approx(175.0)
    assert curves.time_to(20.0, "wall_s") == pytest.approx(225.0)
    assert curves.time_to(20.0, "cpu_s") == pytest.approx(112.5)
    assert curves.time_to(30.0, "wall_s") == pytest.approx(250.0)


def test_time_to_a_level_that_is_there_from_the_start_and_one_that_is_never_reached() -> None:
    curves = make_curves([[10, 10, 10, 20]])
    assert curves.time_to(5.0, "wall_s") == pytest.approx(150.0)
    assert curves.time_to(20.0, "wall_s") is None


def test_time_to_a_level_is_the_first_one_of_a_curve_that_falls_again() -> None:
    assert make_curves([[0, 0, 0, 30, 30, 30, 0, 0, 0, 30, 30, 30]]).time_to(30.0, "wall_s") == pytest.approx(300.0)


def test_interquartile_mean_leaves_out_a_quarter_at_each_end() -> None:
    assert learning_curves.interquartile_mean([100, 2, 4, -100]) == 3.0
    assert learning_curves.interquartile_mean(range(8)) == 3.5
    assert learning_curves.interquartile_mean([1, 2, 3]) is None


def test_curves_keep_the_evaluations_that_all_seeds_have() -> None:
    results = [make_result("maxent_robot", "Hopper-v5", seed, rising(9)[:count]) for seed, count in ((2, 5), (1, 4))]
    curves = learning_curves.learning_curves(results)["maxent_robot", "Hopper-v5", 100_000]
    assert curves.seeds == (1, 2)
    assert curves.steps.tolist() == [5000, 10_000, 15_000, 20_000]
    assert curves.of_seeds([2]).seeds == (2,)
    assert curves.of_seeds([2]).returns.shape == (1, 4)


def test_a_damaged_result_is_named(tmp_path: Path) -> None:
    path = tmp_path / "maxent_robot" / "Hopper-v5" / "seed_1.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"evaluations": [', encoding="utf-8")
    with pytest.raises(ResultError, match=r"seed_1\.json: can't be read"):
        learning_curves.load_results(tmp_path)


# Time to the return of the reference


def compare(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    comparison = time_to_return.compare(
        *(next(iter(learning_curves.learning_curves([result]).values())) for result in (ours, theirs))
    )
    assert comparison is not None
    return comparison


def test_equal_curves_take_equal_time_and_a_faster_one_its_share() -> None:
    reference = make_result("stable_baselines3", "Hopper-v5", 1, rising(1000))
    same = compare(make_result("maxent_robot", "Hopper-v5", 1, rising(1000)), reference)
    assert same["wall_s"] == {"contender": 1000.0, "reference": 1000.0, "share": 1.0}
    assert same["cpu_s"]["reference"] == 500.0
    quick = compare(make_result("maxent_robot", "Hopper-v5", 1, rising(1000), pace=0.003), reference)
    assert quick["wall_s"]["share"] == pytest.approx(0.3)
    steep = compare(make_result("maxent_robot", "Hopper-v5", 1, rising(4000)), reference)
    assert 0.2 < steep["wall_s"]["share"] < 0.35


def test_a_return_that_is_never_reached_has_no_share_and_counts_as_slower() -> None:
    reference = make_result("stable_baselines3", "Hopper-v5", 1, rising(1000))
    comparison = compare(make_result("maxent_robot", "Hopper-v5", 1, rising(500)), reference)
    assert comparison["wall_s"] == {"contender": None, "reference": 1000.0, "share": None}
    verdict = time_to_return.verdict({"Hopper-v5": comparison}, "wall_s")
    assert verdict == {"fast": [], "slower": ["Hopper-v5"], "met": False}
    assert "| never | 16.7 | - | - |" in time_to_return.table({"maxent_robot": {"Hopper-v5": comparison}})


def test_only_seeds_in_common_are_compared() -> None:
    ours = make_curves([rising(10), rising(20)])
    theirs = make_curves([rising(10), rising(20), rising(1000)])
    comparison = time_to_return.compare(ours, theirs)
    assert comparison is not None
    assert comparison["seeds"] == [1, 2]
    assert comparison["wall_s"]["share"] == 1.0
    assert time_to_return.compare(ours, theirs.of_seeds([3])) is None


@pytest.mark.parametrize(
    ("shares", "met"),
    [
        ([0.4, 0.3, 0.2, 1.0, 0.9], True),
        ([0.41, 0.3, 0.2, 0.9, 0.9], False),
        ([0.1, 0.1, 0.1, 0.1, 1.01], False),
        ([0.1, 0.1, 0.1, 0.1, None], False),
        ([0.1, 0.1, 0.1, 0.1], False),
    ],
)
def test_verdict_wants_three_fast_tasks_of_five_and_no_slower_one(shares: list[float | None], met: bool) -> None:
    tasks = {env: {"wall_s": {"share": share}} for env, share in zip(returns.TASKS, shares, strict=False)}
    assert time_to_return.verdict(tasks, "wall_s")["met"] is met


# Speed


def fake_measure(contender: str, threads: int, number: int) -> dict[str, Any]:
    """Ours is twice as fast as one peer and three times as fast as the other; every round is slower than the last."""
    seconds = {"maxent_robot": 10, "stable_baselines3": 20, "cleanrl": 30}[contender] * (number + 1) / threads
    return {
        "pace": {"steps": 1000, "wall_s": seconds},
        "versions": {"torch": "2.13.0"},
        "settings": {"batch_size": 256},
    }


def test_ratios_are_taken_within_a_round() -> None:
    rounds = speed.run_rounds(fake_measure, [2, 1], 3)
    figures = speed.document(rounds, provenance.provenance(["python", "benchmarks/speed.py"]), "HalfCheetah-v5", 1000)
    assert figures["ratio"] == {"stable_baselines3": 2.0, "cleanrl": 3.0}
    assert figures["ratio_one_thread"] == {"stable_baselines3": 2.0, "cleanrl": 3.0}
    assert figures["median_steps_per_s"]["1"]["maxent_robot"] == 50.0
    assert figures["n"] == 3
    assert len(figures["rounds"]) == 6
    assert {"command", "revision", "date", "machine", "versions", "settings"} <= set(figures)
    assert {"cpu", "cores", "load_average"} == set(figures["machine"])
    json.dumps(figures, allow_nan=False)


def test_the_median_ratio_of_uneven_rounds() -> None:
    paces = [(100, 50, 25), (90, 30, 30), (10, 10, 10)]
    rounds = [
        {"threads": 2, "round": number, "steps_per_s": dict(zip(speed.CONTENDERS, row, strict=True))}
        for number, row in enumerate(paces, 1)
    ]
    summary = speed.summarise(rounds)
    assert summary["ratio"] == {"stable_baselines3": 2.0, "cleanrl": 3.0}
    assert summary["ratio_range"] == {"stable_baselines3": [1.0, 3.0], "cleanrl": [1.0, 4.0]}
    assert "ratio_one_thread" not in summary


def test_the_order_of_contenders_turns_from_round_to_round() -> None:
    order: list[str] = []

    def measure(contender: str, threads: int, number: int) -> dict[str, Any]:
        order.append(contender)
        return fake_measure(contender, threads, number)

    speed.run_rounds(measure, [1], 2)
    assert order[:3] == order[3:][::-1]


# The plan of returns.py


def test_plan_has_the_seeds_that_are_asked_for_and_no_run_twice() -> None:
    plan = returns.make_plan()
    assert len(set(plan)) == len(plan)
    assert len({returns.result_path(run) for run in plan}) == len(plan)
    for contender in returns.COMPARED:
        for env in returns.TASKS:
            seeds = {run.seed for run in plan if (run.contender, run.env, run.steps) == (contender, env, 100_000)}
            assert seeds == ({1, 2, 3} if env in returns.REPEATED_TASKS else {1})
    assert {run.env for run in plan if run.steps == 300_000} == {"HalfCheetah-v5", "Hopper-v5"}


def test_contenders_take_turns_in_the_plan() -> None:
    plan = [run for run in returns.make_plan() if run.steps == 100_000]
    count = len(returns.COMPARED)
    for start in range(0, len(plan), count):
        group = plan[start : start + count]
        assert {run.contender for run in group} == set(returns.COMPARED)
        assert len({(run.env, run.seed) for run in group}) == 1


def test_runs_that_have_a_file_are_not_made_again(tmp_path: Path) -> None:
    plan = returns.make_plan()
    path = returns.result_path(plan[3], tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text("{}", encoding="utf-8")
    assert returns.missing(plan, tmp_path) == plan[:3] + plan[4:]
    long = Run("maxent_robot", "Hopper-v5", 1, 300_000)
    assert returns.result_path(long, tmp_path) == tmp_path / "maxent_robot" / "Hopper-v5" / "seed_1_300k.json"


def test_selection_by_contender_and_environment() -> None:
    plan = returns.make_plan()
    assert {run.contender for run in returns.select(plan, "stable_baselines3")} == {"stable_baselines3"}
    assert {run.env for run in returns.select(plan, "/Ant-v5")} == {"Ant-v5"}
    assert {(run.contender, run.env) for run in returns.select(plan, "maxent_robot/Hopper-v5")} == {
        ("maxent_robot", "Hopper-v5")
    }
    with pytest.raises(ContenderError, match="no such run; contenders are stable_baselines3, maxent_robot"):
        returns.select(plan, "sbx")


# Running


def stub(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Let every contender be `program`, which is given the path of its result as its only argument."""

    def command(run: Run, threads: int, evaluate: bool, directory: Path) -> list[str]:
        return [sys.executable, "-c", program, str(directory / contenders.RESULT_FILE)]

    monkeypatch.setattr(contenders, "command", command)


WRITES_A_RESULT = """
import json, pathlib, sys
run = pathlib.Path(sys.argv[1]).parent / "run"
run.mkdir()
(run / "config.yaml").write_text("learner: {n_step: 1}\\ntrainer: {num_envs: 1}\\n")
row = {"step": 5000, "training_s": 60.0, "wall_s": 70.0, "cpu_s": 50.0, "mean_return": 7.0, "returns": [6.0, 8.0]}
pace = {"steps": 4900, "wall_s": 59.0}
json.dump({"evaluations": [row], "pace": pace, "command": "maxent-robot train"}, open(sys.argv[1], "w"))
"""
RUN = Run("maxent_robot", "Hopper-v5", 1, 100_000)


def test_a_run_leaves_its_figures_with_their_origin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stub(monkeypatch, WRITES_A_RESULT)
    assert returns.make_runs([RUN], jobs=2, minutes=1.0, results=tmp_path) == 0
    figures = json.loads(returns.result_path(RUN, tmp_path).read_text(encoding="utf-8"))
    assert figures["evaluations"] == [
        {"step": 5000, "wall_s": 60.0, "cpu_s": 50.0, "mean_return": 7.0, "returns": [6.0, 8.0]}
    ]
    assert figures["pace"] == {"steps": 4900, "wall_s": 59.0}
    assert {"command", "revision", "date", "machine"} == set(figures["provenance"])
    assert figures["settings"] == {"learner": {"n_step": 1}, "trainer": {"num_envs": 1}}
    assert {"algorithm", "env", "seed", "steps", "threads", "versions", "date"} <= set(figures)


def test_a_recorded_command_says_nothing_of_the_machine() -> None:
    words = [sys.executable, str(BENCHMARKS / "speed.py"), "--json", "my figures.json"]
    assert provenance.portable(words) == "python benchmarks/speed.py --json 'my figures.json'"


def test_a_run_that_fails_leaves_nothing_and_is_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stub(monkeypatch, "raise SystemExit('no such environment')")
    assert returns.make_runs([RUN], jobs=1, minutes=1.0, results=tmp_path) == 1
    assert list(tmp_path.rglob("*.json")) == []
    assert "no such environment" in capfd.readouterr().err


def test_no_run_begins_when_the_time_is_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stub(monkeypatch, WRITES_A_RESULT)
    assert returns.make_runs([RUN], jobs=1, minutes=0.0, results=tmp_path) == 0
    assert list(tmp_path.rglob("*.json")) == []


def test_an_interrupted_campaign_ends_its_children_and_leaves_no_half_file(tmp_path: Path) -> None:
    program = f"""
import sys
sys.path[:0] = [{str(BENCHMARKS)!r}]
import command_line, contenders, returns
from pathlib import Path
sleeper = "import os, sys, time; open({str(tmp_path / "child")!r}, 'w').write(str(os.getpid())); time.sleep(60)"
contenders.command = lambda run, threads, evaluate, directory: [sys.executable, "-c", sleeper]
command_line.end_in_order()
run = contenders.Run("maxent_robot", "Hopper-v5", 1, 100_000)
returns.make_runs([run], 1, 1.0, Path({str(tmp_path / "results")!r}))
"""
    campaign = subprocess.Popen([sys.executable, "-c", program])
    try:
        child = tmp_path / "child"
        deadline = time.monotonic() + 30.0
        while not (child.is_file() and child.read_text()):
            assert campaign.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        campaign.send_signal(signal.SIGTERM)
        assert campaign.wait(20) == 128 + signal.SIGTERM
    finally:
        campaign.kill()
        campaign.wait()
    assert not Path(f"/proc/{child.read_text()}").exists()
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("contender", contenders.CONTENDERS)
def test_every_contender_is_given_the_task_and_the_threads(contender: str, tmp_path: Path) -> None:
    words = contenders.command(Run(contender, "Ant-v5", 3, 5000), 2, True, tmp_path)
    text = " ".join(words)
    assert "--env Ant-v5 --seed 3 --steps 5000" in text
    assert str(tmp_path / contenders.RESULT_FILE) in words
    assert "--threads 2" in text or "trainer.threads=2" in text


# Report


def test_report_shows_what_there_is() -> None:
    results = [
        make_result(contender, env, seed, rising(height * seed))
        for contender, height in (("stable_baselines3", 1000), ("maxent_robot_crossq", 2000))
        for env in ("HalfCheetah-v5", "Hopper-v5")
        for seed in (1, 2)
    ]
    page = returns.report(results)
    assert "| HalfCheetah-v5 | Stable-Baselines3 | 2 | 1421 (947 to 1895) | 1.00 | 16.7 | 8.3 |" in page
    assert "| Hopper-v5 | maxent_robot, CrossQ | 2 | 2842 (1895 to 3789) | 2.00 |" in page
    assert "Stable-Baselines3 1.00 (n = 4); maxent_robot, CrossQ 2.00 (n = 4)" in page
    assert "Walker2d" not in page
    assert "At 300,000" not in page


def test_report_and_figure_are_written(tmp_path: Path) -> None:
    run = Run("stable_baselines3", "Hopper-v5", 1, 100_000)
    path = returns.result_path(run, tmp_path / "returns")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(make_result("stable_baselines3", "Hopper-v5", 1, rising(10))), encoding="utf-8")
    returns.write_report(tmp_path / "returns")
    assert (tmp_path / "returns.md").read_text(encoding="utf-8").startswith("# Returns")
    assert (tmp_path / "returns.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ContenderError, match="no results"):
        returns.write_report(tmp_path / "empty")


# The peers' environment


def test_environment_is_out_of_date_when_a_pin_changes_but_not_when_a_comment_does(tmp_path: Path) -> None:
    pins = tmp_path / "requirements.txt"
    pins.write_text("torch==2.13.0\n", encoding="utf-8")
    made = tmp_path / ".venv"
    made.mkdir()
    assert not environment.is_current(made, pins)
    (made / environment.STAMP).write_text(environment.fingerprint(pins) + "\n", encoding="utf-8")
    assert environment.is_current(made, pins)
    pins.write_text("# what the figures were measured with\ntorch==2.13.0  # CPU\n", encoding="utf-8")
    assert environment.is_current(made, pins)
    pins.write_text("torch==2.14.0\n", encoding="utf-8")
    assert not environment.is_current(made, pins)


def test_every_peer_is_pinned() -> None:
    lines = environment.REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    pins = [line.partition("#")[0].strip() for line in lines if line.partition("#")[0].strip()]
    assert {pin.partition("==")[0] for pin in pins} >= {"stable-baselines3", "torch", "gymnasium", "mujoco", "numpy"}
    assert all(pin.partition("==")[2] for pin in pins)
