"""The figures of `composition_plug.py`, and the page and the plot of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from plug_trainings import FAMILY, INSERT, SUM

from maxent_robot.trials.statistics import mcnemar_exact, summarise, wilson_interval

Array = NDArray[np.float64]

EQUAL_S, LONGER_S = 10.0, 15.0
"""The time that an insertion has, and half as much again."""

PRODUCT, BEST, ALONE, SUMMED = "product of the actors", "hybrid, avoid x 2", "insert alone", "trained on the sum"
AVOIDS = "avoid alone"
"""Methods that the bars are about."""

OBSTACLE = "a ball of 6 mm half-way that swings by up to 4 mm"


def clean(run: dict[str, Any], within_s: float) -> NDArray[np.bool_]:
    """(episodes,) whether it was inserted in this time and never in the obstacle."""
    inserted, collided = (_seconds(run[key]) for key in ("inserted_s", "collided_s"))
    return (inserted <= within_s) & np.isinf(collided)


def _seconds(values: Sequence[float | None]) -> Array:
    return np.array([np.inf if value is None else value for value in values])


def figures(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One method over all seeds: rates of all episodes with their 95 % intervals, and of each seed."""
    clean_equal, clean_longer = (np.concatenate([clean(run, limit) for run in runs]) for limit in (EQUAL_S, LONGER_S))
    inserted = np.concatenate([_seconds(run["inserted_s"]) for run in runs])
    collided = np.isfinite(np.concatenate([_seconds(run["collided_s"]) for run in runs]))
    shares = [run["ess_share"] for run in runs if run["ess_share"] is not None]
    return {
        "episodes": len(inserted),
        "episodes_of_a_seed": len(runs[0]["inserted_s"]),
        "weights": runs[0]["weights"],
        **_rate("clean", clean_equal),
        **_rate("clean_longer", clean_longer),
        **_rate("collided", collided),
        **_rate("inserted", inserted <= EQUAL_S),
        "clean_of_seeds": [float(clean(run, EQUAL_S).mean()) for run in runs],
        "collided_of_seeds": [float(np.isfinite(_seconds(run["collided_s"])).mean()) for run in runs],
        "median_s": summarise(inserted[clean_longer]).median if clean_longer.any() else None,
        "stopped_by_force": sum(run["stopped_by_force"] for run in runs),
        "ess_share": float(np.mean(shares)) if shares else None,
        "primary_alone": float(np.mean([run["primary_alone"] for run in runs])),
    }


def _rate(name: str, which: NDArray[np.bool_]) -> dict[str, Any]:
    return {name: float(which.mean()), f"{name}_interval": list(wilson_interval(int(which.sum()), len(which)))}


