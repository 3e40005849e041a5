"""Whether disabling any single guard of the supervisor makes a test fail: its mutants, and the tests that kill them.

    python benchmarks/mutation_check.py --list
    python benchmarks/mutation_check.py             # an hour; interrupt it and start it again as you like
    python benchmarks/mutation_check.py --report

A mutant is a copy of the project in which one guard is disabled. How, is told by the operators in
benchmarks/mutation/operators.py; where, is found in the syntax trees of `maxent_robot/safety` and of the leash. The
tests of the supervisor without ROS run on each. A mutant that they let pass has survived; it is a gap in the tests or,
if nobody could ever see the change, it needs a reason in benchmarks/mutation/excuses.py.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from command_line import exit_status
from mutation.campaign import Campaign, Record
from mutation.excuses import EXCUSES
from mutation.sandbox import MutationError, Project
from provenance import ROOT

RESULTS = ROOT / "benchmarks" / "results" / "mutation_check.json"
SUPERVISOR = Project(
    root=ROOT,
    parts=("maxent_robot", "sim", "config", "tests", "pyproject.toml", "package.xml"),
    guarded=("maxent_robot/safety/*.py", "maxent_robot/skill/action.py"),
    tests=(
        "tests/test_safety_guards.py",
        "tests/test_safety_requests.py",
        "tests/test_safety_parts.py",
        "tests/test_safety_workspace.py",
        "tests/test_safety_joint_limits.py",
        "tests/test_safety_policy_report.py",
        "tests/test_safety_standby.py",
        "tests/test_skill_contract.py",
        "tests/test_skill_experience.py",
        "tests/test_supervisor.py",
        "tests/test_supervisor_fuzz.py",
    ),
    support=("tests/conftest.py", "tests/safety_bench.py", "tests/skill_bundles.py"),
)
VERDICTS = ("killed", "excused", "survived")
INTRODUCTION = """\
# Mutation check of the supervisor

Written by `python benchmarks/mutation_check.py --report`. Each mutant has one guard disabled; it is killed when a test
fails, and excused when it changes nothing that could be seen.
"""


def report(records: Sequence[Record], mutants: int) -> str:
    """The verdicts as a page of Markdown."""
    lines = [INTRODUCTION, f"{len(records)} of {mutants} mutants have a verdict.", ""]
    lines += _table("file", records, lambda record: record["mutant"].partition(":")[0])
    lines += _table("operator", records, lambda record: record["mutant"].partition(" ")[2])
    lines += _table("killed by", [r for r in records if r["killed_by"]], lambda r: r["killed_by"].partition("::")[0])
    for verdict, heading in (("survived", "Survived"), ("excused", "Excused")):
        found = [record for record in records if record["verdict"] == verdict]
        if found:
            lines += [f"## {heading}", ""]
            lines += [
                f"* `{r['mutant']}`: `{r['change']}`" + (f": {r['excuse']}" if r["excuse"] else "") for r in found
            ]
            lines.append("")
    return "\n".join(lines)


def _table(heading: str, records: Sequence[Record], key: Callable[[Record], str]) -> list[str]:
    counts: dict[str, Counter[str]] = {}
    for record in records:
        counts.setdefault(key(record), Counter())[record["verdict"]] += 1
    counts["all"] = sum(counts.values(), Counter())
    lines = [f"| {heading} | mutants | {' | '.join(VERDICTS)} |", "| --- | ---: | ---: | ---: | ---: |"]
    for name, count in counts.items():
        lines.append(f"| {name} | {count.total()} | {' | '.join(str(count[verdict]) for verdict in VERDICTS)} |")
    return [*lines, ""]


def main() -> int:
    parser = argparse.ArgumentParser(description="whether disabling any single guard of the supervisor fails a test")
    parser.add_argument("--only", metavar="NAME", default="", help="mutants whose name, file:line operator, has it")
    parser.add_argument("--list", action="store_true", help="test nothing; list the mutants")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at a time, one a core (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", type=Path, default=RESULTS, help="where the verdicts are kept")
    parser.add_argument("--report", action="store_true", help="test nothing; write a page beside the verdicts")
    arguments = parser.parse_args()

    def work() -> int:
        campaign = Campaign(SUPERVISOR, arguments.json, EXCUSES, [sys.executable, *sys.argv])
        mutants = [mutant for mutant in campaign.mutants if arguments.only in mutant.name]
        if not mutants:
            raise MutationError(f"no mutant has {arguments.only!r} in its name; --list has the names")
        if arguments.list:
            print(*(mutant.title for mutant in mutants), sep="\n")
            return 0
        if arguments.report:
            page = arguments.json.with_suffix(".md")
            page.write_text(report(campaign.records(), len(campaign.mutants)), encoding="utf-8")
            print(page)
            return 0
        campaign.run(mutants, arguments.jobs)
        problems = campaign.problems(mutants)
        print(*problems, f"{len(mutants)} mutants, {len(problems)} against the claim", sep="\n")
        return 1 if problems else 0

    return exit_status(parser, work)


if __name__ == "__main__":
    sys.exit(main())
