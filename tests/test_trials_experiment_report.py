"""The report of an experiment says what its ledger says, and the figures of `--json` are those of the page."""

from __future__ import annotations

import html
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from browser import browser_page, elsewhere, violations

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

from maxent_robot.cli.main import main
from maxent_robot.paths import find_skill
from maxent_robot.skill.bundle import load_bundle
from maxent_robot.trials.experiment import Condition, Experiment, SequentialRule, StopRule
from maxent_robot.trials.experiment_files import ExperimentFiles
from maxent_robot.trials.experiment_report import _faster, write_experiment_report
from maxent_robot.trials.ledger import Ledger
from maxent_robot.trials.outcome import TrialResult
from maxent_robot.trials.provenance import ProvenanceError, append_session, read_sessions, session_record
from maxent_robot.trials.series import TrialSeries
from maxent_robot.trials.statistics import exact_sign_test

PLACES = 12
PROTOCOL = Experiment(
    name="slow_and_fast",
    places=PLACES,
    conditions=(
        Condition("slow", "plug_insertion", {"mode": "mean"}),
        Condition("fast", "plug_insertion", {"mode": "retry"}),
    ),
    stop=StopRule(interruptions=5),
)


def outcome(condition: str, place: int) -> tuple[str, float, float]:
    """The slow one fails at every other place; where both insert, it takes one second more."""
    if condition == "slow" and place % 2:
        return ("jam", 10.0, 14.0) if place != 3 else ("fault:FORCE_RATE", 1.3, 22.0)
    return "success", 2.0 + 0.01 * place + (condition == "slow"), 8.0 + 0.1 * place


def make_experiment(directory: Path, experiment: Experiment = PROTOCOL, trials: int = 2 * PLACES) -> ExperimentFiles:
    files = ExperimentFiles(directory)
    files.create(experiment)
    bundle = load_bundle(find_skill("plug_insertion"))
    append_session(files.sessions, session_record("sim", {c.name: bundle for c in experiment.conditions}))
    with Ledger(files.ledger, experiment) as ledger:
        for trial in ledger.trials[:trials]:
            attempt = ledger.begin(trial)
            if trial.number == 5:
                ledger.note("trial 5, attempt 1 was interrupted: <the plug was pulled>")
                attempt = ledger.begin(trial)
            said, time_s, force = outcome(trial.condition, trial.place)
            ledger.end(
                TrialResult(
                    skill="plug_insertion",
                    connector="two_pin",
                    trial=trial.number,
                    seed=trial.seed,
                    mode="mean",
                    outcome=said,
                    time_s=time_s,
                    peak_force_n=force,
                    final_depth_m=0.019 if said == "success" else 0.004,
                    full_depth_m=0.019,
                    condition=trial.condition,
                    place=trial.place,
                    attempt=attempt,
                )
            )
            time = np.linspace(0.0, time_s, 80)
            series = TrialSeries(
                time, 0.019 * time / time_s, 0 * time, 0 * time, force * np.sin(time) ** 2, np.zeros(3)
            )
            files.write_series(trial.number, attempt, series)
        files.write_table(ledger)
    return files


def text_of(page: Path) -> str:
    return re.sub(
        r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", re.sub(r"(?s)<style>.*?</style>", "", page.read_text())))
    )


