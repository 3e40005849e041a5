"""When to act at random: the sampler's modes and a spiral search on the same episodes, in many circumstances.

    python benchmarks/sampler_modes.py --jobs 2     # two hours with the trainings; interrupt it and start it again

Three training seeds of each policy: the insertion as it ships, one that was stopped early, one without a history. Each
plays the same episodes in every mode, the error of the socket's estimate and the clearance growing beyond what it was
trained for (4 mm, 0.12 mm a side), and with a part that breaks at the 15 N that the policy is told, and at 12 N.
Results: benchmarks/results/sampler_modes.json, .md and .png; runs and finished parts lie in runs/sampler_modes.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from command_line import exit_status
from mode_figures import KEPT_FROM_MEAN, MODES, figures, known_worse, worst_differences
from numpy.typing import NDArray
from pages import add_arguments, write_results
from plug_trainings import EARLY, INSERT, MEMORYLESS, Training, evaluated_bundle, train, trained_policy
from provenance import ROOT, provenance
from tqdm import tqdm

from maxent_robot.inference import EntropyAwareSampler
from maxent_robot.inference.calibration import Actor
from maxent_robot.learning.overrides import apply_overrides
from maxent_robot.learning.run_directory import write_json
from maxent_robot.learning.skill_evaluation import run_mode
from maxent_robot.learning.tasks import insertion_config
from maxent_robot.skill import FRAME_SIZE
from maxent_robot.skill.bundle import load_bundle
from maxent_robot.trials.statistics import summarise
from sim.evaluation import EpisodeTable, run_episodes

RESULTS = ROOT / "benchmarks" / "results" / "sampler_modes.json"
RUNS = ROOT / "runs" / "sampler_modes"
SEEDS, EPISODES, EPISODE_SEED = (1, 2, 3), 400, 2027
QUICK = ["timestep_s=0.002", "control_period_s=0.05"]
"""The physics of training: what comes out differs little, and it takes a third of the time."""


def off(millimetres: float) -> list[str]:
    """The estimate of the socket wrong by up to this, along each axis."""
    return [f"randomisation.socket_position_m={1e-3 * millimetres:g}"]


def clearance(millimetres: float) -> list[str]:
    """So much room on each side."""
    return [f"clearance_m=[{1e-3 * millimetres:g},{1e-3 * millimetres:g}]"]


@dataclass(frozen=True)
class Cell:
    """One policy in one circumstance.

    Attributes:
        policy: kind of training.
        name: of the circumstance.
        settings: of the environment, that make it.
    """

    policy: str
    name: str
    settings: tuple[str, ...]

    def path(self, seed: int, mode: str, runs: Path) -> Path:
        """Where the episodes of one seed and mode are kept."""
        words = f"{self.policy} {self.name} {mode} seed {seed}"
        return runs / "episodes" / f"{words.replace(' ', '_').replace('+-', '')}.json"


CELLS = (
    *(Cell(INSERT, f"+-{error} mm", tuple(off(error))) for error in (1, 2, 3, 4, 5)),
    Cell(INSERT, "0.15 mm a side", tuple(clearance(0.15))),
    Cell(INSERT, "0.1 mm a side", tuple(clearance(0.1))),
    *(
        Cell(INSERT, f"0.15 mm a side, {limit} N", (*clearance(0.15), f"success.force_limit_n={limit}"))
        for limit in (15, 12)
    ),
    *(Cell(EARLY, f"+-{error} mm", tuple(off(error))) for error in (2, 4)),
    *(Cell(MEMORYLESS, f"+-{error} mm", (*off(error), "history=false")) for error in (2, 4)),
)


class UnwatchedPolicy:
    """A policy in a mode, without an evaluation that says what is usual: mode `gated` does not hear its critics."""

    def __init__(self, actor: Actor, mode: str, seed: int) -> None:
        self._actor, self._sampler = actor, EntropyAwareSampler(mode, seed=seed)

    def reset(self, index: Any) -> None:
        """Begin a new episode in these places of the batch."""
        self._sampler.reset(index)

    def __call__(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        mean, log_std = self._actor(observation)
        return self._sampler(mean, log_std, observation[:, -FRAME_SIZE:]).action.astype(np.float32)


def episodes(cell: Cell, seed: int, mode: str, runs: Path) -> EpisodeTable:
    """The episodes of one seed in one mode."""
    run = Training(cell.policy, seed, runs).directory
    bundle = load_bundle(run / "skill") if cell.policy == INSERT else None
    config = insertion_config(apply_overrides({}, [*QUICK, *cell.settings]), "sampler_modes")
    if mode == "spiral":
        return run_episodes(config, mode, EPISODES, EPISODE_SEED)
    if bundle is not None:
        return run_mode(bundle, config, mode, EPISODES, EPISODE_SEED, lambda *_: None).table
    policy = UnwatchedPolicy(trained_policy(run, cell.policy).actor, mode, EPISODE_SEED)
    return run_episodes(config, policy, EPISODES, EPISODE_SEED)


def play(task: tuple[Cell, int, str], runs: Path) -> dict[str, Any]:
    """The episodes of one seed in one mode; kept, and read where as many were kept."""
    cell, seed, mode = task
    path = cell.path(seed, mode, runs)
    if not path.is_file() or len(json.loads(path.read_text(encoding="utf-8"))["success"]) != EPISODES:
        table = episodes(cell, seed, mode, runs)
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = {
            "policy": cell.policy,
            "circumstance": cell.name,
            "seed": seed,
            "mode": mode,
            "success": [int(value) for value in table.success],
            "time_s": [round(float(value), 2) for value in table.time_s],
            "p95_force_n": summarise(table.peak_force_n).p95,
        }
        write_json(path, kept)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def seeds_of(mode: str) -> Sequence[int]:
    """The spiral has learned nothing, so it has one."""
    return SEEDS[:1] if mode == "spiral" else SEEDS


def page(document: dict[str, Any]) -> str:
    """The figures as a page of Markdown."""
    cells = document["cells"]
    lines = [
        f"""\
