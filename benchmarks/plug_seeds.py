"""The shipped plug skill trained from nothing with several seeds, and each of them in the three circumstances promised.

    python benchmarks/plug_seeds.py             # 19 min a seed on two idle cores; interrupt it as you like
    python benchmarks/plug_seeds.py --report

A seed leaves one file in benchmarks/results/plug_seeds once it is trained and evaluated, and is not run again. An
interrupted training goes on from its last checkpoint; a run that has ended in the directory of runs is only evaluated.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from command_line import exit_status
from contenders import ContenderError
from matplotlib import pyplot as plt
from provenance import ROOT, provenance

from maxent_robot.learning.run_directory import write_json

RESULTS = ROOT / "benchmarks" / "results" / "plug_seeds"
RUNS = ROOT / "runs" / "plug_seeds"
SKILL, SEEDS = "plug_insertion", (1, 2, 3)
EPISODES, EPISODE_SEED = 500, 2026
# What changes in the environment that the skill promises.
CIRCUMSTANCES: dict[str, list[str]] = {
    "error +-2 mm": [],
    "error +-3.5 mm": ["randomisation.socket_position_m=0.0035"],
    "0.15 mm a side": ["clearance_m=[0.00015,0.00015]"],
}
WANTED_SUCCESS = 0.95  # of the held-out episodes in training, for the time that learning takes
KEPT = ("step", "wall_s", "success", "successes", "episodes")
REPORT, FIGURE = "plug_seeds.md", "plug_seeds.png"
INTRODUCTION = f"""\
# Seeds of `{SKILL}`

Written by `python benchmarks/plug_seeds.py --report`. Every seed is trained from nothing with
`config/train/{SKILL}.yaml`; its best policy then plays {EPISODES} episodes of seed {EPISODE_SEED} by its mean action in
each circumstance (success with the 95 % Wilson interval). *95 % after* is the time from the start, evaluations
included, to the first evaluation in training with {WANTED_SUCCESS:.0%} of 200 held-out episodes. Peak force is the
largest mean over 10 ms; times and forces are given for the circumstances in that order.
"""


def maxent_robot(arguments: Sequence[str]) -> None:
    """Run the command `maxent-robot`.

    Raises:
        ContenderError: it failed.
        KeyboardInterrupt: it was interrupted.
    """
    status = subprocess.run(
        [sys.executable, "-m", "maxent_robot.cli.main", *arguments], cwd=ROOT, check=False
    ).returncode
    if status == 130:
        raise KeyboardInterrupt
    if status:
        raise ContenderError(f"maxent-robot {' '.join(arguments)} ended with status {status}")


def train(seed: int, directory: Path) -> None:
    """Train this seed in this directory, or go on where it was interrupted."""
    if (directory / "result.json").is_file():
        return
    if (directory / "run.json").is_file():
        maxent_robot(["train", "--resume", str(directory)])
    else:
        maxent_robot(["train", SKILL, "--seed", str(seed), "--output", str(directory)])


def evaluate(run: Path) -> dict[str, Any]:
    """Figures of the mean action in each circumstance, and the command of each."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="plug-seeds-") as scratch:
        bundle, figures_file = Path(scratch) / SKILL, Path(scratch) / "figures.json"
        maxent_robot(["export", str(run), "--output", str(bundle)])
        for name, settings in CIRCUMSTANCES.items():
            words = ["evaluate", str(bundle), "--episodes", str(EPISODES), "--seed", str(EPISODE_SEED)]
            words += ["--modes", "mean", *(word for setting in settings for word in ("--set", setting))]
            maxent_robot([*words, "--json", str(figures_file)])
            found[name] = json.loads(figures_file.read_text(encoding="utf-8"))["mean"]
    return found


