"""Protocols, their schedules, and the ledger that loses and doubles nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from maxent_robot.config import config_from_mapping, to_mapping
from maxent_robot.errors import ConfigError
from maxent_robot.trials.experiment import Condition, Experiment, SequentialRule, StopRule, load_experiment
from maxent_robot.trials.experiment_files import ExperimentFiles
from maxent_robot.trials.ledger import Ledger, LedgerError, ordered_results
from maxent_robot.trials.outcome import TrialResult
from maxent_robot.trials.schedule import ScheduledTrial, condition_labels, pairs_of, schedule, why_it_ends

TWO = (Condition("a", "plug_insertion", {"mode": "retry"}), Condition("b", "plug_insertion", {"mode": "mean"}))


def experiment(**changes: object) -> Experiment:
    return dataclasses.replace(Experiment(name="test", places=6, conditions=TWO), **changes)  # type: ignore[arg-type]


def result(trial: ScheduledTrial, outcome: str = "success", attempt: int = 1) -> TrialResult:
    return TrialResult(
        skill="plug_insertion",
        connector="two_pin",
        trial=trial.number,
        seed=trial.seed,
        mode="mean",
        outcome=outcome,
        time_s=2.0,
        peak_force_n=9.0,
        final_depth_m=0.018,
        full_depth_m=0.018,
        interventions={"leash": 2},
        condition=trial.condition,
        place=trial.place,
        attempt=attempt,
    )


def test_the_shipped_protocol_is_what_its_file_says() -> None:
    found, path = load_experiment("compare")
    assert path.name == "compare.yaml"
    assert [condition.name for condition in found.conditions] == ["retry", "mean"]
    assert len(schedule(found)) == 120
    assert config_from_mapping(to_mapping(found), Experiment) == found


@given(
    seed=st.integers(0, 10_000), places=st.integers(1, 30), order=st.sampled_from(["shuffled", "alternating", "fixed"])
)
@settings(max_examples=40, deadline=None)
def test_every_condition_is_tried_once_at_every_place_and_all_start_alike(seed: int, places: int, order: str) -> None:
    planned = schedule(experiment(seed=seed, places=places, order=order))
    assert planned == schedule(experiment(seed=seed, places=places, order=order))
    assert [trial.number for trial in planned] == list(range(1, 2 * places + 1))
    for place in range(1, places + 1):
        block = [trial for trial in planned if trial.place == place]
        assert sorted(trial.condition for trial in block) == ["a", "b"]
        assert len({trial.seed for trial in block}) == 1
        assert block[1].number == block[0].number + 1
    assert len({trial.seed for trial in planned}) == places
    first = [trial.condition for trial in planned[::2]]
    if order == "alternating":
        assert first == ["a", "b"] * (places // 2) + ["a"] * (places % 2)
    if order == "fixed":
        assert first == ["a"] * places


def test_shuffled_orders_are_balanced_by_chance_only() -> None:
    first = [trial.condition for trial in schedule(experiment(places=400))[::2]]
    assert 160 < first.count("a") < 240


def test_places_do_not_depend_on_what_is_compared() -> None:
    three = experiment(conditions=(*TWO, Condition("c", "usb_insertion", {"mode": "mean"})))
    assert [t.seed for t in schedule(experiment())[::2]] == [t.seed for t in schedule(three)[::3]]


def test_a_blinded_operator_sees_letters_that_the_seed_has_shuffled() -> None:
    assert condition_labels(experiment()) == {"a": "a", "b": "b"}
    seen = {tuple(sorted(condition_labels(experiment(blinded=True, seed=seed)).items())) for seed in range(20)}
    assert seen == {(("a", "A"), ("b", "B")), (("a", "B"), ("b", "A"))}


ONE: list[dict[str, object]] = [{"name": "a", "skill": "s"}]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"conditions": []}, "conditions is empty"),
        ({"conditions": [{"name": "a", "skill": "s"}] * 2}, "'a' is there twice"),
        ({"conditions": [{"name": "a", "skill": "s"}], "sequential": {}}, "two conditions, but there are 1"),
        ({"conditions": [{"name": "a", "skill": "s"}], "judge": "reference"}, "seated_pose has 0 numbers"),
        ({"conditions": [{"name": "a", "skill": "s"}], "judge": "me"}, "'me' is not allowed"),
        ({"conditions": ONE, "start": {"height_min_m": 0.05}}, r"height_min_m is 0\.05 m, must be at most"),
        (
            {"conditions": ONE, "criterion": {"hold_s": 5, "timeout_s": 2}},
            "hold_s is 5 s, must be less than timeout_s, 2",
        ),
        (
            {"conditions": ONE, "depth_m": {"two_pin": 0.002}, "criterion": {"depth_tolerance_m": 0.004}},
            r"depth_m of 'two_pin' is 0\.002 m, must be more than criterion\.depth_tolerance_m",
        ),
        ({"conditions": ONE, "seated_pose": [0, 0, 0, 0, 0, 0, 0], "judge": "reference"}, "is not of length 1"),
        (
            {
                "conditions": [*ONE, {"name": "b", "skill": "s"}],
                "sequential": {"rates": [0.5, 0.8], "correlation": 0.5},
            },
            "has a share of 1 of the pairs",
        ),
        (
            {"conditions": [{"name": "a", "skill": "s"}, {"name": "b", "skill": "s", "policy": {"mode": "mean"}}]},
            "'a' lacks policy.mode, which another has",
        ),
        ({"conditions": [{"name": "a", "skill": "s"}], "sequential": {"rates": [0.9, 0.9]}}, "two that differ"),
    ],
)
def test_a_protocol_that_can_not_be_run_is_refused(mapping: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config_from_mapping({"name": "test", **mapping}, Experiment, source="protocol.yaml")


def test_a_ledger_that_is_opened_again_goes_on_at_the_next_trial(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path, experiment()) as ledger:
        for outcome in ("success", "timeout", "fault:FORCE_RATE"):
            trial = ledger.next_trial()
            assert trial is not None
            ledger.end(result(trial, outcome, ledger.begin(trial)))
        trial = ledger.next_trial()
        assert trial is not None
        ledger.begin(trial)  # and then the process is killed
        ledger.note("the lights went out")
    with Ledger(path, experiment()) as again:
        assert again.results == ledger.results
        assert again.notes == ledger.notes
        assert again.interruptions == 1
        assert again.next_trial() == trial
        assert again.begin(trial) == 2
        again.end(result(trial, attempt=2))
        with pytest.raises(LedgerError, match="trial 4 has an outcome already"):
            again.begin(trial)
        with pytest.raises(LedgerError, match="trial 4, attempt 2, which is not under way"):
            again.end(result(trial, attempt=2))
        assert [r.trial for r in ordered_results(again)] == [1, 2, 3, 4]


@given(cut=st.integers(0, 4000))
@settings(max_examples=60, deadline=None)
def test_a_ledger_cut_off_anywhere_has_every_whole_line(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("cut") / "ledger.jsonl"
    with Ledger(path, experiment()) as ledger:
        while (trial := ledger.next_trial()) is not None and trial.number < 5:
            ledger.end(result(trial, attempt=ledger.begin(trial)))
    data = path.read_bytes()[: max(0, cut)]
    path.write_bytes(data)
    ends = data[: data.rfind(b"\n") + 1].count(b'"event": "end"')
    with Ledger(path, experiment()) as again:
        assert len(again.results) == ends
        trial = again.next_trial()
        assert trial is not None
        assert trial.number == ends + 1
        again.end(result(trial, attempt=again.begin(trial)))
    for line in path.read_text().splitlines():
        json.loads(line)


def test_a_ledger_of_another_protocol_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    Ledger(path, experiment()).close()
    with pytest.raises(LedgerError, match="is of another protocol"):
        Ledger(path, experiment(seed=2))
    with path.open("a") as file:
        file.write('nonsense\n{"event": "note", "time": "", "text": ""}\n')
    with pytest.raises(LedgerError, match="line 2: not JSON"):
        Ledger(path, experiment())


def test_an_experiment_goes_on_when_the_schema_has_gained_a_field(tmp_path: Path) -> None:
    """The ledger belongs to what the protocol's file says, and not to the defaults of today."""
    files = ExperimentFiles(tmp_path / "experiment")
    files.create(experiment())
    mapping = yaml.safe_load(files.protocol.read_text())
    del mapping["after_fault"]  # as if the file had been written before there was such a field
    files.protocol.write_text(yaml.safe_dump(mapping))
    with files.open_ledger() as ledger:
        trial = ledger.trials[0]
        ledger.end(result(trial, attempt=ledger.begin(trial)))
    assert len(files.read_ledger().results) == 1
    files.protocol.write_text(yaml.safe_dump({**mapping, "seed": 2}))
    with pytest.raises(LedgerError, match="is of another protocol"):
        files.read_ledger()


