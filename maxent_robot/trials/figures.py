"""The plots of the report, each a PNG file. matplotlib is imported inside, so that the package runs without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from maxent_robot.trials.outcome import (
    FAULT_PREFIX,
    FORCE_STOP,
    SuccessCriterion,
    TrialResult,
)
from maxent_robot.trials.plotting import (
    CONNECTOR_COLOURS,
    INK,
    MUTED,
    OUTCOME_COLOURS,
    cumulative,
    force_limit,
    new_figure,
    outcome_colour,
    rates_figure,
    save_figures,
)
from maxent_robot.trials.series import TrialSeries

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_PANELS = 60
"""Panels of a figure with one panel a trial: every failure, then the first successes."""


def write_figures(
    directory: Path, trials: Sequence[TrialResult], series: Mapping[int, TrialSeries], criterion: SuccessCriterion
) -> dict[str, Path]:
    """Draw every plot that the data allow into `directory`; returns the files by name, in the order of the report."""
    drawings: dict[str, Callable[[], Figure | None]] = {
        "success": lambda: _success(trials),
        "distributions": lambda: _distributions(trials, criterion),
        "depth": lambda: _depth(trials, series, criterion),
        "force": lambda: _force(trials, series, criterion),
        "latency": lambda: _latency(trials, series),
    }
    return save_figures(directory, drawings)


def _connectors(trials: Sequence[TrialResult]) -> dict[str, str]:
    """Colour of each connector, in the order in which they were tried."""
    names = dict.fromkeys(trial.connector for trial in trials)
    return {name: CONNECTOR_COLOURS[i % len(CONNECTOR_COLOURS)] for i, name in enumerate(names)}


def _success(trials: Sequence[TrialResult]) -> Figure:
    """Overall, then each connector."""
    groups = {}
    for name, colour in {"all trials": INK, **_connectors(trials)}.items():
        chosen = [t for t in trials if name == "all trials" or t.connector == name]
        groups[name] = colour, sum(t.succeeded for t in chosen), len(chosen)
    return rates_figure(groups)


def _distributions(trials: Sequence[TrialResult], criterion: SuccessCriterion) -> Figure:
    """Cumulative shares: inserted by a time, and peak force below a value."""
    figure, axes = new_figure(3.3, columns=2)
    left, right = axes[0]
    longest, strongest = 1.0, 1.0
    for name, colour in _connectors(trials).items():
        chosen = [t for t in trials if t.connector == name]
        times = sorted(t.time_s for t in chosen if t.succeeded)
        forces = sorted(t.peak_force_n for t in chosen)
        _staircase(left, times, len(chosen), colour, name)
        _staircase(right, forces, len(chosen), colour, name)
        longest, strongest = max([longest, *times]), max([strongest, *forces])
    left.set(title="Time to insertion", xlabel="time since the start of the skill, s", ylabel="inserted, % of trials")
    left.set_xlim(0, min(criterion.timeout_s, 1.15 * longest))
    right.set(title="Peak contact force", xlabel="largest 10 ms mean, N", ylabel="trials below, %")
    right.set_xlim(0, 1.08 * max(strongest, criterion.force_limit_n))
    force_limit(right, criterion.force_limit_n)
    for ax in (left, right):
        ax.set_ylim(0, 104)
        ax.legend(loc="lower right" if ax is left else "upper left")
    return figure


def _staircase(ax: Axes, values: Sequence[float], count: int, colour: str, label: str) -> None:
    """Empirical distribution of `values` among `count` trials, one dot a trial."""
    if not values:
        ax.plot([], [], color=colour, label=label)
        return
    cumulative(ax, values, count, color=colour, linewidth=1.6, label=label)
    ax.plot(
        values, 100.0 * np.arange(1, len(values) + 1) / count, "o", color=colour, markersize=3.6 if count <= 60 else 1.8
    )


def _depth(
    trials: Sequence[TrialResult], series: Mapping[int, TrialSeries], criterion: SuccessCriterion
) -> Figure | None:
    def draw(ax: Axes, trial: TrialResult, samples: TrialSeries) -> None:
        full_mm, tolerance_mm = 1e3 * trial.full_depth_m, 1e3 * criterion.depth_tolerance_m
        ax.axhspan(full_mm - tolerance_mm, full_mm, color="#d9ede6", zorder=0)
        ax.axhline(0.0, color="#aab4be", linewidth=0.9)
        ax.plot(samples.time_s, 1e3 * samples.depth_m, color=outcome_colour(trial.outcome), linewidth=1.4)

    return _panels(trials, series, "depth, mm", draw)


def _force(
    trials: Sequence[TrialResult], series: Mapping[int, TrialSeries], criterion: SuccessCriterion
) -> Figure | None:
    def draw(ax: Axes, trial: TrialResult, samples: TrialSeries) -> None:
        ax.axhline(criterion.force_limit_n, color=OUTCOME_COLOURS[FORCE_STOP], linewidth=0.9, linestyle=(0, (4, 3)))
        colour = outcome_colour(trial.outcome)
        ax.fill_between(samples.time_s, samples.force_n, color=colour, alpha=0.18, linewidth=0)
        ax.plot(samples.time_s, samples.force_n, color=colour, linewidth=0.9)
        ax.set_ylim(bottom=0.0)

    return _panels(trials, series, "force, N", draw)


def panel_trials(trials: Sequence[TrialResult], series: Mapping[int, TrialSeries]) -> list[TrialResult]:
    """The trials that get a panel, in their order: every failure first in line, then successes, up to `MAX_PANELS`."""
    drawn = [t for t in trials if t.trial in series and series[t.trial].time_s.size]
    kept = sorted(drawn, key=lambda t: (t.succeeded, t.trial))[:MAX_PANELS]
    return sorted(kept, key=lambda t: t.trial)


def _panels(
    trials: Sequence[TrialResult],
    series: Mapping[int, TrialSeries],
    label: str,
    draw: Callable[[Axes, TrialResult, TrialSeries], None],
) -> Figure | None:
    """One small panel a trial on shared axes, five in a row."""
    from matplotlib.ticker import MaxNLocator

    chosen = panel_trials(trials, series)
    if not chosen:
        return None
    columns = 5
    rows = -(-len(chosen) // columns)
    figure, axes = new_figure(0.35 + 1.45 * rows, rows, columns, sharex=True, sharey=True)
    for ax, trial in zip(axes.flat, chosen, strict=False):
        draw(ax, trial, series[trial.trial])
        ending = f"{trial.time_s:.1f} s" if trial.succeeded else trial.outcome.removeprefix(FAULT_PREFIX)
        ax.set_title(f"{trial.trial}", color=INK, fontsize=9, pad=3)
        indent = 4 + 6.2 * len(str(trial.trial))
        ax.annotate(
            trial.connector, (0, 1), (indent, 3.4), xycoords="axes fraction", textcoords="offset points",
            color=MUTED, fontsize=8,
        )  # fmt: skip
        ending = f"{trial.time_s:.1f} s" if trial.succeeded else trial.outcome.removeprefix(FAULT_PREFIX)
        size = 8.5 if len(ending) < 12 else 6.5
        ax.set_title(ending, color=outcome_colour(trial.outcome), fontsize=size, loc="right", pad=3)
    axes[0, 0].xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], prune="upper"))
    axes[0, 0].xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes[0, 0].set_xlim(0.0, 1.02 * max(float(series[trial.trial].time_s[-1]) for trial in chosen))
    for ax in axes.flat[len(chosen) :]:
        ax.set_visible(False)
    for column in range(columns):
        below = [row for row in range(rows) if row * columns + column < len(chosen)]
        if below:
            axes[below[-1], column].tick_params(labelbottom=True)
    figure.supxlabel("time, s", color=MUTED, fontsize=9)
    figure.supylabel(label, color=MUTED, fontsize=9)
    return figure


def _latency(trials: Sequence[TrialResult], series: Mapping[int, TrialSeries]) -> Figure | None:
    """Every policy step of every trial."""
    chosen = [series[t.trial].latency_ms for t in trials if t.trial in series]
    latency = np.concatenate(chosen) if chosen else np.zeros(0)
    latency = latency[latency > 0.0]
    if latency.size == 0:
        return None
    figure, axes = new_figure(2.5)
    ax: Axes = axes[0, 0]
    low, high = float(latency.min()), float(latency.max())
    edges = np.geomspace(0.9 * low, 1.1 * high, 60)
    ax.hist(latency, bins=edges.tolist(), color=CONNECTOR_COLOURS[0], alpha=0.75)
    ax.set_xscale("log")
    for row, (name, percent) in enumerate((("p99", 99), ("p95", 95), ("p50", 50))):
        value = float(np.percentile(latency, percent))
        ax.axvline(value, color=INK, linewidth=1.0, linestyle=(0, (3, 3)))
        ax.annotate(
            f"{name}  {value:.2f} ms", (value, 1.0), (4, -9 - 13 * row), xycoords=("data", "axes fraction"),
            textcoords="offset points", fontsize=8.5, color=INK,
        )  # fmt: skip
    ax.set(xlabel="age of the joint state when the candidate leaves, ms (logarithmic)", ylabel="policy steps")
    ticks = [base * 10.0**power for power in range(-3, 5) for base in (1, 2, 5)]
    ax.set_xticks([tick for tick in ticks if edges[0] <= tick <= edges[-1]])
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.minorticks_off()
    ax.set_ylim(top=1.3 * ax.get_ylim()[1])
    return figure
