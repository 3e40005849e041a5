"""The report of an experiment: one self-contained page, made from its directory alone, at any time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from maxent_robot.trials.experiment import Experiment
from maxent_robot.trials.experiment_figures import (
    MAX_FAILURES,
    Trials,
    condition_colours,
    failed,
    write_experiment_figures,
    write_gap_figure,
)
from maxent_robot.trials.experiment_files import ExperimentFiles
from maxent_robot.trials.experiment_summary import summarise_experiment
from maxent_robot.trials.gap import gap_figures
from maxent_robot.trials.ledger import Ledger, results_by_condition
from maxent_robot.trials.outcome import SUCCESS
from maxent_robot.trials.provenance import SessionRecord, read_sessions
from maxent_robot.trials.report_page import (
    NONE,
    NOT_SAFETY_RATED,
    ReportError,
    mm,
    number,
    percent,
    picture,
    render,
    require_report_libraries,
    starts_text,
)

REPORT_FILE, FIGURES_DIRECTORY = "report.html", "figures"
SHOWN_CHANNELS = 10
"""Of what the policy saw on the arm and in simulation, the farthest apart."""


def write_experiment_report(directory: Path, beside: Path | None = None) -> tuple[Path, dict[str, Any]]:
    """Make `report.html` and its plots in the directory of an experiment; the page, and the figures as plain data.

    Args:
        beside: directory of the same experiment in simulation, to show the gap to it.

    Raises:
        ReportError: a library is not installed, or no trial has an outcome.
        MaxentRobotError: a file is missing or damaged.
    """
    require_report_libraries()
    files = ExperimentFiles(directory)
    ledger = files.read_ledger()
    criterion = ledger.experiment.criterion
    trials = results_by_condition(ledger)
    if not ledger.results:
        raise ReportError(f"{files.ledger}: no trial has an outcome, so there is nothing to report")
    figures = summarise_experiment(ledger)
    place = directory / FIGURES_DIRECTORY
    place.mkdir(exist_ok=True)
    plots = write_experiment_figures(place, trials, files.read_series(ledger), criterion)
    content = _content(ledger, figures, trials, read_sessions(files.sessions)) | {"gap": None}
    if beside is not None:
        other = ExperimentFiles(beside)
        other_ledger = other.read_ledger()
        simulated = results_by_condition(other_ledger)
        if differ := protocol_differences(ledger.experiment, other_ledger.experiment):
            raise ReportError(f"{beside}: not by the same protocol, it differs in {', '.join(differ)}")
        figures["gap"] = gap_figures(files, trials, other, simulated)
        content["gap"] = _gap(figures["gap"], str(beside))
        plots |= write_gap_figure(place, trials, simulated, criterion)
    names = {
        "figure": lambda name: picture(name, plots),
        "recording": lambda result: files.recording(result.trial, result.attempt).name,
    }
    page = render("experiment", names, content)
    target = directory / REPORT_FILE
    target.write_text(page, encoding="utf-8")
    return target, figures


def protocol_differences(one: Experiment, other: Experiment) -> list[str]:
    """In what two experiments differ that are to show the gap between an arm and its simulation, and must not."""
    found = [key for key in ("start", "criterion") if getattr(one, key) != getattr(other, key)]
    others = {condition.name: condition for condition in other.conditions}
    for condition in one.conditions:
        if (its := others.get(condition.name)) is not None:
            alike = Path(its.skill).name == Path(condition.skill).name and its.policy == condition.policy
            found += [] if alike else [f"condition {condition.name}"]
    return found


def _content(
    ledger: Ledger, figures: Mapping[str, Any], trials: Trials, sessions: Sequence[SessionRecord]
) -> dict[str, Any]:
    experiment = ledger.experiment
    colours = condition_colours([condition.name for condition in experiment.conditions])
    last = sessions[-1]
    failures = failed(trials)
    counts = [f"{name} {part['inserted']} of {part['trials']}" for name, part in figures["conditions"].items()]
    criterion = experiment.criterion
    return {
        "title": ", ".join(counts),
        "lead": _lead(figures),
        "alert": "" if figures["ended"] else f"Not finished: {figures['done']} of {figures['planned']} trials.",
        "started": datetime.fromisoformat(sessions[0].started).strftime("%d %B %Y, %H:%M"),
        "place": "simulated arm" if last.is_rehearsal else f"robot {last.robot}",
        "protocol": experiment,
        "protocol_sha256": ledger.protocol_sha256,
        "criterion": (
            f"seated within {mm(criterion.depth_tolerance_m)} mm of the full depth and held there for "
            f"{criterion.hold_s} s, within {criterion.timeout_s:g} s, the contact force (10 ms mean) never above "
            f"{criterion.force_limit_n:g} N"
        ),
        "conditions": [
            {
                **figures["conditions"][condition.name],
                "name": condition.name,
                "colour": colours[condition.name],
                "skill": last.skills[condition.name]["name"],
                "manifest_sha256": last.skills[condition.name]["manifest_sha256"],
                "policy": condition.policy,
                "failures": _failures(figures["conditions"][condition.name]["outcomes"]),
            }
            for condition in experiment.conditions
        ],
        "comparisons": [_comparison(found) for found in figures["comparisons"] if found["pairs"]],
        "failures": failures,
        "failures_note": f"; the first {MAX_FAILURES} are drawn" if len(failures) > MAX_FAILURES else "",
        "conduct": _conduct(figures, sessions),
        "notes": [(time[:19].replace("T", " "), text) for time, text in ledger.notes],
        "sessions": sessions,
        "starts": starts_text(experiment.start),
        "versions": {**last.versions, **last.machine},
        "limits": list(_limits(experiment, last)),
    }


def _lead(figures: Mapping[str, Any]) -> str:
    if not figures["comparisons"]:
        return ""
    sentences = [_verdict(found) for found in figures["comparisons"] if found["pairs"]]
    if figures["ended"].startswith("decided"):
        sentences.insert(0, f"the sequential test has {figures['ended']}")
    return " ".join(f"{sentence[0].upper()}{sentence[1:]}." for sentence in sentences)


def _verdict(found: Mapping[str, Any]) -> str:
    first, second, success, time = found["first"], found["second"], found["success"], found["time_s"]
    if success["p"] <= 0.05:
        better, worse = (first, second) if success["difference"] > 0 else (second, first)
        said = f"{better} inserts more often than {worse} ({_is(success['p'])})"
    else:
        said = f"no difference in success was shown between {first} and {second} ({_is(success['p'])})"
    if time["p"] <= 0.05:
        said += f"; {_faster(first, second, time)} ({_is(time['p'])})"
    return said


def _faster(first: str, second: str, time: Mapping[str, Any]) -> str:
    """Which is faster, by the sign test: failures count in it, so the median of the others may say the opposite."""
    more, fewer, median = time["larger"], time["smaller"], time["median"] or 0.0
    faster, slower = (second, first) if more > fewer else (first, second)
    if median and (median > 0) == (more > fewer):
        return f"{faster} is faster than {slower} by {abs(median):.2f} s in the median"
    pairs = f"{max(more, fewer)} of {more + fewer} pairs, one that failed being slower than one that did not"
    return f"{faster} is faster than {slower} in {pairs}"


def _comparison(found: Mapping[str, Any]) -> dict[str, Any]:
    success = found["success"]
    rows = [
        {
            "name": "inserted",
            "count": found["pairs"],
            "larger": success["only_first"],
            "smaller": success["only_second"],
            "difference": f"{100 * success['difference']:+.1f} points",
            "interval": NONE,
            "p": _p(success["p"]),
        }
    ]
    for key, name, unit, decimals in (("time_s", "time to insertion", "s", 2), ("peak_force_n", "peak force", "N", 1)):
        part = found[key]
        low, high = part["interval"]
        rows.append(
            {
                "name": name,
                "count": part["larger"] + part["smaller"],
                "larger": part["larger"],
                "smaller": part["smaller"],
                "difference": NONE if part["median"] is None else f"{part['median']:+.{decimals}f} {unit}",
                "interval": NONE if low is None else f"{low:+.{decimals}f} to {high:+.{decimals}f} {unit}",
                "p": _p(part["p"]),
            }
        )
    nothing = {"count": found["pairs"], "larger": "", "smaller": "", "difference": "", "interval": ""}
    rows.append({"name": "curve of the time to insertion", **nothing, "p": _p(found["log_rank_p"])})
    return {"first": found["first"], "second": found["second"], "verdict": _verdict(found), "rows": rows}


def _is(value: float) -> str:
    """A p-value within a sentence."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _failures(outcomes: Mapping[str, int]) -> str:
    others = {name: count for name, count in outcomes.items() if name != SUCCESS}
    return ", ".join(f"{name} {count}" for name, count in sorted(others.items())) or NONE