def bars(of: dict[str, dict[str, Any]], runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """What is asked of the best composition, and whether it is met."""
    own, best = of[ALONE]["inserted"], of[BEST]
    product = max((name for name in of if name.startswith(PRODUCT)), key=lambda name: float(of[name]["clean"]))
    pair = mcnemar_exact(*(np.concatenate([clean(run, EQUAL_S) for run in runs[name]]) for name in (BEST, product)))
    return {
        "insert_alone_collides": of[ALONE]["collided"],
        "avoid_alone_inserts": of[AVOIDS]["inserted"],
        "of_insert_at_equal_time": best["clean"] / own,
        "of_insert_at_longer_time": best["clean_longer"] / own,
        "collided": best["collided"],
        "best_product": product,
        "better_than_the_product": pair.difference,
        "p_value_against_the_product": pair.p_value,
        "met": bool(
            of[ALONE]["collided"] >= 0.5
            and own >= 0.95
            and of[AVOIDS]["inserted"] <= 0.05
            and best["clean"] >= 0.9 * own
            and best["clean_longer"] >= 0.95 * own
            and best["collided"] <= 0.02
            and pair.difference >= 0.1
        ),
    }


def page(document: dict[str, Any]) -> str:
    """The figures as a page of Markdown."""
    asked, costs = document["bars"], document["training"]
    seeds, episodes = len(costs[INSERT]["steps"]), document["methods"][ALONE]["episodes_of_a_seed"]
    lines = [
        f"""\
# Inserting past a moving obstacle

Written by `python benchmarks/composition_plug.py`. {seeds} training seeds, the same {episodes} episodes for all:
+-2 mm and 2 degrees of error, 0.3 mm a side, starts 25 to 35 mm above the socket, {OBSTACLE}.
*Clean*: inserted in time ({EQUAL_S:g} s, {LONGER_S:g} s) and never in the ball; rates of all seeds with 95 %
intervals, in brackets the seeds. *ESS*: effective share of 128 candidates.

![clean episodes and collisions](composition_plug.png)

| method | weights | clean in {EQUAL_S:g} s | clean in {LONGER_S:g} s | collided | inserted in time | median | ESS |
| --- | --- | --- | --- | --- | ---: | ---: | ---: |"""
    ]
    for name, row in document["methods"].items():
        of_seeds = ", ".join(f"{share:.1%}" for share in row["clean_of_seeds"])
        median = "" if row["median_s"] is None else f"{row['median_s']:.2f} s"
        share = "" if row["ess_share"] is None else f"{row['ess_share']:.2f}"
        lines.append(
            f"| {name} | {', '.join(f'{weight:g}' for weight in row['weights'])} "
            f"| {_with_interval(row, 'clean')} [{of_seeds}] | {_with_interval(row, 'clean_longer')} "
            f"| {_with_interval(row, 'collided')} | {row['inserted']:.1%} | {median} | {share} |"
        )
    spent = {
        kind: f"{np.mean(cost['minutes']):.0f} min ({max(cost['steps']) // 1000}k steps)"
        for kind, cost in costs.items()
    }
    lines.append(
        f"""
Insert alone collides in {asked["insert_alone_collides"]:.0%}. `{BEST}` is clean in
{asked["of_insert_at_equal_time"]:.1%} of what insert alone inserts (collisions not counted) at equal time and in
{asked["of_insert_at_longer_time"]:.1%} at half as much again, and collides in {asked["collided"]:.1%}. It is
{100 * asked["better_than_the_product"]:.0f} points better than `{asked["best_product"]}` (McNemar, p =
{asked["p_value_against_the_product"]:.1g}).

Training, mean of the seeds: insert {spent[INSERT]}, avoid and gentle together {spent[FAMILY]},
on the sum {spent[SUM]}. R2 of the critics: """
        + "; ".join(
            f"{name} {', '.join(f'{value:.2f}' for value in values)}" for name, values in document["r2"].items()
        )
        + "."
    )
    return "\n".join(lines) + "\n"


def _with_interval(row: dict[str, Any], name: str) -> str:
    low, high = row[f"{name}_interval"]
    return f"{row[name]:.1%} ({low:.1%} to {high:.1%})"


def plot(methods: dict[str, dict[str, Any]], path: Path) -> None:
    """Clean episodes and collisions of each method, with intervals and seeds."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        1, 2, figsize=(11, 0.38 * len(methods) + 1.3), sharey=True, layout="constrained", width_ratios=(3, 2)
    )
    for axis, name, colour in zip(axes, ("clean", "collided"), ("tab:blue", "tab:red"), strict=True):
        for place, row in enumerate(methods.values()):
            low, high = row[f"{name}_interval"]
            value = row[name]
            axis.errorbar(value, place, xerr=[[value - low], [high - value]], fmt="o", color=colour)
            axis.plot(row[f"{name}_of_seeds"], [place] * len(row[f"{name}_of_seeds"]), "|", color="0.4", markersize=10)
        axis.set_xlim(-0.02, 1.02)
        axis.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(range(len(methods)), list(methods))
    axes[0].invert_yaxis()
    axes[0].set_xlabel(f"inserted in {EQUAL_S:g} s and never in the ball")
    axes[1].axvline(0.02, linestyle="--", color="0.4")
    axes[1].set_xlabel("in the ball at some time (dashed: 2 %)")
    figure.suptitle("dot: all seeds, 95 %; strokes: each seed", fontsize=9)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
