"""Attacks on the supervisor, judged by an observer that shares no code with it.

    python benchmarks/faults.py core --jobs 2           # 10^6 forged inputs, half an hour on two cores
    python benchmarks/faults.py cycle                   # how long a cycle takes, 1 min on an idle machine
    python benchmarks/faults.py graph --repeats 10      # 5 min a repeat on an idle machine; interrupt it as you like
    python benchmarks/faults.py graph --report
    python benchmarks/faults.py fuzz --messages 20000   # 3 min; any message on any topic of the running graph

What was made is kept in the JSON files of benchmarks/results, so `core` and `graph` go on where they were interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from command_line import exit_status
from provenance import ROOT, provenance
from tqdm import tqdm

from maxent_robot.learning.run_directory import write_json

RESULTS = ROOT / "benchmarks" / "results"
GRAPH_FILE, GRAPH_REPORT, FUZZ_FILE = "faults_graph.json", "faults_graph.md", "faults_fuzz.json"
CORE_FILE, CYCLE_FILE = "faults_core.json", "faults_cycle.json"


def attack_core(commands: int, seed: int, jobs: int, results: Path) -> int:
    """Make the shards of the attack on the core that are missing; how many bounds the observer saw passed."""
    from attack import core_report

    path = results / CORE_FILE
    command = [sys.executable, "benchmarks/faults.py", "core", "--commands", str(commands), "--seed", str(seed)]
    document = _document(path, command, "shards")
    made = [(shard["variant"], shard["seed"]) for shard in document["shards"]]
    missing = [shard for shard in core_report.plan(commands, seed) if shard not in made]
    with tqdm(total=len(missing) * core_report.SHARD, unit="input", unit_scale=True, disable=None) as bar:
        core_report.make_shards(missing, jobs, path, document, bar.update)
    print(core_report.summary(document))
    return len(document["total"]["violations"])


def time_cycles(cycles: int, rounds: int, results: Path) -> None:
    """Time the supervisor's cycle, and keep the percentiles of each round and the median of them."""
    import numpy as np
    from attack.cycle_time import cycle_times_ms

    found = [np.percentile(cycle_times_ms(cycles, seed), [50, 99]).tolist() for seed in range(1, rounds + 1)]
    p50, p99 = np.median(found, axis=0).tolist()
    command = [sys.executable, "benchmarks/faults.py", "cycle"]
    figures = {"cycles": cycles, "p50_ms": p50, "p99_ms": p99, "rounds_p50_p99_ms": found}
    write_json(results / CYCLE_FILE, {"provenance": provenance(command), **figures})
    print(json.dumps(figures, indent=2))


def attack_graph(repeats: int, only: str, results: Path) -> int:
    """Make the attacks on the running graph that are missing; how many went wrong."""
    from attack.graph_attacks import ATTACKS
    from attack.graph_campaign import run_attacks

    path = results / GRAPH_FILE
    command = [sys.executable, "benchmarks/faults.py", "graph", "--repeats", str(repeats)]
    document = _document(path, command, "records")
    chosen = [attack for attack in ATTACKS if only.lower() in attack.label.lower()]
    made = [(record["repeat"], record["attack"]) for record in document["records"]]
    plan = {
        repeat: [attack for attack in chosen if (repeat, attack.label) not in made] for repeat in range(1, repeats + 1)
    }
    problems: list[str] = []
    with (
        tqdm(total=sum(len(attacks) for attacks in plan.values()), unit="attack", disable=None) as bar,
        tempfile.TemporaryDirectory(prefix="attack-") as scratch,
    ):
        for repeat, attacks in plan.items():

            def keep(records: list[dict[str, Any]], repeat: int = repeat) -> None:
                document["records"] += [{"repeat": repeat, **record} for record in records]
                write_json(path, document)

            problems += run_attacks(attacks, repeat, Path(scratch) / str(repeat), keep, bar.update)
    for problem in problems:
        print(problem, file=sys.stderr)
    return len(problems)


def fuzz_graph(messages: int, seed: int, results: Path) -> int:
    """Send wild messages to the running graph; how many bounds the observer saw passed."""
    from attack import graph_fuzz

    with (
        tqdm(total=messages, unit="message", disable=None) as bar,
        tempfile.TemporaryDirectory(prefix="fuzz-") as scratch,
    ):
        figures = graph_fuzz.fuzz_graph(Path(scratch), messages, seed, bar.update)
    command = [sys.executable, "benchmarks/faults.py", "fuzz", "--messages", str(messages), "--seed", str(seed)]
    write_json(results / FUZZ_FILE, {"provenance": provenance(command), **figures})
    print(json.dumps({key: value for key, value in figures.items() if key != "problems"}, indent=2))
    for problem in (*figures["problems"], *figures["violations"]):
        print(problem, file=sys.stderr)
    return len(figures["violations"])


def report_graph(results: Path) -> None:
    """Write the page of the attacks on the running graph."""
    from attack.graph_report import report

    page = results / GRAPH_REPORT
    page.write_text(report(json.loads((results / GRAPH_FILE).read_text(encoding="utf-8"))), encoding="utf-8")
    print(page)


def _document(path: Path, command: list[str], parts: str) -> dict[str, Any]:
    if path.is_file():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    return {"provenance": provenance(command), parts: []}


def main() -> int:
    parser = argparse.ArgumentParser(description="attacks on the supervisor, judged by an independent observer")
    commands = parser.add_subparsers(dest="command", required=True)
    core = commands.add_parser("core", help="attack the core, without ROS, against the simulated arm")
    core.add_argument("--commands", type=int, default=1_000_000, help="forged inputs (default: %(default)s)")
    core.add_argument("--seed", type=int, default=1, help="of everything (default: %(default)s)")
    core.add_argument("--jobs", type=int, default=1, help="shards at a time, one a core (default: %(default)s)")
    cycle = commands.add_parser("cycle", help="time the supervisor's cycle")
    cycle.add_argument("--cycles", type=int, default=5000, help="of each round (default: %(default)s)")
    cycle.add_argument("--rounds", type=int, default=5, help="(default: %(default)s)")
    graph = commands.add_parser("graph", help="attack the running graph, one fault at a time")
    graph.add_argument("--repeats", type=int, default=10, help="of each attack (default: %(default)s)")
    graph.add_argument("--only", metavar="TEXT", default="", help="attacks with this in their name")
    graph.add_argument("--report", action="store_true", help=f"attack nothing; write {GRAPH_REPORT}")
    fuzz = commands.add_parser("fuzz", help="send wild messages to the running graph")
    fuzz.add_argument("--messages", type=int, default=20_000, help="at least so many (default: %(default)s)")
    fuzz.add_argument("--seed", type=int, default=1, help="of the messages and scenarios (default: %(default)s)")
    for command in (core, cycle, graph, fuzz):
        command.add_argument("--results", type=Path, default=RESULTS, help="directory of the results; made if need be")
    arguments = parser.parse_args()

    def work() -> int:
        arguments.results.mkdir(parents=True, exist_ok=True)
        if arguments.command == "core":
            return 1 if attack_core(arguments.commands, arguments.seed, arguments.jobs, arguments.results) else 0
        if arguments.command == "cycle":
            time_cycles(arguments.cycles, arguments.rounds, arguments.results)
            return 0
        if arguments.command == "fuzz":
            return 1 if fuzz_graph(arguments.messages, arguments.seed, arguments.results) else 0
        failed = 0 if arguments.report else attack_graph(arguments.repeats, arguments.only, arguments.results)
        report_graph(arguments.results)
        return 1 if failed else 0

    return exit_status(parser, work)


if __name__ == "__main__":
    sys.exit(main())
