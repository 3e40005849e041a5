"""The air-hockey tables: restitution at every speed, steps per second, and how far the outcomes of shots agree.

    python benchmarks/hockey_physics.py    # two minutes

Results: benchmarks/results/hockey_physics.json, .md and .png. The exit status is 1 where a figure misses its bound.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from command_line import exit_status
from numpy.typing import NDArray
from pages import add_arguments, write_results
from provenance import ROOT, provenance
from tqdm import tqdm

from maxent_robot.trials.statistics import wilson_interval
from sim.hockey.config import Puck, TableConfig
from sim.hockey.launches import fixed_shots
from sim.hockey.planar import PlanarTable
from sim.hockey.reference import MujocoTable
from sim.hockey.state import HOME, Table, TableState

RESULTS = ROOT / "benchmarks" / "results" / "hockey_physics.json"
SPEEDS = (0.3, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
SETTINGS = (0.3, 0.6, 0.8, 0.9, 1.0)
TABLES: dict[str, Callable[[TableConfig, int], Table]] = {"NumPy": PlanarTable, "MuJoCo": MujocoTable}
SIZES = {"NumPy": (1, 16, 64, 256, 1024), "MuJoCo": (1, 64)}
SHOTS, MANY_SHOTS, SHOT_PERIODS = 200, 4000, 100
WITHIN, HALVED, BETWEEN = 0.02, 0.02, 0.05
STEPS_PER_S = {"NumPy": 100_000, "MuJoCo": 10_000}


def restitution(kind: str, setting: float, surface: str) -> list[float]:
    """What is left of the normal velocity at each of `SPEEDS`, off a rim or off a mallet that hardly gives way."""
    config = TableConfig(restitution_rim=setting, restitution_mallet=setting, puck=Puck(drag_1_s=0.0))
    n = len(SPEEDS)
    state = TableState.at_rest(n, config)
    state.mallets[:, HOME] = state.targets[:, HOME] = config.mallet.zone_x_m[0], 0.0
    gap = 1e-3
    if surface == "rim":
        state.puck[:, 1] = 0.5 * config.width_m - config.puck.radius_m - gap
        axis, towards = 1, 1.0
    else:
        state.puck[:, 0] = state.mallets[:, HOME, 0] + config.puck.radius_m + config.mallet.radius_m + gap
        axis, towards = 0, -1.0
    state.puck_velocity[:, axis] = towards * np.array(SPEEDS)
    table = TABLES[kind](config, n)
    table.place(state)
    for _ in range(2):
        table.step(np.zeros((n, 2, 2)))
    after = -towards * table.state.puck_velocity[:, axis] / np.array(SPEEDS)
    if surface == "mallet":
        # Newton's law is about the velocities of both: v' = v (e - m / M) / (1 + m / M) off a mallet at rest.
        ratio = config.puck.mass_kg / config.mallet.mass_kg
        after = after * (1.0 + ratio) + ratio
    return [float(value) for value in after]


def steps_per_s(kind: str, n: int) -> float:
    """Control steps of all tables in a second of one core, the median of five rounds of random play."""
    config, generator = TableConfig(), np.random.default_rng(0)
    table = TABLES[kind](config, n)
    table.place(fixed_shots(config, n, 0))
    steps = max(10, (20_000 if kind == "NumPy" else 4_000) // n)
    actions = generator.uniform(-1.5, 1.5, (steps, n, 2, 2))
    rates = []
    for _ in range(5):
        began = time.process_time()
        for action in actions:
            happened = table.step(action)
            scored = np.flatnonzero(happened.goal)
            if scored.size:
                fresh = fixed_shots(config, len(scored), int(generator.integers(2**31)))
                table.place(fresh, scored)
        rates.append(steps * n / (time.process_time() - began))
    return float(np.median(rates))


def goals(table: Table, n: int) -> NDArray[np.bool_]:
    """Which of the fixed shots go in before they come back over the middle, (n,)."""
    table.place(fixed_shots(table.config, n, 0))
    goal, over, back = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    for _ in range(SHOT_PERIODS):
        scored = table.step(np.zeros((n, 2, 2))).goal == 1
        goal |= scored & ~back
        back |= over & (table.state.puck[:, 0] < 0.0)
        over |= table.state.puck[:, 0] > 0.0
    return goal


def outcomes() -> list[dict[str, Any]]:
    """How many shots end otherwise when a step is halved, or in the other table."""
    config = TableConfig()
    finer = replace(config, target_period_s=0.5 * config.target_period_s)
    n = MANY_SHOTS
    found = {
        "NumPy": goals(PlanarTable(config, n), n),
        "NumPy, half the step": goals(PlanarTable(finer, n), n),
        "MuJoCo": goals(MujocoTable(config, n), n),
        "MuJoCo, half the step": goals(MujocoTable(config, n, 0.0005), n),
    }
    pairs = (
        ("NumPy", "NumPy, half the step", HALVED),
        ("MuJoCo", "MuJoCo, half the step", HALVED),
        ("NumPy", "MuJoCo", BETWEEN),
    )
    rows = []
    for one, other, bound in pairs:
        for count in (SHOTS, MANY_SHOTS):
            differ = found[one][:count] != found[other][:count]
            rows.append(
                {
                    "pair": [one, other],
                    "shots": count,
                    "goals": [int(found[name][:count].sum()) for name in (one, other)],
                    "differ": float(differ.mean()),
                    "interval": list(wilson_interval(int(differ.sum()), count)),
                    "bound": bound,
                }
            )
    return rows


def page(document: dict[str, Any]) -> str:
    """The figures as a page of Markdown."""
    lines = [
        f"""\
