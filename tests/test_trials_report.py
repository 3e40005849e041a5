"""The report: made from the files alone, self-contained, and with the numbers of the table."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

from maxent_robot.trials.figures import MAX_PANELS, panel_trials
from maxent_robot.trials.outcome import TrialResult
from maxent_robot.trials.provenance import ProvenanceError, RunRecord, SkillRecord, read_run, write_run
from maxent_robot.trials.report import ReportError, write_report
from maxent_robot.trials.series import TrialSeries, write_series
from maxent_robot.trials.statistics import wilson_interval
from maxent_robot.trials.summary import summarise_trials
from maxent_robot.trials.table import TrialTable

FULL = {"two_pin": 0.019, "usb_a": 0.01175}
OUTCOMES = {3: "timeout", 5: "fault:STALE_WRENCH", 6: "force_stop"}


def result(number: int, connector: str = "two_pin") -> TrialResult:
    return TrialResult(
        skill="plug_insertion",
        connector=connector,
        trial=number,
        seed=1000 + number,
        mode="sample",
        outcome=OUTCOMES.get(number, "success"),
        time_s=1.0 + 0.37 * number,
        peak_force_n=5.0 + 1.3 * number,
        final_depth_m=0.0111,
        full_depth_m=FULL[connector],
        estimate_error_mm=0.7,
        estimate_error_deg=1.3,
        interventions={"leash": number} if number % 2 else {},
    )


def samples(number: int) -> TrialSeries:
    time = np.linspace(0.0, 1.0 + 0.37 * number, 100)
    return TrialSeries(time, time * 0.01, time * 0, time * 0, 3 + time, np.full(20, 0.25 * number))


def run_record(**changes: object) -> RunRecord:
    skill = SkillRecord(
        name="plug_insertion",
        connector="two_pin",
        manifest_sha256="ab" * 32,
        files={"actor.onnx": "cd" * 32},
        training={"seed": 4, "command": "maxent-robot train plug_insertion --seed 4"},
        evaluation={
            "command": "maxent-robot evaluate skills/plug_insertion",
            "sample": {
                "success": 0.992,
                "success_interval": [0.9797, 0.9969],
                "time_s": {"median": 2.345, "p95": 4.0},
                "peak_force_n": {"p50": 9.0, "p95": 12.34},
            },
            "environment": {"timestep_s": 0.001},
        },
    )
    record = RunRecord(
        started="2026-01-02T03:04:05+01:00",
        duration_s=61.0,
        command="maxent-robot demo --trials 8 <&>",
        robot="sim",
        mode="sample",
        seed=77,
        planned=8,
        skills=(skill,),
        versions={"maxent_robot": "9.8.7"},
        machine={"cores": "2"},
    )
    return replace(record, **changes)  # type: ignore[arg-type]


@pytest.fixture
def trials() -> list[TrialResult]:
    return [result(number, "two_pin" if number <= 4 else "usb_a") for number in range(1, 9)]


@pytest.fixture
def directory(tmp_path: Path, trials: list[TrialResult]) -> Path:
    with TrialTable(tmp_path / "trials.csv") as table:
        for trial in trials:
            table.append(trial)
    write_series(tmp_path / "series.npz", {trial.trial: samples(trial.trial) for trial in trials})
    write_run(tmp_path / "run.json", run_record())
    return tmp_path


def text_of(page: Path) -> str:
    """What a reader sees, with single spaces."""
    source = re.sub(r"<(style|script).*?</\1>", " ", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", source)).split())


def test_the_page_has_the_numbers_of_the_table(directory: Path, trials: list[TrialResult]) -> None:
    text = text_of(write_report(directory))
    low, high = wilson_interval(5, 8)
    assert "5 of 8 inserted" in text
    assert f"{100 * low:.0f} to {100 * high:.0f} %" in text
    for connector, inserted in (("two_pin", 3), ("usb_a", 2)):
        part_low, part_high = wilson_interval(inserted, 4)
        assert (
            f"{connector} {inserted} of 4 inserted 95 % interval {100 * part_low:.0f} to {100 * part_high:.0f} %"
            in text
        )
    for trial in trials:
        kinds = f"leash {trial.trial}" if trial.trial % 2 else "\N{EN DASH}"
        row = f"{trial.seed} 0.7 mm, 1.3° {trial.outcome} {trial.time_s:.2f} {trial.peak_force_n:.1f} 11.1 / "
        assert row in text
        assert f"{1e3 * trial.full_depth_m:.1f} {kinds}" in text[text.index(row) :][:120]
    assert "leash 16 4" in text, "interventions: 1 + 3 + 5 + 7 in four trials"
    assert "STALE_WRENCH 1" in text
    assert "all 1.12 2.00 2.00 2.00 160" in text, "latency: p50, p95, p99, max, count"


def test_the_page_says_what_was_run_and_what_it_does_not_show(directory: Path) -> None:
    text = text_of(write_report(directory))
    for expected in (
        "maxent-robot demo --trials 8 <&>",
        "abababababababab",
        "cdcdcdcdcdcdcdcd",
        "maxent-robot train plug_insertion --seed 4",
        "maxent-robot evaluate skills/plug_insertion",
        "sample 99.2 % 98.0 to 99.7 % 2.35 12.3",
        "9.8.7",
        "seed 77",
        "What this does not show",
        "No hardware moved",
        "not safety-rated",
    ):
        assert expected in text
    assert "ended early" not in text


def test_the_page_says_how_near_the_obstacle_was_where_there_was_one(
    directory: Path, trials: list[TrialResult]
) -> None:
    assert "obstacle" not in text_of(write_report(directory))
    with TrialTable(directory / "trials.csv") as table:
        for trial, clearance in zip(trials, [2.5, -0.75, *[4.0] * 6], strict=True):
            table.append(replace(trial, obstacle_clearance_mm=clearance))
    text = text_of(write_report(directory))
    assert "Obstacle 1 collision the tip came as near as -0.8 mm to it" in text.replace("\N{MINUS SIGN}", "-")
    assert "from the obstacle, mm" in text


def test_the_page_needs_nothing_else(directory: Path) -> None:
    source = write_report(directory).read_text(encoding="utf-8")
    links = re.findall(r"""(?:src|href)\s*=\s*["']([^"']{0,40})|url\(([^)]{0,40})""", source)
    assert links
    assert all(target.startswith("data:image/png;base64,") for target, _ in links)
    for name in ("success", "distributions", "depth", "force", "latency"):
        assert (directory / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_can_be_made_again_without_the_first_one(directory: Path) -> None:
    first = text_of(write_report(directory))
    for made in (*directory.glob("*.png"), directory / "report.html"):
        made.unlink()
    assert text_of(write_report(directory)) == first


def test_a_series_that_ended_early_says_why(directory: Path) -> None:
    write_run(directory / "run.json", run_record(planned=20, error="policy: process was ended by SIGKILL"))
    text = text_of(write_report(directory))
    assert "ended early , after 8 of 20 trials: policy: process was ended by SIGKILL" in text


def test_trials_without_samples_are_reported_all_the_same(tmp_path: Path) -> None:
    with TrialTable(tmp_path / "trials.csv") as table:
        table.append(replace(result(5), time_s=0.0, final_depth_m=float("nan")))
    write_series(tmp_path / "series.npz", {5: TrialSeries()})
    write_run(tmp_path / "run.json", run_record())
    text = text_of(write_report(tmp_path))
    assert "0 of 1 inserted" in text
    assert "No samples were recorded" in text
    assert not re.search(r"\bnan\b", text)


@pytest.mark.parametrize("missing", ["trials.csv", "series.npz", "run.json"])
def test_a_missing_file_is_named(directory: Path, missing: str) -> None:
    (directory / missing).unlink()
    with pytest.raises(Exception, match=re.escape(missing)) as caught:
        write_report(directory)
    assert type(caught.value).__module__.startswith("maxent_robot")


def test_no_trial_is_no_report(tmp_path: Path) -> None:
    TrialTable(tmp_path / "trials.csv").close()
    write_run(tmp_path / "run.json", run_record())
    with pytest.raises(ReportError, match="no finished trial"):
        write_report(tmp_path)


def test_the_record_of_a_run_comes_back_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_run(path, run_record())
    assert read_run(path) == run_record()
    path.write_text("{")
    with pytest.raises(ProvenanceError, match=r"run\.json"):
        read_run(path)


def test_every_failure_gets_a_panel_before_any_success() -> None:
    many = [replace(result(1), trial=number) for number in range(1, 200)]
    many += [replace(result(3), trial=number) for number in range(200, 240)]
    series = {trial.trial: samples(1) for trial in many}
    shown = panel_trials(many, series)
    assert len(shown) == MAX_PANELS
    assert sum(not trial.succeeded for trial in shown) == 40
    assert [trial.trial for trial in shown] == sorted(trial.trial for trial in shown)


def test_figures_are_json_and_count_the_inserted_only_where_they_should(trials: list[TrialResult]) -> None:
    figures = summarise_trials(trials, {1: samples(1)})
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert figures["success"] == 5 / 8
    assert figures["time_s"]["median"] == pytest.approx(np.median([1 + 0.37 * n for n in (1, 2, 4, 7, 8)]))
    assert figures["peak_force_n"]["max"] == pytest.approx(5 + 1.3 * 8)
    assert figures["outcomes"] == {"success": 5, "timeout": 1, "fault:STALE_WRENCH": 1, "force_stop": 1}
    assert figures["connectors"]["usb_a"]["inserted"] == 2
    assert summarise_trials([])["success"] is None