def test_who_only_looks_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with pytest.raises(LedgerError, match="no trial was begun"):
        Ledger(path, experiment(), read_only=True)
    assert not path.exists()
    with Ledger(path, experiment()) as ledger:
        trial = ledger.trials[0]
        ledger.end(result(trial, attempt=ledger.begin(trial)))
    with path.open("ab") as file:
        file.write(b'{"event": "beg')  # the runner is in the middle of a line
    before = path.read_bytes()
    looked = Ledger(path, experiment(), read_only=True)
    assert looked.results == ledger.results
    assert path.read_bytes() == before


WRITER = """
import sys
sys.path.insert(0, "tests")
from test_trials_experiment import experiment, result
from maxent_robot.trials.ledger import Ledger
with Ledger(sys.argv[1], experiment(places=4000)) as ledger:
    print("begun", flush=True)
    while (trial := ledger.next_trial()) is not None:
        ledger.end(result(trial, attempt=ledger.begin(trial)))
"""


def test_a_writer_that_is_killed_again_and_again_loses_and_doubles_no_trial(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    before = 0
    for kill in range(6):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.05 + 0.013 * kill)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        with Ledger(path, experiment(places=4000)) as ledger:
            assert len(ledger.results) > before
            before = len(ledger.results)
            assert sorted(ledger.results) == list(range(1, before + 1))
            assert ledger.interruptions <= kill + 1
    ends = [json.loads(line)["trial"] for line in path.read_text().splitlines() if '"event": "end"' in line]
    assert ends == list(range(1, before + 1))