def test_the_report_says_who_is_better_and_by_how_much(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_experiment(tmp_path / "done")
    assert main(["trials", "report", str(tmp_path / "done"), "--json", str(tmp_path / "figures.json")]) == 0
    printed = capsys.readouterr().out
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["conditions"]["slow"]["inserted"] == 6
    assert figures["conditions"]["fast"]["inserted"] == PLACES
    assert figures["interrupted_attempts"] == 1
    (found,) = figures["comparisons"]
    assert (found["success"]["only_first"], found["success"]["only_second"], found["success"]["both"]) == (0, 6, 6)
    assert found["success"]["p"] == exact_sign_test(0, 6) == 0.03125
    assert found["time_s"]["median"] == pytest.approx(1.0)
    assert (found["time_s"]["larger"], found["time_s"]["smaller"]) == (12, 0), "a failure is slower than any insertion"
    assert found["time_s"]["p"] == 2 / 2**12

    text = text_of(tmp_path / "done" / "report.html")
    assert "slow 6 of 12, fast 12 of 12" in text
    assert "Fast inserts more often than slow (p = 0.031); fast is faster than slow by 1.00 s in the median" in text
    assert "(p < 0.001)" in text
    assert "jam 5" in text
    assert "fault:FORCE_RATE 1" in text
    assert "1 attempt was interrupted before an outcome, and made again." in text
    assert "was interrupted: <the plug was pulled>" in text, "shown as text, not as a tag"
    assert "fast inserts more often than slow" in printed


def test_the_faster_one_is_that_of_the_sign_test_even_where_the_median_says_the_opposite() -> None:
    slow = {"larger": 39, "smaller": 21, "median": -0.1, "p": 0.027}
    said = _faster("a", "b", slow)
    assert said.startswith("b is faster than a in 39 of 60 pairs")
    assert _faster("a", "b", {**slow, "median": 0.2}) == "b is faster than a by 0.20 s in the median"
    assert _faster("a", "b", {"larger": 0, "smaller": 8, "median": None}).startswith("a is faster than b in 8 of 8")


def test_an_experiment_does_not_go_on_with_another_skill_under_the_same_name(tmp_path: Path) -> None:
    files = make_experiment(tmp_path / "one")
    (session,) = read_sessions(files.sessions)
    append_session(files.sessions, session)
    other = {name: {**skill, "manifest_sha256": "0" * 64} for name, skill in session.skills.items()}
    with pytest.raises(
        ProvenanceError, match=r"condition 'slow' was run with plug_insertion \w{12}, and is now .* 000"
    ):
        append_session(files.sessions, replace(session, skills=other))
    assert len(read_sessions(files.sessions)) == 2


@pytest.mark.parametrize(
    ("robot", "simulated", "expected"),
    [("sim", None, True), ("/a/sim.yaml", True, True), ("fr3", False, False), ("sim", False, False)],
)
def test_a_report_says_whether_hardware_moved(
    tmp_path: Path, robot: str, simulated: bool | None, expected: bool
) -> None:
    files = make_experiment(tmp_path / "one")
    (session,) = read_sessions(files.sessions)
    files.sessions.unlink()
    append_session(files.sessions, replace(session, robot=robot, simulated=simulated))
    page, _ = write_experiment_report(files.directory)
    assert ("No hardware moved" in text_of(page)) == expected


def test_an_attempt_under_way_was_not_interrupted(tmp_path: Path) -> None:
    files = make_experiment(tmp_path / "live", trials=2)
    with files.open_ledger() as ledger:
        trial = ledger.next_trial()
        assert trial is not None
        ledger.begin(trial)
        _, figures = write_experiment_report(files.directory)
        assert figures["interrupted_attempts"] == 0
        ledger.begin(trial)
    _, figures = write_experiment_report(files.directory)
    assert figures["interrupted_attempts"] == 1


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    files = make_experiment(tmp_path / "done")
    page, _ = write_experiment_report(files.directory)
    source = page.read_text()
    assert source.count("data:image/png;base64,") == 5
    assert not re.search(r"(?:src|href)=\"(?!data:)|url\(|@import|<script|<link", source)


def test_a_report_may_be_made_while_the_experiment_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = make_experiment(tmp_path / "half", trials=9)
    page, figures = write_experiment_report(files.directory)
    assert figures["ended"] == ""
    assert figures["comparisons"][0]["pairs"] == 4
    assert "Not finished: 9 of 24 trials." in text_of(page)
    make_experiment(tmp_path / "none", trials=0)
    assert main(["trials", "report", str(tmp_path / "none")]) == 2
    assert "no trial has an outcome" in capsys.readouterr().err
    assert main(["trials", "report", str(tmp_path)]) == 2
    assert "it has no protocol.yaml" in capsys.readouterr().err


def test_a_sequential_experiment_says_that_it_was_decided(tmp_path: Path) -> None:
    rule = SequentialRule(rates=(0.5, 0.95), alpha=0.1, beta=0.2)
    files = make_experiment(tmp_path / "decided", replace(PROTOCOL, sequential=rule))
    page, figures = write_experiment_report(files.directory)
    assert figures["ended"].startswith("decided after")
    assert figures["ended"].endswith("fast is better")
    assert f"The sequential test has {figures['ended']}." in text_of(page)
    assert "whose error rates hold" in text_of(page)


def test_one_condition_has_no_comparison(tmp_path: Path) -> None:
    files = make_experiment(tmp_path / "one", replace(PROTOCOL, conditions=PROTOCOL.conditions[1:]), trials=PLACES)
    page, figures = write_experiment_report(files.directory)
    assert figures["comparisons"] == []
    assert "Comparison" not in text_of(page)
    assert not math.isnan(figures["conditions"]["fast"]["success"])


def test_the_page_is_for_telephones_too_and_asks_no_other_machine(tmp_path: Path) -> None:
    make_experiment(tmp_path / "done")
    page_file, _ = write_experiment_report(tmp_path / "done")
    with browser_page(390, 844) as (page, asked):
        page.goto(page_file.as_uri())
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, "what is wider scrolls in a box of its own"
        assert elsewhere(asked) == []
        assert (
            violations(page, ("color-contrast", "page-has-heading-one", "image-alt", "scrollable-region-focusable"))
            == []
        )
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.tagName") != "BODY", "the keyboard reaches what scrolls"
