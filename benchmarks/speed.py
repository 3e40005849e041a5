"""Training speed of SAC: maxent_robot against Stable-Baselines3 and CleanRL's logic, with equal settings, in turns.

    python benchmarks/speed.py --json benchmarks/results/speed.json

Every contender runs once in a round, as a process of its own, the order changing from round to round, and a ratio is
taken within a round, so that a machine that is busy for a while slows all of them. Steps per second are environment
steps, each with its update. The machine should be idle: two threads that have to share a core wait for each other.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from command_line import exit_status
from contenders import Run, RunningContender
from provenance import machine, provenance
from tqdm import tqdm

from maxent_robot.learning.run_directory import write_json

OURS, PEERS = "maxent_robot", ("stable_baselines3", "cleanrl")
CONTENDERS = (OURS, *PEERS)
RATIO_KEYS = {2: "ratio", 1: "ratio_one_thread"}

Measure = Callable[[str, int, int], dict[str, Any]]
"""From contender, threads and number of the round to the figures of a run."""


def run_rounds(measure: Measure, threads: Sequence[int], count: int) -> list[dict[str, Any]]:
    """Measure every contender `count` times with each number of threads."""
    rounds = []
    with tqdm(total=count * len(threads) * len(CONTENDERS), unit="run", disable=None) as progress:
        for number in range(count):
            for thread_count in threads:
                load = machine()["load_average"]
                figures = {}
                for contender in CONTENDERS[:: 1 if number % 2 else -1]:
                    figures[contender] = measure(contender, thread_count, number)
                    progress.update()
                rounds.append(
                    {
                        "round": number + 1,
                        "threads": thread_count,
                        "load_average": load,
                        "steps_per_s": {name: round(pace(figures[name]), 2) for name in CONTENDERS},
                        "versions": {name: figures[name]["versions"] for name in CONTENDERS},
                        "settings": {name: figures[name]["settings"] for name in CONTENDERS},
                    }
                )
    return rounds


def pace(figures: dict[str, Any]) -> float:
    """Environment steps a second since the first update."""
    return float(figures["pace"]["steps"] / figures["pace"]["wall_s"])


def summarise(rounds: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Median ratios of ours to each peer within a round, and median paces, by the number of threads."""
    by_threads: dict[int, list[dict[str, float]]] = {}
    for entry in rounds:
        by_threads.setdefault(entry["threads"], []).append(entry["steps_per_s"])
    summary: dict[str, Any] = {}
    for threads, paces in sorted(by_threads.items(), reverse=True):
        ratios = {peer: [entry[OURS] / entry[peer] for entry in paces] for peer in PEERS}
        key = RATIO_KEYS[threads]
        summary[key] = {peer: round(median(values), 3) for peer, values in ratios.items()}
        summary[f"{key}_range"] = {peer: [round(min(v), 3), round(max(v), 3)] for peer, v in ratios.items()}
    summary["median_steps_per_s"] = {
        str(threads): {name: round(median(entry[name] for entry in paces), 1) for name in CONTENDERS}
        for threads, paces in sorted(by_threads.items())
    }
    return summary


def document(rounds: list[dict[str, Any]], origin: dict[str, Any], env: str, steps: int) -> dict[str, Any]:
    """The figures of all rounds as they are written."""
    shared = ("versions", "settings")  # the same in every round
    return {
        **origin,
        "env": env,
        "steps": steps,
        "n": max(entry["round"] for entry in rounds),
        **summarise(rounds),
        **{key: rounds[0][key] for key in shared},
        "rounds": [{key: value for key, value in entry.items() if key not in shared} for entry in rounds],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="training speed of SAC, against Stable-Baselines3 and CleanRL's logic")
    parser.add_argument("--env", default="HalfCheetah-v5", metavar="ID", help="(default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each with each thread count (default: 5)")
    parser.add_argument("--steps", type=int, default=3000, help="environment steps of a run (default: %(default)s)")
    parser.add_argument(
        "--threads", type=int, nargs="+", choices=sorted(RATIO_KEYS), default=[2, 1], help="(default: 2 1)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    arguments = parser.parse_args()
    origin = provenance(["python", "benchmarks/speed.py", *sys.argv[1:]])
    if origin["machine"]["load_average"][0] > 0.5:
        print(f"speed.py: the load average is {origin['machine']['load_average'][0]}: not idle", file=sys.stderr)

    def measure(contender: str, threads: int, number: int) -> dict[str, Any]:
        run = Run(contender, arguments.env, number + 1, arguments.steps)
        with RunningContender(run, threads, evaluate=False) as running:
            return running.figures()

    def work() -> int:
        rounds = run_rounds(measure, arguments.threads, arguments.rounds)
        figures = document(rounds, origin, arguments.env, arguments.steps)
        print(json.dumps({key: value for key, value in figures.items() if key not in ("rounds", "settings")}, indent=2))
        if arguments.json is not None:
            arguments.json.parent.mkdir(parents=True, exist_ok=True)
            write_json(arguments.json, figures)
        return 0

    return exit_status(parser, work)


if __name__ == "__main__":
    sys.exit(main())
