"""The plots of an experiment's report. matplotlib is imported inside, so that the package runs without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.trials.outcome import FAULT_PREFIX, OPERATOR, SuccessCriterion, TrialResult
from maxent_robot.trials.plotting import (
    CONNECTOR_COLOURS,
    MUTED,
    cumulative,
    force_limit,
    new_figure,
    outcome_colour,
    rates_figure,
    save_figures,
)
from maxent_robot.trials.series import TrialSeries
from maxent_robot.trials.survival import survival_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_FAILURES = 40
"""Panels of the figure of failures."""
_GRID_S = 0.02

Trials = Mapping[str, Sequence[TrialResult]]
"""Results by condition, in the order of the protocol."""


def condition_colours(names: Sequence[str]) -> dict[str, str]:
    """The colour of each condition, the same in all plots."""
    return {name: CONNECTOR_COLOURS[number % len(CONNECTOR_COLOURS)] for number, name in enumerate(names)}


def write_experiment_figures(
    directory: Path, trials: Trials, series: Mapping[int, TrialSeries], criterion: SuccessCriterion
) -> dict[str, Path]:
    """Draw every plot that the data allow into `directory`; the files by name."""
    drawings: dict[str, Callable[[], Figure | None]] = {
        "success": lambda: _success(trials),
        "survival": lambda: _survival(trials, criterion),
        "forces": lambda: _forces(trials, criterion),
        "bands": lambda: _bands(trials, series, criterion),
        "failures": lambda: _failures(trials, series, criterion),
    }
    return save_figures(directory, drawings)


def write_gap_figure(directory: Path, arm: Trials, simulation: Trials, criterion: SuccessCriterion) -> dict[str, Path]:
    """Times and peak forces on the arm (lines) and in simulation (dashed); the file by name."""
    return save_figures(directory, {"gap": lambda: _gap(arm, simulation, criterion)})


def _gap(arm: Trials, simulation: Trials, criterion: SuccessCriterion) -> Figure:
    figure, axes = new_figure(3.3, columns=2)
    left, right = axes[0]
    for name, colour in condition_colours(list(arm)).items():
        for trials, line, where in ((arm, "-", "arm"), (simulation, (0, (4, 2)), "simulation")):
            results = trials.get(name, [])
            if not results:
                continue
            times = sorted(r.time_s for r in results if r.succeeded)
            forces = sorted(r.peak_force_n for r in results)
            for ax, values in ((left, times), (right, forces)):
                style = {"color": colour, "linestyle": line, "linewidth": 1.7, "label": f"{name}, {where}"}
                cumulative(ax, values, len(results), **style)
    left.set(xlabel="time since the start of the skill, s", ylabel="inserted, % of trials", ylim=(0.0, 102.0))
    right.set(xlabel="largest 10 ms mean, N", ylabel="trials below, %", ylim=(0.0, 102.0))
    force_limit(right, criterion.force_limit_n)
    left.set_xlim(left=0.0)
    right.set_xlim(left=0.0)
    left.legend(loc="lower right")
    return figure


def time_to_insertion(
    trials: Sequence[TrialResult], criterion: SuccessCriterion
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Times (n,) and whether the plug went in then (n,); what the operator broke off is censored, see `survival`.

    One that the operator found to be in when the time was up went in just then.
    """
    inserted = np.array([trial.succeeded for trial in trials], dtype=np.bool_)
    longest = criterion.timeout_s
    known = [min(t.time_s, longest) if t.succeeded or t.outcome == OPERATOR else longest for t in trials]
    return np.array(known, dtype=np.float64), inserted


def _success(trials: Trials) -> Figure:
    colours = condition_colours(list(trials))
    return rates_figure(
        {name: (colours[name], sum(r.succeeded for r in results), len(results)) for name, results in trials.items()}
    )


def _survival(trials: Trials, criterion: SuccessCriterion) -> Figure:
    figure, axes = new_figure(3.6)
    ax: Axes = axes[0, 0]
    longest = 1.0
    for name, colour in condition_colours(list(trials)).items():
        times, inserted = time_to_insertion(trials[name], criterion)
        curve = survival_curve(times, inserted)
        x = np.concatenate([[0.0], curve.time_s])
        share, low, high = (np.concatenate([[1.0], y]) for y in (curve.share, curve.low, curve.high))
        ax.fill_between(x, 100 * low, 100 * high, step="post", color=colour, alpha=0.15, linewidth=0)
        ax.step(x, 100 * share, where="post", color=colour, linewidth=1.7, label=name)
        censored = np.array([trial.outcome == OPERATOR for trial in trials[name]], dtype=bool)
        if censored.any():
            at = np.searchsorted(x, times[censored], side="right") - 1
            ax.plot(times[censored], 100 * share[at], "|", color=colour, markersize=9)
        longest = max([longest, *times[inserted]])
    ax.set(
        xlim=(0.0, min(criterion.timeout_s, 1.15 * longest)),
        ylim=(0.0, 101.0),
        xlabel="time since the start of the skill, s",
        ylabel="not inserted yet, %",
    )
    ax.legend(loc="upper right")
    return figure


