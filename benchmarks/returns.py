"""Returns of maxent_robot and of Stable-Baselines3 on MuJoCo tasks, at equal steps and seeds.

    python benchmarks/returns.py --jobs 2      # hours; interrupt it and start it again as you like
    python benchmarks/returns.py --report

A run leaves one file in benchmarks/results/returns once it has ended, and a run that has its file is not made again. So
the plan can be spread over days and machines, and the report shows whatever there is.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from command_line import exit_status
from contenders import ContenderError, Run, RunningContender
from learning_curves import REFERENCE, Key, LearningCurves, interquartile_mean, learning_curves, load_results
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from provenance import ROOT
from tqdm import tqdm

from maxent_robot.learning.run_directory import write_json

RESULTS = ROOT / "benchmarks" / "results" / "returns"
COMPARED = ("stable_baselines3", "maxent_robot", "maxent_robot_crossq")
STEPS, LONG_STEPS = 100_000, 300_000
TASKS = ("HalfCheetah-v5", "Hopper-v5", "Walker2d-v5", "Ant-v5", "Humanoid-v5")
REPEATED_TASKS = TASKS[:3]
LONG_TASKS = ("HalfCheetah-v5", "Hopper-v5")
OTHER_ENTROPY_TASK = "HalfCheetah-v5"
OTHER_ENTROPY = ("maxent_robot_half", "maxent_robot_crossq_half")
LONG_COMPARED = (*COMPARED[1:], *OTHER_ENTROPY)
# Mean returns of 10 seeds on the v4 tasks at 300k steps, from the tables committed in SimbaV2's repository.
PUBLISHED = {
    "HalfCheetah-v5": {"SAC": 8593, "CrossQ": 10012, "SimbaV2": 9892},
    "Hopper-v5": {"SAC": 2160, "CrossQ": 2644, "SimbaV2": 3502},
}
NAMES = {
    "stable_baselines3": "Stable-Baselines3",
    "maxent_robot": "maxent_robot, equal settings",
    "maxent_robot_crossq": "maxent_robot, CrossQ",
    "maxent_robot_half": "maxent_robot, half the entropy",
    "maxent_robot_crossq_half": "maxent_robot, CrossQ, half the entropy",
}
COLOURS = {"stable_baselines3": "tab:gray", "maxent_robot": "tab:blue", "maxent_robot_crossq": "tab:red"}
COLOURS |= {"maxent_robot_half": "tab:cyan", "maxent_robot_crossq_half": "tab:orange"}
REPORT, FIGURE = "returns.md", "returns.png"
INTRODUCTION = """\
Written by `python benchmarks/returns.py --report` from the files of {count} runs, which hold the command, revision,
machine and settings of each.

