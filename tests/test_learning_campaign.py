"""Several runs by one command: the grid, processes that die or are stopped, and going on with what is left."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import ExpectMistake

from maxent_robot.cli.main import main
from maxent_robot.directory_lock import locked
from maxent_robot.errors import ConfigError
from maxent_robot.learning import run_directory, run_files
from maxent_robot.learning.campaigns import campaign
from maxent_robot.learning.campaigns.campaign import (
    campaign_runs,
    find_campaign,
    load_campaign,
    make_campaign,
    new_campaign,
    parse_seeds,
    parse_sweep,
)
from maxent_robot.learning.overrides import apply_overrides
from maxent_robot.yaml_file import read_yaml

SMALL = [
    "train", "--env", "Pendulum-v1", "--quiet", "--steps", "1200",
    "--set", "learner.hidden_sizes=[16, 16]", "--set", "learner.batch_size=16",
    "--set", "trainer.evaluation_episodes=2", "--set", "trainer.evaluation_interval_steps=400",
    "--set", "trainer.checkpoint_interval_s=0.02",
]  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign that nothing interrupts: two values of n_step, two seeds."""
    directory = tmp_path_factory.mktemp("whole") / "campaign"
    words = [*SMALL, "--seeds", "1-2", "--sweep", "learner.n_step=1,3", "--output", str(directory)]
    assert main(words) == 0
    return directory


def evaluations(run: Path) -> list[tuple[int, list[float]]]:
    """Steps and returns of the evaluations of a run, which its settings and its seed determine."""
    result = json.loads((run / "result.json").read_text())
    return [(record["step"], record["returns"]) for record in result["evaluations"]]


class Once(threading.Thread):
    """Sends a signal when a checkpoint is there, once; `sent` says that the run had not ended by then."""

    def __init__(self, run: Path, number: signal.Signals, receiver: Callable[[], int]) -> None:
        super().__init__()
        self.run_directory, self.number, self.receiver = run, number, receiver
        self.sent = False

    def run(self) -> None:
        deadline = time.monotonic() + 60.0
        while time.monotonic() < deadline:
            if (self.run_directory / "checkpoint" / "checkpoint.pt").is_file():
                os.kill(self.receiver(), self.number)
                self.sent = not (self.run_directory / "result.json").exists()
                return
            time.sleep(0.01)


@pytest.mark.parametrize(
    ("text", "seeds"), [("1,2,3", (1, 2, 3)), ("1-5", (1, 2, 3, 4, 5)), ("0-1, 7", (0, 1, 7)), ("4", (4,))]
)
def test_seeds_are_numbers_and_ranges(text: str, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "1,", "3-1", "a", "1;2", "1.5", "-1", "1--3"])
def test_seeds_written_otherwise_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--seeds .*: must be whole numbers or ranges"):
        parse_seeds(text)


