"""What a comparison shows: a table to read, two tables to go on with, and the curves."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from maxent_robot.learning.comparison.figures import MINIMUM_SEEDS, bootstrap_interval, interquartile_mean
from maxent_robot.learning.comparison.run_groups import RunGroup
from maxent_robot.trials.plotting import GRID, INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVES_FILE, SUMMARY_FILE, FIGURE_FILE = "curves.csv", "summary.csv", "curves.png"

CURVE_COLUMNS = (
    "group", "seed", "run", "step", "training_s", "mean_return", "episodes", "successes", "success", "median_time_s",
    "p95_force_n",
)  # fmt: skip

COLOURS = ("#2c67ad", "#c5552b", "#17795e", "#8a4fa3", "#b08a00", "#4d8a91", "#b3457c", "#5b6470")
LINES = ("-", "--", ":")

INTERVALS = (
    "score: mean return over the last three evaluations of a run; IQM: interquartile mean over seeds, with its 95 % "
    "percentile bootstrap interval"
)
FEW_SEEDS = (
    f"no interval for fewer than {MINIMUM_SEEDS} seeds, whose resamples say nothing about other seeds: their scores "
    "stand there"
)
POOLED = (
    "success: episodes of one evaluation of each seed together, with the 95 % Wilson interval; time and peak force: "
    "medians over seeds, last evaluation. The best of many evaluations is flattered by the choice"
)
SHARES = "over all tasks: scores as shares of the mean of the first method on that task, resampled within tasks"

CAPTION = (
    "lines: interquartile mean over seeds; bands: its 95 % bootstrap interval; thin lines: single seeds, where there "
    f"are fewer than {MINIMUM_SEEDS}"
)

_STYLE: dict[str, Any] = {
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": "#b8c1ca",
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "savefig.facecolor": "white",
}


def format_report(figures: Sequence[Mapping[str, Any]], overall: Sequence[Mapping[str, Any]]) -> str:
    """The figures of all groups as text: a table for each task, then one over all tasks, then what the words mean."""
    lines: list[str] = []
    notes = dict.fromkeys([INTERVALS])
    for task in dict.fromkeys(row["task"] for row in figures):
        rows = [row for row in figures if row["task"] == task]
        lines += [task, *_table(_score_rows(rows)), ""]
        if any(row["interval"] is None for row in rows):
            notes[FEW_SEEDS] = None
        if all("success_last" in row for row in rows):
            lines += [*_table(_success_rows(rows)), ""]
            notes[POOLED] = None
    if overall:
        lines += ["all tasks", *_table(_overall_rows(overall)), ""]
        notes[SHARES] = None
    return "\n".join([*lines, *(f"{note}." for note in notes)])


def _score_rows(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    table = [["method", "seeds", "steps", "training", "mean score", "IQM", "95 % interval"]]
    for row in rows:
        interval = row["interval"]
        table.append(
            [
                row["method"],
                str(len(row["scores"])),
                f"{row['steps']:g}",
                _duration(row["training_min"]),
                f"{row['mean_score']:.1f}",
                f"{row['interquartile_mean']:.1f}",
                ", ".join(f"{s:.1f}" for s in row["scores"])
                if interval is None
                else f"{interval[0]:.1f} to {interval[1]:.1f}",
            ]
        )
    return table


def _success_rows(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    table = [["method", "success, last evaluation", "success, best evaluation", "time", "peak force p95"]]
    for row in rows:
        last = row["success_last"]
        time = "none" if last["median_time_s"] is None else f"{last['median_time_s']:.2f} s"
        table.append(
            [row["method"], _rate(last), _rate(row["success_best"]), time, f"{last['p95_force_n']:.1f} N"],
        )
    return table


def _overall_rows(overall: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    table = [["method", "runs", "IQM of shares", "95 % interval"]]
    for row in overall:
        interval = "" if row["interval"] is None else f"{row['interval'][0]:.2f} to {row['interval'][1]:.2f}"
        table.append([row["method"], str(row["runs"]), f"{row['interquartile_mean']:.2f}", interval])
    return table


def _duration(minutes: float) -> str:
    return f"{minutes:.1f} min" if minutes >= 1.0 else f"{60.0 * minutes:.0f} s"


def _rate(figures: Mapping[str, Any]) -> str:
    low, high = figures["interval"]
    rate = f"{figures['successes']}/{figures['episodes']} = {100 * figures['success']:.1f} %"
    return f"{rate} [{100 * low:.1f}, {100 * high:.1f}]"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of equal length in columns, the first to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]


def write_tables(directory: Path, groups: Sequence[RunGroup], figures: Sequence[Mapping[str, Any]]) -> None:
    """Write `curves.csv`, one row an evaluation of a run, and `summary.csv`, one row a group."""
    with (directory / CURVES_FILE).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, CURVE_COLUMNS, restval="", extrasaction="ignore")
        writer.writeheader()
        for group in groups:
            for run in group.runs:
                origin = {"group": group.label, "seed": run.seed, "run": str(run.directory)}
                writer.writerows({**record, **origin} for record in run.evaluations)
    rows = [_summary_row(group, row) for group, row in zip(groups, figures, strict=True)]
    with (directory / SUMMARY_FILE).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)), restval="")
        writer.writeheader()
        writer.writerows(rows)


def _summary_row(group: RunGroup, figures: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"group": group.label}
    for key, value in figures.items():
        if key.startswith("success_"):
            row.update({f"{key}_{name}": item for name, item in value.items() if name != "interval"})
            row[f"{key}_low"], row[f"{key}_high"] = value["interval"]
        elif key == "interval":
            row["low"], row["high"] = value or ("", "")
        elif key == "differences":
            row[key] = " ".join(f"{name}={item}" for name, item in value.items())
        elif key != "runs":
            row[key] = " ".join(map(str, value)) if isinstance(value, list) else value
    return row


def draw_curves(path: Path, groups: Sequence[RunGroup]) -> None:
    """Draw the curve of each group, a row of panels a task: against steps and against training time.

    A curve is the interquartile mean over seeds with its bootstrap band; with fewer than three seeds, each seed is a
    thin line instead of the band.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    tasks = list(dict.fromkeys(group.task for group in groups))
    methods = list(dict.fromkeys(group.method for group in groups))
    style: Any = _STYLE
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(10.0, 3.5 * len(tasks)), layout="constrained")
        FigureCanvasAgg(figure)
        rows = np.atleast_1d(np.array(figure.subfigures(len(tasks), 1), dtype=object))
        for row, task in zip(rows, tasks, strict=True):
            chosen = [group for group in groups if group.task == task]
            axes = row.subplots(1, 2, sharey=True)
            longest_s = max(run.training_s for group in chosen for run in group.runs)
            most_steps = max(run.evaluations[-1]["step"] for group in chosen for run in group.runs)
            unit_s, unit = (60.0, "min") if longest_s > 120.0 else (1.0, "s")
            unit_steps, steps_label = (
                (1000.0, "environment steps, thousands") if most_steps > 2000 else (1.0, "environment steps")
            )
            rate = all(group.has_success for group in chosen)
            for group in chosen:
                number = methods.index(group.method)
                colour, line = COLOURS[number % len(COLOURS)], LINES[number // len(COLOURS) % len(LINES)]
                steps, times_s, values = group.curves("success" if rate else "mean_return")
                values = 100.0 * values if rate else values
                label = f"{group.method} ({len(group.runs)} seed{'s' if len(group.runs) > 1 else ''})"
                for ax, x in zip(axes, (steps / unit_steps, times_s / unit_s), strict=True):
                    _draw_curve(ax, x, values, label, colour, line)
            axes[0].set(xlabel=steps_label, ylabel="success, %" if rate else "mean return")
            axes[1].set(xlabel=f"training time, {unit}")
            axes[1].tick_params(labelleft=True)
            for ax in axes:
                ax.set_xlim(left=0.0)
                if rate:
                    ax.set_ylim(-3.0, 103.0)
            row.suptitle(task, x=0.01, ha="left", fontsize=11.5, fontweight="bold")
            handles, labels = axes[0].get_legend_handles_labels()
            columns = max(1, min(len(labels), 150 // (8 + max(map(len, labels)))))
            legend = row.legend(handles, labels, loc="outside lower left", ncols=columns, fontsize=9, alignment="left")
            if task == tasks[-1]:
                legend.set_title(CAPTION, {"size": 8.5})
                legend.get_title().set_color(MUTED)
        figure.savefig(path, dpi=150)


def _draw_curve(ax: Axes, x: np.ndarray, values: np.ndarray, label: str, colour: str, line: str) -> None:
    """One group: `values` (seeds, n) over `x` (n,)."""
    marker = "o" if x.size == 1 else ""
    middle = interquartile_mean(values, axis=0)
    ax.plot(x, middle, line, color=colour, linewidth=1.8, marker=marker, markersize=4.0, label=label)
    if x.size == 0:
        return
    if values.shape[0] >= MINIMUM_SEEDS:
        low, high = bootstrap_interval(values.T)
        ax.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0.0)
    else:
        for row in values:
            ax.plot(x, row, line, color=colour, linewidth=0.8, alpha=0.5)
