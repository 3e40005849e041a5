"""What the plots of all reports share: colours, style, files. matplotlib is imported inside functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from maxent_robot.trials.outcome import (
    FAULT_PREFIX,
    FORCE_STOP,
    JAM,
    NOT_INSERTED,
    OPERATOR,
    SUCCESS,
    TIMEOUT,
)
from maxent_robot.trials.statistics import wilson_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OUTCOME_COLOURS = {
    SUCCESS: "#17795e",
    TIMEOUT: "#946000",
    JAM: "#a2521c",
    FORCE_STOP: "#c5352b",
    "fault": "#7b3fa3",
    NOT_INSERTED: "#946000",
    OPERATOR: "#5b6673",
}
CONNECTOR_COLOURS = ("#2c67ad", "#b3457c", "#4d8a91", "#8a6d3b")
INK, MUTED, GRID = "#1d2733", "#6b7785", "#e4e8ec"

WIDTH_IN = 11.2
"""Width of a plot that fills the report's column: 1120 px at 100 px an inch, saved at twice that."""

STYLE: dict[str, Any] = {
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": "#b8c1ca",
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


def outcome_colour(outcome: str) -> str:
    """Colour of an outcome, the same in every plot and in the tables."""
    return OUTCOME_COLOURS["fault" if outcome.startswith(FAULT_PREFIX) else outcome]


def save_figures(directory: Path, drawings: Mapping[str, Callable[[], Figure | None]]) -> dict[str, Path]:
    """Draw each figure in the common style into `directory`, those that are None left out; the files by name."""
    import matplotlib

    files: dict[str, Path] = {}
    style: Any = {**STYLE, "font.family": font_family()}
    with matplotlib.rc_context(style):
        for name, draw in drawings.items():
            figure = draw()
            if figure is not None:
                files[name] = directory / f"{name}.png"
                figure.savefig(files[name], dpi=200)
    return files


def font_family() -> str:
    """The first font of the page's own list that is installed, else the one that comes with matplotlib."""
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    wanted = ("Inter", "Helvetica Neue", "Arial", "Liberation Sans")
    return next((name for name in wanted if name in installed), "DejaVu Sans")


def new_figure(height_in: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Figure, Any]:
    """A figure without pyplot, which would keep it alive and may look for a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def rates_figure(groups: Mapping[str, tuple[str, int, int]]) -> Figure:
    """Success rates with their intervals: for each name a colour, the number inserted, and of how many."""
    figure, axes = new_figure(0.75 + 0.42 * len(groups))
    ax = axes[0, 0]
    for row, (colour, inserted, count) in enumerate(groups.values()):
        low, high = wilson_interval(inserted, count)
        ax.plot([100 * low, 100 * high], [row, row], color=colour, linewidth=7, alpha=0.28, solid_capstyle="round")
        if count:
            ax.plot(100 * inserted / count, row, "o", color=colour, markersize=9, clip_on=False, zorder=5)
        text = f"{inserted} of {count}    {100 * low:.0f} to {100 * high:.0f} %"
        ax.text(103, row, text, va="center", ha="left", color=INK)
    ax.set_yticks(range(len(groups)), list(groups), color=INK, fontsize=9.5)
    ax.set(xlim=(0, 100), ylim=(len(groups) - 0.5, -0.5))
    ax.tick_params(axis="y", pad=12)
    ax.set_xlabel("inserted, % (dot) with its 95 % Wilson interval (bar)")
    ax.spines["left"].set_visible(False)
    ax.grid(visible=False, axis="y")
    return figure


def cumulative(ax: Axes, values: Sequence[float], count: int, **style: Any) -> None:
    """Share of `count` trials that have at most a value, as steps from 0; `values` rise."""
    ax.step([0.0, *values], 100.0 * np.arange(len(values) + 1) / max(1, count), where="post", **style)


def force_limit(ax: Axes, limit_n: float) -> None:
    """The limit of the contact force, on an axis of forces and shares."""
    colour = OUTCOME_COLOURS[FORCE_STOP]
    ax.axvline(limit_n, color=colour, linewidth=1.2, linestyle=(0, (4, 3)))
    ax.text(limit_n, 4, "limit ", color=colour, fontsize=8.5, ha="right", va="bottom")
