"""What the options of learning bring to the plug insertion: one change at a time, the same seeds for each.

    python benchmarks/plug_options.py --jobs 2      # an hour or two; interrupt it and start it again as you like
    python benchmarks/plug_options.py --report

A run leaves one file in benchmarks/results/plug_options once it has ended, and a run that has its file is not made
again. Success is that of held-out episodes, by the mean action, in the evaluations of training.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from command_line import exit_status
from contenders import THREAD_VARIABLES, ContenderError
from matplotlib import pyplot as plt
from provenance import ROOT, provenance
from tqdm import tqdm

from maxent_robot.learning.campaigns.executors import LocalExecutor
from maxent_robot.learning.run_directory import write_json
from maxent_robot.trials.statistics import wilson_interval

RESULTS = ROOT / "benchmarks" / "results" / "plug_options"
STEPS, SEEDS = 200_000, (1, 2)
SHOWN_STEPS = (50_000, 100_000, 150_000, 200_000)
BASE = "as shipped"
OPTIONS: dict[str, list[str]] = {
    BASE: [],
    "no LayerNorm": ["learner.layer_norm=false"],
    "observation normalisation": ["learner.normalise_observation=true"],
    "n-step 1": ["learner.n_step=1"],
    "n-step 5": ["learner.n_step=5"],
    "critics without the privileged vector": ["learner.privileged_critic=false"],
    "no history in the observation": ["environment.history=false", "evaluation_environment.history=false"],
    "demonstrations": ["trainer.demonstrations=0.5", "trainer.warmup_steps=20000"],
    "update ratio 0.0625": ["trainer.update_ratio=0.0625"],
    "update ratio 0.25": ["trainer.update_ratio=0.25"],
    "CrossQ": [
        "learner.algorithm=crossq",
        "learner.momentum=0.5",
        "learner.policy_delay=3",
        "learner.actor_average_rate=0.0015",
        "learner.actor_learning_rate=0.001",
        "learner.critic_learning_rate=0.001",
        "learner.temperature_learning_rate=0.001",
    ],
}
COMMON = {
    "trainer.wall_minutes": "0",
    "trainer.target_success": "2",  # never: all runs are as long
    "trainer.minimum_steps": "0",
    "trainer.evaluation_interval_steps": "50000",
    "trainer.deployable_critic_updates": "1",
}
REPORT, FIGURE = "plug_options.md", "plug_options.png"
INTRODUCTION = """\
# Options of learning on the plug insertion