Stable-Baselines3 runs with its default settings: 256 x 256, batch 256, one update a step, `learning_starts` 100. *Equal
settings* are the same for our SAC; CrossQ has what the package ships for it (`config/train/gymnasium_crossq.yaml`).
With *half the entropy* the constraint is E[-log pi] >= -n/2 for n actions in place of -n (and SAC has 10 000 random
steps), as in jaxrl. One thread a run. A score is the mean of the last three evaluations, of ten episodes each with the
mean action."""


def make_plan() -> list[Run]:
    """All runs; the contenders take turns, so that what has ended at any time can be compared."""
    plan = [Run(contender, env, 1, STEPS) for env in TASKS for contender in COMPARED]
    plan += [Run(contender, env, seed, STEPS) for seed in (2, 3) for env in REPEATED_TASKS for contender in COMPARED]
    plan += [Run(contender, env, 1, LONG_STEPS) for env in LONG_TASKS for contender in COMPARED[1:]]
    plan += [Run(contender, OTHER_ENTROPY_TASK, 1, LONG_STEPS) for contender in OTHER_ENTROPY]
    return plan + [Run(OTHER_ENTROPY[0], OTHER_ENTROPY_TASK, seed, LONG_STEPS) for seed in (2, 3)]


def result_path(run: Run, results: Path = RESULTS) -> Path:
    """Where the figures of a run lie."""
    suffix = "" if run.steps == STEPS else f"_{run.steps // 1000}k"
    return results / run.contender / run.env / f"seed_{run.seed}{suffix}.json"


def select(plan: Iterable[Run], only: str | None) -> list[Run]:
    """The runs of `contender`, `contender/env` or `/env`; all of them without a filter.

    Raises:
        ContenderError: the filter names none; the message lists what there is.
    """
    runs = list(plan)
    if only is None:
        return runs
    contender, _, env = only.partition("/")
    chosen = [run for run in runs if contender in ("", run.contender) and env in ("", run.env)]
    if not chosen:
        names = ", ".join(dict.fromkeys(run.contender for run in runs))
        envs = ", ".join(dict.fromkeys(run.env for run in runs))
        raise ContenderError(f"--only {only}: no such run; contenders are {names}; environments are {envs}")
    return chosen


def missing(runs: Iterable[Run], results: Path = RESULTS) -> list[Run]:
    """The runs that have no figures yet."""
    return [run for run in runs if not result_path(run, results).is_file()]


def make_runs(runs: Sequence[Run], jobs: int, minutes: float, results: Path = RESULTS) -> int:
    """Make the runs, `jobs` at a time, begin none after `minutes`, and return how many failed."""
    pending, running, failed = list(runs), list[RunningContender](), 0
    deadline = time.monotonic() + 60 * minutes
    with tqdm(total=len(runs), unit="run", disable=None) as progress:
        try:
            while pending or running:
                while pending and len(running) < jobs and time.monotonic() < deadline:
                    run = pending.pop(0)
                    # Another process may have made it in the meantime.
                    if result_path(run, results).is_file():
                        progress.update()
                        continue
                    tqdm.write(f"{run} begins", file=sys.stderr)
                    running.append(RunningContender(run))
                if not running:
                    break
                time.sleep(0.5)
                for ended in [entry for entry in running if entry.process.poll() is not None]:
                    running.remove(ended)
                    failed += not _keep(ended, results)
                    progress.update()
        finally:
            for entry in running:
                entry.close()
    return failed


def _keep(ended: RunningContender, results: Path) -> bool:
    """Write the figures of a run that has ended; whether it had any."""
    with ended:
        try:
            figures = ended.figures()
        except ContenderError as error:
            tqdm.write(str(error), file=sys.stderr)
            return False
        path = result_path(ended.run, results)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, figures)
        last = figures["evaluations"][-1]
        tqdm.write(
            f"{ended.run}: {last['mean_return']:.0f} after {last['wall_s'] / 60:.1f} min of training", file=sys.stderr
        )
    return True


def report(results: list[dict[str, Any]]) -> str:
    """The results as a page of Markdown."""
    curves = learning_curves(results)
    lines = [
        "# Returns",
        "",
        INTRODUCTION.format(count=len(results)),
        "",
        f"## At {STEPS:,} steps",
        "",
        "Mean over seeds, with the least and the greatest; training time leaves evaluations out.",
        "",
        "| task | contender | seeds | score | of Stable-Baselines3's | training, min | CPU, min |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
        *_score_rows(curves),
    ]
    middles = interquartile_means(curves)
    if middles:
        lines += [
            "",
            "Interquartile mean over all runs of the score as a share of Stable-Baselines3's mean on that task: "
            + "; ".join(f"{NAMES[name]} {middle:.2f} (n = {count})" for name, (middle, count) in middles.items())
            + ".",
        ]
    long = _long_rows(curves)
    if long:
        lines += [
            "",
            f"## At {LONG_STEPS:,} steps",
            "",
            "Beside published means (10 seeds, v4 tasks, from the tables in SimbaV2's repository).",
            "",
            "| task | contender | seeds | score | SAC | CrossQ | SimbaV2 |",
            "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
            *long,
        ]
    return "\n".join([*lines, "", f"![learning curves]({FIGURE})", "", _origin(results), ""])


def interquartile_means(curves: dict[Key, LearningCurves]) -> dict[str, tuple[float, int]]:
    """Interquartile mean, and number of runs, of each contender's scores as shares of the reference's mean score.

    Only the tasks that the reference has count, and only contenders with four runs or more.
    """
    means = {
        env: float(entry.scores(STEPS).mean())
        for (contender, env, steps), entry in curves.items()
        if contender == REFERENCE and steps == STEPS
    }
    middles = {}
    for contender in COMPARED:
        keys = [(contender, env, STEPS) for env in means if (contender, env, STEPS) in curves]
        shares = [score / means[key[1]] for key in keys for score in curves[key].scores(STEPS)]
        middle = interquartile_mean(shares)
        if middle is not None:
            middles[contender] = middle, len(shares)
    return middles


def _score_rows(curves: dict[Key, LearningCurves]) -> list[str]:
    rows = []
    for env in TASKS:
        reference = curves.get((REFERENCE, env, STEPS))
        for contender in COMPARED:
            entry = curves.get((contender, env, STEPS))
            if entry is None:
                continue
            scores = entry.scores(STEPS)
            share = "" if reference is None else f"{scores.mean() / reference.scores(STEPS).mean():.2f}"
            minutes = f"{entry.wall_s[:, -1].mean() / 60:.1f} | {entry.cpu_s[:, -1].mean() / 60:.1f}"
            rows.append(f"| {env} | {NAMES[contender]} | {scores.size} | {_spread(scores)} | {share} | {minutes} |")
    return rows


def _long_rows(curves: dict[Key, LearningCurves]) -> list[str]:
    rows = []
    for env in LONG_TASKS:
        published = " | ".join(str(value) for value in PUBLISHED[env].values())
        for contender in LONG_COMPARED:
            entry = curves.get((contender, env, LONG_STEPS))
            if entry is not None:
                scores = entry.scores(LONG_STEPS)
                rows.append(f"| {env} | {NAMES[contender]} | {scores.size} | {_spread(scores)} | {published} |")
    return rows


def _spread(scores: np.ndarray) -> str:
    mean = f"{scores.mean():.0f}"
    return mean if scores.size == 1 else f"{mean} ({scores.min():.0f} to {scores.max():.0f})"


def _origin(results: list[dict[str, Any]]) -> str:
    origins = [result["provenance"] for result in results]
    machines = dict.fromkeys(
        f"{origin['machine']['cpu']} with {origin['machine']['cores']} cores" for origin in origins
    )
    dates = sorted(origin["date"][:10] for origin in origins)
    period = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    load = max(origin["machine"]["load_average"][0] for origin in origins)
    return (
        f"Measured on {', '.join(machines)}, {period}. The load average when a run began was {load:.1f} at most; where "
        "it exceeds the cores, the CPU time tells more than the training time."
    )


def draw(results: list[dict[str, Any]], path: Path) -> None:
    """Draw the curves of every task, against steps and against training time."""
    mpl.use("Agg")
    curves = learning_curves(results)
    tasks = [env for env in TASKS if any(key[1] == env for key in curves)]
    figure, axes = plt.subplots(
        len(tasks), 2, figsize=(9, 2.6 * len(tasks)), sharey="row", squeeze=False, layout="constrained"
    )
    for (by_steps, by_time), env in zip(axes, tasks, strict=True):
        for (contender, task, steps), entry in curves.items():
            if task == env:
                label = NAMES[contender] + ("" if steps == STEPS else f", {steps // 1000}k")
                line = "-" if steps == STEPS else ":"
                for panel, x in ((by_steps, entry.steps / 1000), (by_time, entry.wall_s.mean(axis=0) / 60)):
                    _draw_curves(panel, x, entry.returns, label, COLOURS[contender], line)
        by_steps.set_ylabel(f"{env}\nmean return")
        by_steps.legend(fontsize="x-small", loc="lower right")
    axes[-1, 0].set_xlabel("environment steps, thousands")
    axes[-1, 1].set_xlabel("training time, min")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw_curves(axes: Axes, x: np.ndarray, returns: np.ndarray, label: str, colour: str, line: str) -> None:
    axes.plot(x, returns.mean(axis=0), label=label, linewidth=1.3, color=colour, linestyle=line)
    if returns.shape[0] > 1:
        axes.fill_between(x, returns.min(axis=0), returns.max(axis=0), color=colour, alpha=0.15, linewidth=0)


def write_report(results_directory: Path = RESULTS) -> None:
    """Write `returns.md` and `returns.png` beside the directory of the results.

    Raises:
        ContenderError: there are no results.
    """
    shown = {*COMPARED, *LONG_COMPARED}
    results = [result for result in load_results(results_directory) if result["contender"] in shown]
    if not results:
        raise ContenderError(f"no results in {results_directory}: make some with python benchmarks/returns.py")
    target = results_directory.parent
    draw(results, target / FIGURE)
    (target / REPORT).write_text(report(results), encoding="utf-8")
    print(target / REPORT)


def main() -> int:
    parser = argparse.ArgumentParser(description="returns of maxent_robot and of Stable-Baselines3 on MuJoCo tasks")
    parser.add_argument(
        "--only", metavar="CONTENDER[/ENV]", help=f"these runs only; contenders are {', '.join(COMPARED)}"
    )
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, one a core (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no run after this time")
    parser.add_argument(
        "--report", action="store_true", help=f"make no run; write {REPORT} and {FIGURE} of what there is"
    )
    arguments = parser.parse_args()

    def work() -> int:
        if arguments.report:
            write_report()
            return 0
        runs = missing(select(make_plan(), arguments.only))
        return 1 if make_runs(runs, arguments.jobs, arguments.minutes) else 0

    return exit_status(parser, work)


if __name__ == "__main__":
    sys.exit(main())