def _forces(trials: Trials, criterion: SuccessCriterion) -> Figure:
    figure, axes = new_figure(3.2)
    ax: Axes = axes[0, 0]
    strongest = criterion.force_limit_n
    for name, colour in condition_colours(list(trials)).items():
        forces = sorted(trial.peak_force_n for trial in trials[name])
        cumulative(ax, forces, len(forces), color=colour, linewidth=1.7, label=name)
        strongest = max([strongest, *forces])
    force_limit(ax, criterion.force_limit_n)
    ax.set(xlim=(0.0, 1.05 * strongest), ylim=(0.0, 102.0), xlabel="largest 10 ms mean, N", ylabel="trials below, %")
    ax.legend(loc="upper left")
    return figure


def _bands(trials: Trials, series: Mapping[int, TrialSeries], criterion: SuccessCriterion) -> Figure | None:
    drawn = {
        name: [series[r.trial] for r in results if r.trial in series and series[r.trial].time_s.size]
        for name, results in trials.items()
    }
    if not any(drawn.values()):
        return None
    end_s = max(float(np.percentile([s.time_s[-1] for s in chosen], 95.0)) for chosen in drawn.values() if chosen)
    grid = np.arange(0.0, end_s + _GRID_S, _GRID_S)
    figure, axes = new_figure(3.4, columns=2)
    panels: tuple[tuple[Axes, str, float, str], ...] = (
        (axes[0, 0], "depth_m", 1e3, "depth, mm"),
        (axes[0, 1], "force_n", 1.0, "contact force, N"),
    )
    for ax, channel, scale, label in panels:
        for name, colour in condition_colours(list(trials)).items():
            if not drawn[name]:
                continue
            rows = np.array([_held(s.time_s, scale * getattr(s, channel), grid) for s in drawn[name]])
            low, middle, high = np.percentile(rows, [5.0, 50.0, 95.0], axis=0)
            ax.fill_between(grid, low, high, color=colour, alpha=0.15, linewidth=0)
            ax.plot(grid, middle, color=colour, linewidth=1.7, label=name)
        ax.set(xlim=(0.0, end_s), xlabel="time since the start of the skill, s", ylabel=label)
        ax.legend(loc="lower right" if channel == "depth_m" else "upper right")
    axes[0, 0].axhline(0.0, color="#aab4be", linewidth=0.9)
    axes[0, 1].set_ylim(bottom=0.0)
    return figure


def _held(time_s: NDArray[np.float64], values: NDArray[np.float64], grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """The samples on a grid, the last one kept to its end."""
    return np.interp(grid, time_s, values, left=float(values[0]), right=float(values[-1]))


def failed(trials: Trials) -> list[TrialResult]:
    """Everything that did not insert, in the order of the trials."""
    return sorted((r for results in trials.values() for r in results if not r.succeeded), key=lambda r: r.trial)


def _failures(trials: Trials, series: Mapping[int, TrialSeries], criterion: SuccessCriterion) -> Figure | None:
    shown = [r for r in failed(trials) if r.trial in series and series[r.trial].time_s.size][:MAX_FAILURES]
    if not shown:
        return None
    columns = 4
    rows = -(-len(shown) // columns)
    figure, axes = new_figure(0.4 + 1.7 * rows, rows, columns, sharex=True, sharey=True)
    for ax, result in zip(axes.flat, shown, strict=False):
        samples = series[result.trial]
        colour = outcome_colour(result.outcome)
        ax.axhspan(
            1e3 * (result.full_depth_m - criterion.depth_tolerance_m),
            1e3 * result.full_depth_m,
            color="#d9ede6",
            zorder=0,
        )
        ax.plot(samples.time_s, 1e3 * samples.depth_m, color=colour, linewidth=1.5)
        twin: Any = ax.twinx()
        twin.fill_between(samples.time_s, samples.force_n, color=MUTED, alpha=0.25, linewidth=0)
        twin.set_ylim(0.0, 2.5 * criterion.force_limit_n)
        twin.grid(visible=False)
        twin.tick_params(labelright=False)
        ax.set_title(f"{result.trial}", fontsize=9, pad=3)
        ending = f"{result.condition}: {result.outcome.removeprefix(FAULT_PREFIX)}"
        ax.set_title(ending, color=colour, fontsize=7.5 if len(ending) < 22 else 6.0, loc="right", pad=3)
    for ax in axes.flat[len(shown) :]:
        ax.set_visible(False)
    figure.supxlabel("time, s", color=MUTED, fontsize=9)
    figure.supylabel("depth, mm", color=MUTED, fontsize=9)
    return figure