# When to act at random

Written by `python benchmarks/sampler_modes.py`. {len(SEEDS)} training seeds of each policy, {EPISODES} episodes of each
seed, the same for every mode (10 s, 2 degrees, 0.3 mm a side and +-2 mm where nothing else is said). `insert` is the
insertion as it ships, `early` the same after 100 000 steps, `memoryless` one that sees the present alone. An episode
fails when the force passes 30 N, or what is said; the policy is told that it may use 15 N. Success with the 95 % Wilson
interval; in brackets the difference to `mean` on the same episodes, in points with its 95 % interval.

![success of each mode](sampler_modes.png)

| policy | circumstance | {" | ".join(MODES)} |
| --- | --- | {" | ".join("---" for _ in MODES)} |"""
    ]
    for cell in cells:
        entries = []
        for mode in MODES:
            row = cell["modes"][mode]
            low, high = row["interval"]
            text = f"{row['success']:.1%} ({low:.1%} to {high:.1%})"
            if "difference" in row:
                least, greatest = row["difference_interval"]
                text += f" [{100 * row['difference']:+.1f}, {100 * least:+.1f} to {100 * greatest:+.1f}]"
            entries.append(text)
        lines.append(f"| {cell['policy']} | {cell['circumstance']} | {' | '.join(entries)} |")
    lines += ["", f"| policy | circumstance | {' | '.join(MODES)} |", f"| --- | --- |{' ---: |' * len(MODES)}"]
    for cell in cells:
        entries = []
        for mode in MODES:
            row = cell["modes"][mode]
            time = "none" if row["median_s"] is None else f"{row['median_s']:.2f} s"
            entries.append(f"{time}, {row['p95_force_n']:.1f} N")
        lines.append(f"| {cell['policy']} | {cell['circumstance']} | {' | '.join(entries)} |")
    worst = document["worst"]
    lines.append(
        "\nThe second table: median time of the successes, 95th percentile of the peak force. Least difference to "
        "`mean`: "
        + ", ".join(f"`{mode}` {100 * worst[mode][0]:+.1f} points ({worst[mode][1]})" for mode in worst)
        + "."
    )
    found = known_worse(cells)
    verdict = ", ".join(found["rejected"]) or "none"
    lines.append(
        f"\nWorse than `mean` by more than {100 * KEPT_FROM_MEAN:.0f} point, of {found['comparisons']} comparisons of "
        f"`gated` and `retry`, by more than chance (one-sided, Holm, 5 %): {verdict}. The least p value before the "
        f"correction is {found['p_value']:.2f} ({found['where']})."
    )
    return "\n".join(lines) + "\n"


def plot(cells: Sequence[dict[str, Any]], path: Path) -> None:
    """Success of each mode, cell by cell."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(10, 4.8), layout="constrained")
    for number, mode in enumerate(MODES):
        rows = [cell["modes"][mode] for cell in cells]
        value = np.array([row["success"] for row in rows])
        low, high = np.array([row["interval"] for row in rows]).T
        places = np.arange(len(cells)) + 0.14 * (number - 2)
        axis.errorbar(places, value, yerr=[value - low, high - value], fmt="o", markersize=4, label=mode)
    names = [f"{cell['policy']}\n{cell['circumstance'].replace(' a side', chr(10) + 'a side')}" for cell in cells]
    axis.set_xticks(range(len(cells)), names, fontsize=8)
    axis.set_ylabel("success (95 %)")
    axis.grid(axis="y", alpha=0.3)
    axis.legend(ncols=len(MODES), loc="lower left")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(description="the sampler's modes and a spiral search in many circumstances")
    add_arguments(parser, RESULTS, RUNS)
    arguments = parser.parse_args()

    def work() -> int:
        origin = provenance(["python", "benchmarks/sampler_modes.py", *sys.argv[1:]])
        runs = arguments.runs.resolve()
        policies = list(dict.fromkeys(cell.policy for cell in CELLS))
        trainings = [Training(kind, seed, runs) for kind in policies for seed in SEEDS]
        train(trainings, arguments.jobs)
        tasks = [(cell, seed, mode) for cell in CELLS for mode in MODES for seed in seeds_of(mode)]
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(arguments.jobs, mp_context=context) as executor:
            for _ in executor.map(evaluated_bundle, [one for one in trainings if one.kind == INSERT]):
                pass
            rows = executor.map(functools.partial(play, runs=runs), tasks)
            played = list(tqdm(rows, total=len(tasks), desc="episodes", unit="mode", disable=None))
        cells = [
            figures(*key, [row for row in played if (row["policy"], row["circumstance"]) == key])
            for key in ((cell.policy, cell.name) for cell in CELLS)
        ]
        document = {**origin, "cells": cells, "worst": worst_differences(cells)}
        write_results(arguments.json, document, page(document), functools.partial(plot, cells))
        return 1 if known_worse(cells)["rejected"] else 0

    return exit_status(parser, work)


if __name__ == "__main__":
    sys.exit(main())