def _conduct(figures: Mapping[str, Any], sessions: Sequence[SessionRecord]) -> str:
    ended = figures["ended"] or "it has not ended"
    times = "in one session" if len(sessions) == 1 else f"in {len(sessions)} sessions"
    broken = figures["interrupted_attempts"]
    attempts = "attempt was" if broken == 1 else "attempts were"
    tried = f" {broken} {attempts} interrupted before an outcome, and made again." if broken else ""
    return f"{figures['done']} of {figures['planned']} planned trials {times}: {ended}.{tried}"


def _limits(experiment: Experiment, session: SessionRecord) -> Iterator[str]:
    if session.is_rehearsal:
        yield (
            "This is a rehearsal: arm, plug, socket and force sensor are MuJoCo models, run in real time by a process "
            "of their own. No hardware moved, and a real arm, connector and grip differ in ways that are not in them."
        )
    if experiment.sequential is None:
        yield (
            "The number of places was fixed beforehand; p-values and intervals hold for that. Looking at this page "
            "earlier and stopping when it looks good would break them: that is what a sequential test is for."
        )
    else:
        yield (
            "The experiment stops by its sequential test, whose error rates hold; the p-values of the table are those "
            "of a fixed number of pairs, and are given to be read, not to decide."
        )
    if len(experiment.conditions) > 2:
        yield "With more than two conditions there are several comparisons; their p-values are not corrected for that."
    yield "The places are drawn from the ranges of the protocol; nothing here says what happens outside them."
    yield NOT_SAFETY_RATED


