"""Training time to the return that Stable-Baselines3 has at 100k steps, from the results of returns.py.

    python benchmarks/time_to_return.py --json benchmarks/results/time_to_return.json

The level to reach on a task is the smoothed mean return of Stable-Baselines3 at the end, and the time is that at which
a contender's smoothed mean curve first reaches it, evaluations left out; the same rule gives Stable-Baselines3's own
time. Only seeds that both have count. `wall_s` is what a user waits, `cpu_s` what is left of it on a busy machine.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, get_args

from command_line import exit_status
from learning_curves import (
    REFERENCE,
    Clock,
    Key,
    LearningCurves,
    ResultError,
    learning_curves,
    load_results,
    trailing_mean,
)
from provenance import provenance
from returns import COMPARED, RESULTS, STEPS, TASKS

from maxent_robot.learning.run_directory import write_json

WANTED_SHARE, WANTED_TASKS = 0.4, 3


def compare(contender: LearningCurves, reference: LearningCurves) -> dict[str, Any] | None:
    """Times of a contender and of the reference to the reference's last return; None without a seed in common.

    `share` is the quotient of the two times; a contender that never gets there has None for it and for its time.
    """
    seeds = sorted(set(contender.seeds) & set(reference.seeds))
    if not seeds:
        return None
    ours, theirs = contender.of_seeds(seeds), reference.of_seeds(seeds)
    level = float(trailing_mean(theirs.returns.mean(axis=0))[-1])
    comparison: dict[str, Any] = {"seeds": seeds, "return": round(level, 1)}
    for clock in get_args(Clock):
        own, other = ours.time_to(level, clock), theirs.time_to(level, clock)
        comparison[clock] = {
            "contender": None if own is None else round(own, 1),
            "reference": None if other is None else round(other, 1),
            "share": None if own is None or not other else round(own / other, 3),
        }
    return comparison


def compare_tasks(curves: dict[Key, LearningCurves], contender: str) -> dict[str, dict[str, Any]]:
    """The comparison on each task that both have run."""
    comparisons = {}
    for env in TASKS:
        ours, theirs = curves.get((contender, env, STEPS)), curves.get((REFERENCE, env, STEPS))
        comparison = None if ours is None or theirs is None else compare(ours, theirs)
        if comparison is not None:
            comparisons[env] = comparison
    return comparisons


def verdict(tasks: dict[str, dict[str, Any]], clock: Clock) -> dict[str, Any]:
    """Tasks on which a contender needs at most 40 % of the time, those on which it is slower, and whether that will do.

    It will do if all tasks have been compared, and there are three of the first and none of the second.
    """
    shares = {env: comparison[clock]["share"] for env, comparison in tasks.items()}
    fast = [env for env, share in shares.items() if share is not None and share <= WANTED_SHARE]
    slower = [env for env, share in shares.items() if share is None or share > 1.0]
    return {
        "fast": fast,
        "slower": slower,
        "met": len(tasks) == len(TASKS) and len(fast) >= WANTED_TASKS and not slower,
    }


def table(comparisons: dict[str, dict[str, dict[str, Any]]]) -> str:
    """The comparison as a table of Markdown, times in minutes."""
    lines = ["| contender | task | seeds | return | its time | reference | share | share of CPU time |"]
    lines.append("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for contender, tasks in comparisons.items():
        for env, comparison in tasks.items():
            wall, cpu = comparison["wall_s"], comparison["cpu_s"]
            own = "never" if wall["contender"] is None else f"{wall['contender'] / 60:.1f}"
            shares = " | ".join("-" if clock["share"] is None else f"{clock['share']:.2f}" for clock in (wall, cpu))
            lines.append(
                f"| {contender} | {env} | {len(comparison['seeds'])} | {comparison['return']:.0f} | {own} "
                f"| {wall['reference'] / 60:.1f} | {shares} |"
            )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="training time to the return of Stable-Baselines3 at 100k steps")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIRECTORY", help="of returns.py")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    arguments = parser.parse_args()

    def work() -> int:
        curves = learning_curves(load_results(arguments.results))
        comparisons = {name: compare_tasks(curves, name) for name in COMPARED if name != REFERENCE}
        if not any(comparisons.values()):
            raise ResultError(
                f"no task in {arguments.results} has a seed both of {REFERENCE} and of another: "
                "make the runs with python benchmarks/returns.py"
            )
        print(table(comparisons))
        verdicts = {
            name: {clock: verdict(tasks, clock) for clock in get_args(Clock)}
            for name, tasks in comparisons.items()
            if tasks
        }
        for name, clocks in verdicts.items():
            for clock, found in clocks.items():
                print(
                    f"{name}, {clock}: at most {WANTED_SHARE:.0%} of the time on {len(found['fast'])} of "
                    f"{len(comparisons[name])} tasks ({WANTED_TASKS} wanted), slower on "
                    f"{', '.join(found['slower']) or 'none'}"
                )
        if arguments.json is not None:
            origin = provenance(["python", "benchmarks/time_to_return.py", *sys.argv[1:]])
            arguments.json.parent.mkdir(parents=True, exist_ok=True)
            write_json(arguments.json, {**origin, "tasks": comparisons, "verdict": verdicts})
        return 0

    return exit_status(parser, work)


if __name__ == "__main__":
    sys.exit(main())