# The air-hockey tables

Written by `python benchmarks/hockey_physics.py`.

![restitution against speed](hockey_physics.png)

## Restitution

Greatest distance of the normal velocity's share to the setting, over {len(SETTINGS)} settings from {SETTINGS[0]} to
{SETTINGS[-1]} and {len(SPEEDS)} speeds from {SPEEDS[0]} to {SPEEDS[-1]} m/s; the bound is {WITHIN}.

| table | off a rim | off a mallet |
| --- | ---: | ---: |"""
    ]
    for kind in TABLES:
        rows = [row for row in document["restitution"] if row["table"] == kind]
        worst = [_worst([row for row in rows if row["surface"] == surface]) for surface in ("rim", "mallet")]
        lines.append(f"| {kind} | {worst[0]:.4f} | {worst[1]:.4f} |")
    lines.append(
        f"""
## Outcomes of shots

Shots of 1 to 6 m/s at any angle, until they come back over the middle, for
{SHOT_PERIODS * TableConfig().control_period_s:g} s at most; how many go in on one table and not on the other.

| tables | shots | goals | end otherwise (95 %) | bound |
| --- | ---: | ---: | ---: | ---: |"""
    )
    for row in document["outcomes"]:
        low, high = row["interval"]
        lines.append(
            f"| {row['pair'][0]} and {row['pair'][1]} | {row['shots']} | {row['goals'][0]} and {row['goals'][1]} "
            f"| {row['differ']:.1%} ({low:.1%} to {high:.1%}) | {row['bound']:.0%} |"
        )
    lines.append(
        """
## Speed

Control steps of 20 ms in a second of CPU time of one core, with both mallets moving at random.

| table | tables stepped together | steps per second |
| --- | ---: | ---: |"""
    )
    lines += [f"| {row['table']} | {row['n']} | {row['steps_per_s']:,.0f} |" for row in document["speed"]]
    return "\n".join(lines) + "\n"


def _worst(rows: list[dict[str, Any]]) -> float:
    return max(abs(value - row["setting"]) for row in rows for value in row["share"])


def plot(document: dict[str, Any], path: Path) -> None:
    """Restitution against speed, and steps per second against the number of tables."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
    for row in document["restitution"]:
        colour = "tab:blue" if row["table"] == "NumPy" else "tab:red"
        off = np.array(row["share"]) - row["setting"]
        left.plot(SPEEDS, off, "-" if row["surface"] == "rim" else ":", color=colour, linewidth=1.2)
    for bound in (-WITHIN, WITHIN):
        left.axhline(bound, linestyle="--", linewidth=0.8, color="tab:gray")
    left.plot([], [], color="tab:blue", label="NumPy")
    left.plot([], [], color="tab:red", label="MuJoCo")
    left.plot([], [], ":", color="tab:gray", label="off a mallet")
    left.set_xlabel("speed [m/s]")
    left.set_ylabel("restitution less its setting (dashes: bound)")
    left.legend(fontsize="small", loc="center right")
    for kind, colour in (("NumPy", "tab:blue"), ("MuJoCo", "tab:red")):
        rows = [row for row in document["speed"] if row["table"] == kind]
        right.plot([row["n"] for row in rows], [row["steps_per_s"] for row in rows], "o-", color=colour, label=kind)
        right.axhline(STEPS_PER_S[kind], linestyle="--", linewidth=0.8, color=colour)
    right.set_xscale("log", base=2)
    right.set_yscale("log")
    right.set_xlabel("tables stepped together")
    right.set_ylabel("control steps per second (dashes: wanted)")
    right.legend(fontsize="small")
    for axis in (left, right):
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _holds(document: dict[str, Any]) -> bool:
    """Whether every figure keeps its bound."""
    fastest = {kind: max(row["steps_per_s"] for row in document["speed"] if row["table"] == kind) for kind in TABLES}
    return (
        _worst(document["restitution"]) <= WITHIN
        and all(row["differ"] <= row["bound"] for row in document["outcomes"] if row["shots"] == SHOTS)
        and all(fastest[kind] >= STEPS_PER_S[kind] for kind in TABLES)
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="restitution, speed and agreement of the air-hockey tables")
    add_arguments(parser, RESULTS)
    arguments = parser.parse_args()

    def work() -> int:
        origin = provenance(["python", "benchmarks/hockey_physics.py", *sys.argv[1:]])
        cells = [(kind, setting, surface) for kind in TABLES for setting in SETTINGS for surface in ("rim", "mallet")]
        speeds = [(kind, n) for kind, sizes in SIZES.items() for n in sizes]
        with tqdm(total=len(cells) + len(speeds) + 1, unit="part", disable=None) as bar:
            bounces = []
            for kind, setting, surface in cells:
                share = restitution(kind, setting, surface)
                bounces.append({"table": kind, "setting": setting, "surface": surface, "share": share})
                bar.update()
            rates = []
            for kind, n in speeds:
                rates.append({"table": kind, "n": n, "steps_per_s": steps_per_s(kind, n)})
                bar.update()
            document = {**origin, "restitution": bounces, "outcomes": outcomes(), "speed": rates}
            bar.update()
        write_results(arguments.json, document, page(document), functools.partial(plot, document))
        return 0 if _holds(document) else 1

    return exit_status(parser, work)


if __name__ == "__main__":
    sys.exit(main())