def outcomes(planned: tuple[ScheduledTrial, ...], *given: str) -> dict[int, TrialResult]:
    return {trial.number: result(trial, outcome) for trial, outcome in zip(planned, given, strict=False)}


def test_an_experiment_ends_when_all_is_done_or_a_rule_breaks_it_off() -> None:
    protocol = experiment(order="fixed", stop=StopRule(failures_in_a_row=2, force_stops=2, faults=1, interruptions=3))
    planned = schedule(protocol)
    assert why_it_ends(protocol, planned, {}) == ""
    assert why_it_ends(protocol, planned, outcomes(planned, *["success"] * 12)) == "all trials are done"
    assert why_it_ends(protocol, planned, outcomes(planned, "success", "jam", "success")) == ""
    found = outcomes(planned, "success", "jam", "success", "timeout")
    assert why_it_ends(protocol, planned, found) == "broken off: 2 failures in a row of b"
    found = outcomes(planned, "force_stop", "success", "success", "force_stop")
    assert why_it_ends(protocol, planned, found) == "broken off: 2 force stops"
    assert why_it_ends(protocol, planned, outcomes(planned, "fault:TILT")) == "broken off: 1 faults"
    assert why_it_ends(protocol, planned, {}, interruptions=3) == "broken off: 3 interruptions"


def test_a_sequential_experiment_ends_when_it_is_decided_and_names_the_better_one() -> None:
    rule = SequentialRule(rates=(0.5, 0.9), alpha=0.05, beta=0.1)
    protocol = experiment(places=60, order="fixed", sequential=rule)
    planned = schedule(protocol)
    found: dict[int, TrialResult] = {}
    for trial in planned:
        if (reason := why_it_ends(protocol, planned, found)) != "":
            break
        found[trial.number] = result(trial, "success" if trial.condition == "b" else "timeout")
    pairs = rule.test().follow([(False, True)] * 60)[1]
    assert reason == f"decided after {pairs} pairs: b is better"
    assert len(found) == 2 * pairs < 30
    assert len(pairs_of(planned, found, "a", "b")) == pairs