def test_values_of_a_sweep_are_yaml() -> None:
    texts = ["learner.n_step=1,3", "learner.hidden_sizes=[256,256],[16]", "a.b=true, x, 1e-3, 'p,q'"]
    assert parse_sweep(texts) == {
        "learner.n_step": [1, 3],
        "learner.hidden_sizes": [[256, 256], [16]],
        "a.b": [True, "x", 0.001, "p,q"],
    }


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["learner.n_step"], "must be key=value,value"),
        (["=1,2"], "must be key=value,value"),
        (["learner..n_step=1"], "must be key=value,value"),
        (["learner.n_step="], "must be key=value,value"),
        (["learner.n_step=1,,2"], "not YAML"),
        (["learner.hidden_sizes=[1,2"], "not YAML"),
        (["learner.n_step=1", "learner.n_step=3"], "is swept twice"),
    ],
)
def test_a_sweep_written_otherwise_is_refused(texts: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_sweep(texts)


def test_the_grid_is_every_variant_with_every_seed_and_reads_back(tmp_path: Path) -> None:
    sweep: dict[str, list[Any]] = {"learner.n_step": [1, 3], "learner.hidden_sizes": [[8, 8], [16]], "task": ["a/b c"]}
    asked = make_campaign("gymnasium", ["trainer.steps=10"], (4, 2), sweep)
    new_campaign(tmp_path / "campaign", asked)
    assert load_campaign(tmp_path / "campaign") == asked
    runs = campaign_runs(asked, tmp_path)
    assert [str(run.directory.relative_to(tmp_path)) for run in runs] == [
        f"learner.n_step={n},learner.hidden_sizes={sizes},task=a_b_c/seed_{seed}"
        for seed in (4, 2)
        for n in (1, 3)
        for sizes in ("8x8", "16")
    ]
    assert runs[2].assignments == (
        "trainer.steps=10", "learner.n_step=3", "learner.hidden_sizes=[8, 8]", "task=a/b c", "seed=4"
    )  # fmt: skip
    (plain,) = campaign_runs(make_campaign("gymnasium", [], (1,), {}), tmp_path)
    assert plain.directory == tmp_path / "base" / "seed_1"
    with pytest.raises(ConfigError, match="holds a campaign already"):
        new_campaign(tmp_path / "campaign", asked)


@pytest.mark.parametrize(
    "value", [1, 2.5, 1e-7, True, None, "tanh", "true", "3", "1e-3", "a: b", "", [1, [2.0, "x"]], {"k": "v"}]
)
def test_a_value_of_a_sweep_is_the_same_when_it_is_assigned(value: Any) -> None:
    (run,) = campaign_runs(make_campaign("gymnasium", [], (1,), {"environment.x": [value]}), Path())
    assert apply_overrides({}, run.assignments) == {"environment": {"x": value}, "seed": 1}


@pytest.mark.parametrize(
    ("assignments", "seeds", "sweep", "message"),
    [
        ([], (), {}, "seeds is empty"),
        ([], (1, 2, 1), {}, "seed 1 is given twice"),
        ([], (-1,), {}, "-1 is too small"),
        ([], (1,), {"learner.n_step": [2, 2]}, "sweep of learner.n_step: value 2 is given twice"),
        ([], (1,), {"learner.n_step": []}, "sweep of learner.n_step: no value"),
        (["learner.n_step=1"], (1,), {"learner.n_step": [2]}, "it is set already, by learner.n_step=1"),
        ([], (1,), {"seed": [2]}, "name the seeds by --seeds"),
        (["seed=3"], (1,), {}, "name the seeds by --seeds"),
    ],
)
def test_a_campaign_that_would_run_something_twice_is_refused(
    assignments: list[str], seeds: Sequence[int], sweep: dict[str, list[Any]], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_campaign("gymnasium", assignments, seeds, sweep)


def test_variants_whose_directories_can_not_be_made_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="two variants would have the directory 'task=a_b'"):
        campaign_runs(make_campaign("gymnasium", [], (1,), {"task": ["a/b", "a b"]}), tmp_path)
    with pytest.raises(ConfigError, match="a name of 305 bytes"):
        campaign_runs(make_campaign("gymnasium", [], (1,), {"task": ["x" * 300]}), tmp_path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seeds", "1,x"], "--seeds '1,x'"),
        (["--seeds", "1,1"], "seed 1 is given twice"),
        (["--seeds", "1,2", "--seed", "1"], "--seed for one run or --seeds for several"),
        (["--seeds", "1,2", "--set", "seed=1"], "name the seeds by --seeds"),
        (["--seeds", "1,2", "--jobs", "0"], "--jobs is 0"),
        (["--seeds", "1,2", "--json", "x.json"], "--json is for one run"),
        (["--seeds", "1,2", "--set", "learner.n_stop=1"], "did you mean 'n_step'"),
        (["--seeds", "1,2", "--algo", "dqn"], "'dqn', for continuous actions it must be one of"),
        (["--seeds", "1,2", "--env", "Pendulumm-v1"], "environment.id is 'Pendulumm-v1'"),
        (["--sweep", "learner.n_step=1,two"], "'two' is not a whole number"),
        (["--sweep", "learner.algorithm=sac,dqn"], "'dqn', for continuous actions it must be one of"),
        (["--sweep", "trainer.steps=10,20", "--steps", "5"], "it is set already, by trainer.steps=5"),
        (["--sweep", "learner.discount=1,1.0"], "come to the same settings"),
        (["--jobs", "2"], "--jobs and --ray are for several runs"),
        (["--seeds", "7", "--ray"], "--jobs and --ray are for several runs"),
        (["--resume", "nowhere", "--seeds", "1,2"], "--resume goes on with the run's own settings"),
        (["--resume", "nowhere", "--sweep", "learner.n_step=1"], "--resume goes on with the run's own settings"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    words: list[str], message: str, expect_mistake: ExpectMistake
) -> None:
    expect_mistake(["train", "--env", "Pendulum-v1", *words], message)


def test_each_run_is_the_one_that_its_settings_and_its_seed_make(whole: Path, tmp_path: Path) -> None:
    assert read_yaml(whole / "campaign.yaml")["sweep"] == {"learner.n_step": [1, 3]}
    found = {}
    for n in (1, 3):
        for seed in (1, 2):
            run = whole / f"learner.n_step={n}" / f"seed_{seed}"
            config = read_yaml(run / "config.yaml")
            assert (config["learner"]["n_step"], config["seed"]) == (n, seed)
            assert "best policy, after" in (run / "log.txt").read_text()
            found[n, seed] = evaluations(run)
    assert [step for step, _ in found[1, 1]] == [400, 800, 1200]
    assert len({json.dumps(each) for each in found.values()}) == 4
    assert main([*SMALL, "--seeds", "2", "--set", "learner.n_step=3", "--output", str(tmp_path / "alone")]) == 0
    assert evaluations(tmp_path / "alone") == found[3, 2], "one seed is an ordinary run"


def test_a_finished_campaign_is_not_touched(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def times() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in whole.glob("*/*/*")}

    before = times()
    assert main(["train", "--resume", str(whole), "--quiet"]) == 0
    assert times() == before
    assert "all 4 runs have ended" in capsys.readouterr().out
    assert main(["train", "--resume", str(whole), "--steps", "2000"]) == 2
    assert "is a campaign, which goes on with its own settings" in capsys.readouterr().err


def test_runs_are_compared(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(whole), "--output", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    assert "sac learner.n_step=1" in shown
    assert "sac learner.n_step=3" in shown
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"curves.png", "curves.csv", "summary.csv"}


def test_a_killed_run_takes_nothing_with_it_and_is_finished_later(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "campaign"
    killed = directory / "base" / "seed_1"
    killer = Once(killed, signal.SIGKILL, lambda: int((killed / "lock").read_text()))
    killer.start()
    status = main([*SMALL, "--seeds", "1,2", "--set", "learner.n_step=3", "--output", str(directory)])
    killer.join()
    assert killer.sent
    assert status == 1
    shown = capsys.readouterr().out
    assert f"base, seed 1 failed, killed by SIGKILL; it said last: gymnasium, sac, seed 1, in {killed}" in shown
    assert f"1 of 2 runs failed, 1 have ended; go on with: maxent-robot train --resume {directory}" in shown
    assert not (killed / "result.json").exists()
    other = directory / "base" / "seed_2" / "result.json"
    written = other.stat().st_mtime_ns
    assert main(["train", "--resume", str(directory), "--quiet"]) == 0
    assert other.stat().st_mtime_ns == written
    for seed in (1, 2):
        there = whole / "learner.n_step=3" / f"seed_{seed}"
        assert evaluations(directory / "base" / f"seed_{seed}") == evaluations(there)


def test_an_interrupted_campaign_goes_on_to_the_same_results(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "campaign"
    first, second = (directory / f"learner.n_step={n}" / "seed_2" for n in (1, 3))
    interrupter = Once(first, signal.SIGINT, os.getpid)
    interrupter.start()
    words = ["--seeds", "2", "--sweep", "learner.n_step=1,3", "--jobs", "1", "--output", str(directory)]
    status = main([*SMALL, *words])
    interrupter.join()
    assert interrupter.sent
    assert status == 130
    assert f"go on with: maxent-robot train --resume {directory}" in capsys.readouterr().out
    assert "stopped with a checkpoint" in (first / "log.txt").read_text()
    assert (first / "checkpoint" / "checkpoint.pt").is_file()
    assert not second.exists(), "what was not started is left for later"
    assert main(["train", "--resume", str(directory), "--quiet"]) == 0
    for run in (first, second):
        assert evaluations(run) == evaluations(whole / run.relative_to(directory))


def test_a_directory_is_for_one_process_at_a_time(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for directory in (whole, whole / "learner.n_step=1" / "seed_1"):
        with locked(directory):
            assert main(["train", "--resume", str(directory), "--quiet"]) == 2
        assert f"{directory} is in use by process {os.getpid()}" in capsys.readouterr().err
        with locked(directory):
            pass


def test_a_child_is_asked_to_stop_by_the_end_of_its_input(tmp_path: Path) -> None:
    (tmp_path / "waiting.py").write_text(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('asked', sys.argv[1:], flush=True), sys.exit(7)))\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-m", "maxent_robot.learning.campaigns.child", "waiting", "word"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parents[1]}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    out, _ = child.communicate(timeout=30)
    assert (out, child.returncode) == ("asked ['word']\n", 7)


def test_latest_is_the_last_on_the_shelf_run_or_campaign(tmp_path: Path) -> None:
    assert find_campaign("latest", tmp_path) is None
    for name, file in (("1", "campaign.yaml"), ("2", "config.yaml"), ("3", "campaign.yaml")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text("")
        assert find_campaign("latest", tmp_path) == (tmp_path / name if file == "campaign.yaml" else None)
    assert find_campaign(str(tmp_path / "1"), tmp_path) == tmp_path / "1"
    assert find_campaign(str(tmp_path / "2"), tmp_path) is None


def test_a_damaged_campaign_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "campaign.yaml").write_text("name: gymnasium\nseeds: [1, 2]\nsweeep: {}\n")
    assert main(["train", "--resume", str(tmp_path)]) == 2
    assert "unknown key 'sweeep', did you mean 'sweep'?" in capsys.readouterr().err


def test_names_of_files_are_the_same_everywhere() -> None:
    for name in ("CONFIG_FILE", "RESULT_FILE"):
        assert getattr(run_files, name) == getattr(run_directory, name)
    assert campaign.CAMPAIGN_FILE != run_files.CONFIG_FILE


def test_ray_runs_a_campaign(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ray")
    words = [*SMALL, "--seeds", "1,2", "--set", "learner.n_step=1", "--output", str(tmp_path / "campaign"), "--ray"]
    assert main(words) == 0
    assert "all 2 runs have ended" in capsys.readouterr().out
    for seed in (1, 2):
        there = whole / "learner.n_step=1" / f"seed_{seed}"
        assert evaluations(tmp_path / "campaign" / "base" / f"seed_{seed}") == evaluations(there)


def test_a_ray_cluster_that_is_not_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    known = importlib.util.find_spec("ray") is not None
    assert main(["train", "--env", "Pendulum-v1", "--seeds", "1,2", "--ray", "127.0.0.1:1"]) == 2
    error = capsys.readouterr().err
    if known:
        assert "--ray: no cluster can be used at 127.0.0.1:1" in error
    else:
        assert error == "maxent-robot: train needs Ray: pip install 'maxent_robot[ray]'\n"
    assert not list(tmp_path.iterdir())
