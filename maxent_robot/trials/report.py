"""The report of a series of trials: one self-contained HTML page, made from the files of the run alone.

`write_report(directory)` reads `trials.csv`, `series.npz` and `run.json` from a directory and writes `report.html` and
the plots beside them, as often as wanted.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from maxent_robot.trials.figures import MAX_PANELS, panel_trials, write_figures
from maxent_robot.trials.outcome import TrialResult
from maxent_robot.trials.provenance import RunRecord, read_run
from maxent_robot.trials.report_page import (
    NONE,
    NOT_SAFETY_RATED,
    ReportError,
    interval,
    number,
    percent,
    picture,
    render,
    require_report_libraries,
    skill_summary,
    starts_text,
)
from maxent_robot.trials.series import TrialSeries, read_series
from maxent_robot.trials.summary import summarise_trials
from maxent_robot.trials.table import read_trials

TRIALS_FILE = "trials.csv"
SERIES_FILE = "series.npz"
RUN_FILE = "run.json"
RECORDING_FILE = "run.mcap"
REPORT_FILE = "report.html"


def write_report(directory: str | os.PathLike[str]) -> Path:
    """Make `report.html` and its plots in `directory`, from the data that lie there; returns the page's path.

    Raises:
        ReportError: matplotlib or Jinja2 is not installed, or there is no finished trial.
        MaxentRobotError: a file of the run is missing or damaged.
    """
    place = Path(directory)
    require_report_libraries()
    trials, run = read_trials(place / TRIALS_FILE), read_run(place / RUN_FILE)
    if not trials:
        raise ReportError(f"{place / TRIALS_FILE}: no finished trial, so there is nothing to report")
    series = read_series(place / SERIES_FILE)
    files = write_figures(place, trials, series, run.criterion)
    globals_ = {"offset": _offset, "figure": lambda name: picture(name, files)}
    page = render("series", globals_, _content(trials, series, run))
    target = place / REPORT_FILE
    target.write_text(page, encoding="utf-8")
    return target


def _content(trials: Sequence[TrialResult], series: Mapping[int, TrialSeries], run: RunRecord) -> dict[str, Any]:
    figures = summarise_trials(trials, series)
    errors = [t.estimate_error_mm for t in trials if not math.isnan(t.estimate_error_mm)]
    spread = f" of {min(errors):.1f} to {max(errors):.1f} mm" if errors else ""
    drawn = panel_trials(trials, series)
    return {
        "title": f"{figures['inserted']} of {figures['trials']} inserted",
        "started": datetime.fromisoformat(run.started).strftime("%d %B %Y, %H:%M"),
        "place": "simulated arm" if run.robot == "sim" else f"robot {run.robot}",
        "setting": (
            f"Each trial began at a random pose, with an unknown error{spread} "
            "in where the robot believed the socket to be."
        ),
        "run": run,
        "total": figures,
        "groups": [*figures["connectors"].items(), ("all", figures)],
        "cards": _cards(figures, run),
        "skills": [skill_summary(skill) for skill in run.skills],
        "trials": trials,
        "obstacle": any(not math.isnan(trial.obstacle_clearance_mm) for trial in trials),
        "panels_note": (
            f" The {len(drawn)} panels show all failures first, up to {MAX_PANELS} trials."
            if len(drawn) < len(trials)
            else ""
        ),
        "interventions": [
            {"name": name, "count": count, "trials": sum(bool(t.interventions.get(name)) for t in trials)}
            for name, count in sorted(figures["interventions"].items(), key=lambda item: -item[1])
        ],
        "starts": starts_text(run.start),
        "limits": _limits(figures, run),
    }


def _cards(figures: Mapping[str, Any], run: RunRecord) -> Iterator[dict[str, str]]:
    for connector, part in figures["connectors"].items():
        yield {
            "name": connector,
            "value": f"{part['inserted']} of {part['trials']}",
            "unit": "inserted",
            "note": f"95 % interval {interval(part['success_interval'])}",
        }
    time, force, latency = figures["time_s"], figures["peak_force_n"], figures["latency_ms"]
    yield {
        "name": "Time to insertion",
        "value": number(time["median"], 2),
        "unit": "s median",
        "note": f"95th percentile {number(time['p95'], 2)} s, of the inserted",
    }
    yield {
        "name": "Peak contact force",
        "value": number(force["p50"], 1),
        "unit": "N median",
        "note": f"95th percentile {number(force['p95'], 1)} N, limit {run.criterion.force_limit_n:g} N",
    }
    changed, faults = sum(figures["interventions"].values()), sum(figures["faults"].values())
    yield {
        "name": "Supervisor",
        "value": str(faults),
        "unit": "fault" if faults == 1 else "faults",
        "note": f"{changed} interventions",
    }
    if figures["obstacle_clearance_mm"]["min"] is not None:
        clearance = figures["obstacle_clearance_mm"]
        yield {
            "name": "Obstacle",
            "value": str(clearance["collisions"]),
            "unit": "collision" if clearance["collisions"] == 1 else "collisions",
            "note": f"the tip came as near as {number(clearance['min'], 1)} mm to it",
        }
    yield {
        "name": "Policy latency",
        "value": number(latency["p50"], 2),
        "unit": "ms median",
        "note": f"99th percentile {number(latency['p99'], 2)} ms",
    }
    yield {
        "name": "Slowest insertion",
        "value": number(time["max"], 2),
        "unit": "s",
        "note": f"allowed {run.criterion.timeout_s:g} s",
    }
    yield {
        "name": "Largest force",
        "value": number(force["max"], 1),
        "unit": "N",
        "note": "over all trials, 10 ms mean, with sensor noise",
    }


def _limits(figures: Mapping[str, Any], run: RunRecord) -> Iterator[str]:
    low, _ = figures["success_interval"]
    if run.robot == "sim":
        if run.realtime_factor is not None and run.realtime_factor < 0.98:
            yield (
                f"The machine was too busy to simulate in real time (factor {run.realtime_factor:.2f}), so the arm "
                "moved more slowly against the clock of the nodes than a real one; the times are those of that clock."
            )
        yield (
            "This is a rehearsal: the arm, the plug, the socket and the force sensor are MuJoCo models, run in real "
            "time by a process of their own. No hardware moved, and a real arm, connector and grip differ in ways that "
            "are not in the models. The nodes, messages and supervisor are those that drive the real arm."
        )
        yield (
            "Errors of the estimate, clearances, friction and stiffness were drawn from ranges like those of the "
            "training. Nothing here says what happens outside them."
        )
        yield (
            "The true depth that decides success comes from the simulator. The policy and the supervisor never see it; "
            "on a real arm something else has to judge."
        )
    yield (
        f"{figures['trials']} trials show a success rate of at least {percent(low)} with 97.5 % confidence, and no "
        "more. They do not compare skills or modes: that takes paired trials, and more of them (maxent-robot evaluate)."
    )
    yield "Latency is that of this machine with everything running on it, without a real-time kernel."
    yield NOT_SAFETY_RATED


def _offset(trial: TrialResult) -> str:
    if math.isnan(trial.estimate_error_mm):
        return NONE
    return f"{trial.estimate_error_mm:.1f} mm, {trial.estimate_error_deg:.1f}°"