Written by `python benchmarks/plug_options.py --report`. Each row changes `config/train/plug_insertion.yaml` in one
respect; the settings are in `OPTIONS` there. Success of the mean action in 200 held-out episodes a seed, the mean over
seeds, with the least and the greatest; the 95 % Wilson interval pools the seeds, holds for these
policies and says nothing of other seeds.
"""
KEPT = ("step", "training_s", "cpu_s", "success", "successes", "episodes", "median_time_s", "p95_force_n")


@dataclass(frozen=True)
class OptionRun:
    """One training run with one option."""

    option: str
    seed: int

    def path(self, results: Path = RESULTS) -> Path:
        """Where its figures lie."""
        return results / self.option.replace(" ", "_") / f"seed_{self.seed}.json"

    def words(self, directory: Path) -> list[str]:
        """What comes after `maxent-robot`."""
        settings = [f"{key}={value}" for key, value in COMMON.items()] + OPTIONS[self.option]
        words = ["train", "plug_insertion", "--seed", str(self.seed), "--steps", str(STEPS), "--quiet"]
        words += ["--output", str(directory / "run"), "--json", str(directory / "result.json")]
        return words + [word for setting in settings for word in ("--set", setting)]


def make_plan() -> list[OptionRun]:
    """All runs, every option with the first seed before any with the second."""
    return [OptionRun(option, seed) for seed in SEEDS for option in OPTIONS]


def make_runs(runs: Sequence[OptionRun], jobs: int, results: Path = RESULTS) -> int:
    """Make the runs, `jobs` at a time, and return how many failed."""
    failed = 0
    with (
        tempfile.TemporaryDirectory(prefix="plug-options-") as scratch,
        LocalExecutor(jobs) as executor,
        tqdm(total=len(runs), unit="run", disable=None) as progress,
    ):
        futures: dict[Future[int | None], tuple[OptionRun, Path]] = {}
        for number, run in enumerate(runs):
            directory = Path(scratch) / str(number)
            directory.mkdir()
            futures[executor.submit(run.words(directory), directory / "log.txt")] = run, directory
        for future in as_completed(futures):
            run, directory = futures[future]
            progress.update()
            if future.result() != 0:
                failed += 1
                tail = "\n".join((directory / "log.txt").read_text(encoding="utf-8").splitlines()[-6:])
                tqdm.write(f"{run.option}, seed {run.seed}, ended with status {future.result()}:\n{tail}", sys.stderr)
                continue
            figures = figures_of(run, json.loads((directory / "result.json").read_text(encoding="utf-8")))
            run.path(results).parent.mkdir(parents=True, exist_ok=True)
            write_json(run.path(results), figures)
            tqdm.write(
                f"{run.option}, seed {run.seed}: success {figures['evaluations'][-1]['success']:.3f}", sys.stderr
            )
    return failed


def figures_of(run: OptionRun, result: dict[str, Any]) -> dict[str, Any]:
    """What is kept of the figures of a run."""
    return {
        "option": run.option,
        "seed": run.seed,
        "settings": OPTIONS[run.option],
        "evaluations": [{key: record[key] for key in KEPT if key in record} for record in result["evaluations"]],
        "provenance": provenance(["maxent-robot", *run.words(Path())]),
    }


def load_results(results: Path = RESULTS) -> dict[str, list[dict[str, Any]]]:
    """Figures of each option, one for each seed, in the order of `OPTIONS`.

    Raises:
        ContenderError: there are none.
    """
    found = {
        option: [json.loads(path.read_text(encoding="utf-8")) for path in paths]
        for option in OPTIONS
        if (paths := sorted(OptionRun(option, 0).path(results).parent.glob("seed_*.json")))
    }
    if not found:
        raise ContenderError(f"no results in {results}: make some with python benchmarks/plug_options.py")
    return found


def report(found: dict[str, list[dict[str, Any]]]) -> str:
    """The results as a page of Markdown."""
    steps = " | ".join(f"{step // 1000}k steps" for step in SHOWN_STEPS)
    lines = [
        INTRODUCTION,
        f"| option | seeds | {steps} | interval at the end | median time | peak force p95 | CPU, min |",
        f"| --- | ---: | {' | '.join('---:' for _ in SHOWN_STEPS)} | --- | ---: | ---: | ---: |",
    ]
    for option, results in found.items():
        cells = [_share(_at(results, step)) for step in SHOWN_STEPS]
        last = _at(results, SHOWN_STEPS[-1])
        interval = wilson_interval(sum(r["successes"] for r in last), sum(r["episodes"] for r in last))
        times = [record["median_time_s"] for record in last if record["median_time_s"] is not None]
        cells.append(f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f} %")
        cells.append(f"{np.mean(times):.2f} s" if times else "")
        cells.append(f"{np.mean([record['p95_force_n'] for record in last]):.1f} N")
        cells.append(f"{np.mean([record['cpu_s'] for record in last]) / 60:.1f}")
        lines.append(f"| {option} | {len(results)} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"![success over steps]({FIGURE})", ""])


def _at(results: list[dict[str, Any]], step: int) -> list[dict[str, Any]]:
    """The evaluation of each seed nearest to `step`: a period of all environments need not end on it."""
    return [min(result["evaluations"], key=lambda record: abs(int(record["step"]) - step)) for result in results]


def _share(records: Iterable[dict[str, Any]]) -> str:
    shares = [100 * record["success"] for record in records]
    spread = "" if len(shares) == 1 else f" ({min(shares):.1f} to {max(shares):.1f})"
    return f"{np.mean(shares):.1f} %{spread}"


def draw(found: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Draw success against steps, a panel for each option with the base behind it."""
    mpl.use("Agg")
    others = [option for option in found if option != BASE]
    columns = 4
    rows = -(-max(1, len(others)) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(11, 2.4 * rows), sharex=True, sharey=True, squeeze=False, layout="constrained"
    )
    for panel in axes.flat[len(others) :]:
        panel.set_axis_off()
    for panel, option in zip(axes.flat, others, strict=False):
        for name, colour in ((BASE, "tab:gray"), (option, "tab:blue")):
            for result in found.get(name, []):
                steps = [record["step"] / 1000 for record in result["evaluations"]]
                panel.plot(steps, [100 * record["success"] for record in result["evaluations"]], color=colour)
        panel.set_title(option, fontsize="small")
        panel.grid(alpha=0.3)
    figure.supxlabel("environment steps, thousands", fontsize="small")
    figure.supylabel("success, % (gray: as shipped)", fontsize="small")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def write_report(results: Path = RESULTS) -> None:
    """Write the page and the figure beside the directory of the results."""
    found = load_results(results)
    draw(found, results.parent / FIGURE)
    (results.parent / REPORT).write_text(report(found), encoding="utf-8")
    print(results.parent / REPORT)


def main() -> int:
    parser = argparse.ArgumentParser(description="what the options of learning bring to the plug insertion")
    parser.add_argument("--only", metavar="OPTION", choices=OPTIONS, help=f"one of: {', '.join(OPTIONS)}")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, one a core (default: %(default)s)")
    parser.add_argument(
        "--report", action="store_true", help=f"make no run; write {REPORT} and {FIGURE} of what there is"
    )
    arguments = parser.parse_args()
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))

    def work() -> int:
        if arguments.report:
            write_report()
            return 0
        plan = [run for run in make_plan() if arguments.only in (None, run.option)]
        return 1 if make_runs([run for run in plan if not run.path().is_file()], arguments.jobs) else 0

    return exit_status(parser, work)


if __name__ == "__main__":
    sys.exit(main())