def _gap(gap: Mapping[str, Any], other: str) -> dict[str, Any]:
    rows = []
    for name, part in gap["conditions"].items():
        success, time, force = part["success"], part["time_s"], part["peak_force_n"]
        low, high = (f"{100 * success[bound]:+.1f}" for bound in ("low", "high"))
        rows.append(
            [
                name,
                "{} of {}".format(*part["arm"]),
                "{} of {}".format(*part["simulation"]),
                f"{100 * success['difference']:+.1f} points",
                f"{low} to {high}",
                _p(success["p_value"]),
                f"{number(time['arm'], 2)} / {number(time['simulation'], 2)}",
                _p(time["p"]),
                f"{number(force['arm'], 1)} / {number(force['simulation'], 1)}",
                _p(force["p"]),
            ]
        )
    drift = [
        [
            f"{channel['name']} [{channel['unit']}]",
            f"{channel['distance']:.2f}",
            f"{channel['shift']:+.2f} sd",
            number(channel["spread"], 2),
            f"{channel['arm']:.4g}",
            f"{channel['simulation']:.4g}",
        ]
        for channel in gap["drift"][:SHOWN_CHANNELS]
    ]
    return {"other": other, "rows": rows, "drift": drift, "steps": gap["steps"]}


def headline(figures: Mapping[str, Any]) -> list[str]:
    """The figures in a few lines of text."""
    lines = []
    for name, part in figures["conditions"].items():
        low, high = part["success_interval"]
        lines.append(
            f"{name}: {part['inserted']} of {part['trials']} inserted ({percent(low)} to {percent(high)}), median "
            f"{number(part['time_s']['median'], 2)} s, peak force {number(part['peak_force_n']['p50'], 1)} N"
        )
    return [*lines, *(_verdict(found) for found in figures["comparisons"] if found["pairs"])]