def measure(seed: int, runs: Path, results: Path = RESULTS) -> None:
    """Train and evaluate one seed, and keep its figures."""
    directory = runs / f"seed_{seed}"
    train(seed, directory)
    training = json.loads((directory / "result.json").read_text(encoding="utf-8"))
    figures = {
        "seed": seed,
        "training": {
            "command": training["command"],
            "revisions": json.loads((directory / "run.json").read_text(encoding="utf-8"))["revisions"],
            "steps": training["steps"],
            "wall_s": training["wall_s"],
            "ended": training["ended"],
            "best_step": training["best"]["step"],
            "evaluations": [{key: record[key] for key in KEPT} for record in training["evaluations"]],
        },
        "evaluation": {"episodes": EPISODES, "seed": EPISODE_SEED, "circumstances": evaluate(directory)},
        "provenance": provenance([sys.executable, "benchmarks/plug_seeds.py"]),
    }
    results.mkdir(parents=True, exist_ok=True)
    write_json(results / f"seed_{seed}.json", figures)


def load_results(results: Path = RESULTS) -> list[dict[str, Any]]:
    """Figures of each seed that has ended, in order.

    Raises:
        ContenderError: there are none.
    """
    paths = sorted(results.glob("seed_*.json"), key=lambda path: int(path.stem.partition("_")[2]))
    if not paths:
        raise ContenderError(f"no results in {results}: make some with python benchmarks/plug_seeds.py")
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def seconds_to_success(figures: dict[str, Any]) -> float | None:
    """Time from the start of training to the first evaluation with the wanted success; None where none had it."""
    reached = [r["wall_s"] for r in figures["training"]["evaluations"] if r["success"] >= WANTED_SUCCESS]
    return min(reached, default=None)


def report(found: Sequence[dict[str, Any]]) -> str:
    """The results as a page of Markdown."""
    lines = [
        INTRODUCTION,
        f"| training seed | 95 % after | training | {' | '.join(CIRCUMSTANCES)} | median time | peak force p95 |",
        f"| ---: | ---: | ---: | {' | '.join('---' for _ in CIRCUMSTANCES)} | --- | --- |",
    ]
    for figures in found:
        played = [figures["evaluation"]["circumstances"][name] for name in CIRCUMSTANCES]
        reached = seconds_to_success(figures)
        cells = ["never" if reached is None else _clock(reached), _clock(figures["training"]["wall_s"])]
        for record in played:
            low, high = (100 * bound for bound in record["success_interval"])
            cells.append(f"{100 * record['success']:.1f} % [{low:.1f}, {high:.1f}]")
        cells.append(", ".join(_or_dash(record["time_s"]["median"]) for record in played) + " s")
        cells.append(", ".join(f"{record['peak_force_n']['p95']:.1f}" for record in played) + " N")
        lines.append(f"| {figures['seed']} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"![success over the time of training]({FIGURE})", ""])


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"


def _or_dash(number: float | None) -> str:
    return "-" if number is None else f"{number:.2f}"


def draw(found: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw success against the time of training, a line a seed."""
    mpl.use("Agg")
    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for figures in found:
        records = figures["training"]["evaluations"]
        minutes, success = (np.array([record[key] for record in records]) for key in ("wall_s", "success"))
        axes.plot(minutes / 60, 100 * success, marker=".", label=f"seed {figures['seed']}")
    axes.axhline(100 * WANTED_SUCCESS, color="black", linewidth=0.8, linestyle=":")
    axes.set_xlabel("time of training on two cores, evaluations included, min")
    axes.set_ylabel("success of 200 held-out episodes, %")
    axes.set_ylim(0, 101)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def write_report(results: Path = RESULTS) -> None:
    """Write the page and the figure beside the directory of the results."""
    found = load_results(results)
    draw(found, results.parent / FIGURE)
    (results.parent / REPORT).write_text(report(found), encoding="utf-8")
    print(results.parent / REPORT)


def main() -> int:
    parser = argparse.ArgumentParser(description="the shipped plug skill, trained and evaluated with several seeds")
    parser.add_argument("--runs", type=Path, default=RUNS, help="directory of the training runs, seed_N each")
    parser.add_argument("--report", action="store_true", help=f"run nothing; write {REPORT} and {FIGURE}")
    arguments = parser.parse_args()

    def work() -> int:
        if not arguments.report:
            for seed in SEEDS:
                if not (RESULTS / f"seed_{seed}.json").is_file():
                    measure(seed, arguments.runs)
        write_report()
        return 0

    return exit_status(parser, work)


if __name__ == "__main__":
    sys.exit(main())
