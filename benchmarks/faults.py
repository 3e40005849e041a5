"""Attacks on the supervisor, judged by an observer that shares no code with it.

    python benchmarks/faults.py graph --repeats 10      # 5 min a repeat on an idle machine; interrupt it as you like
    python benchmarks/faults.py graph --report
    python benchmarks/faults.py fuzz --messages 20000   # 3 min; any message on any topic of the running graph

Every attack that was made is kept in benchmarks/results/faults_graph.json, so a campaign goes on where it was
interrupted.
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


def attack_graph(repeats: int, only: str, results: Path) -> int:
    """Make the attacks on the running graph that are missing; how many went wrong."""
    from attack.graph_attacks import ATTACKS
    from attack.graph_campaign import run_attacks

    path = results / GRAPH_FILE
    document = _document(path, [sys.executable, "benchmarks/faults.py", "graph", "--repeats", str(repeats)])
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


def _document(path: Path, command: list[str]) -> dict[str, Any]:
    if path.is_file():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    return {"provenance": provenance(command), "records": []}


def main() -> int:
    parser = argparse.ArgumentParser(description="attacks on the supervisor, judged by an independent observer")
    commands = parser.add_subparsers(dest="command", required=True)
    graph = commands.add_parser("graph", help="attack the running graph, one fault at a time")
    graph.add_argument("--repeats", type=int, default=10, help="of each attack (default: %(default)s)")
    graph.add_argument("--only", metavar="TEXT", default="", help="attacks with this in their name")
    graph.add_argument("--report", action="store_true", help=f"attack nothing; write {GRAPH_REPORT}")
    fuzz = commands.add_parser("fuzz", help="send wild messages to the running graph")
    fuzz.add_argument("--messages", type=int, default=20_000, help="at least so many (default: %(default)s)")
    fuzz.add_argument("--seed", type=int, default=1, help="of the messages and scenarios (default: %(default)s)")
    for command in (graph, fuzz):
        command.add_argument("--results", type=Path, default=RESULTS, help="directory of the results")
    arguments = parser.parse_args()

    def work() -> int:
        if arguments.command == "fuzz":
            return 1 if fuzz_graph(arguments.messages, arguments.seed, arguments.results) else 0
        failed = 0 if arguments.report else attack_graph(arguments.repeats, arguments.only, arguments.results)
        report_graph(arguments.results)
        return 1 if failed else 0

    return exit_status(parser, work)


if __name__ == "__main__":
    sys.exit(main())
