"""Compare finished training runs over seeds: scores with intervals, and learning curves."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

SHOWN_UNFINISHED = 5
"""Unfinished runs that are named; of more, the number is given."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `maxent-robot compare`."""
    parser.add_argument("runs", nargs="+", metavar="RUN_OR_CAMPAIGN", help="directories of runs and of campaigns")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="directory for curves.png, curves.csv and summary.csv"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    parser.add_argument(
        "--separate",
        action="store_true",
        help="keep the runs of different arguments apart, even with equal settings: before and after a change of code",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the table and write what was asked for.

    Raises:
        ConfigError: a directory is neither a run nor a campaign, no run has ended, or two are the same sample.
    """
    from maxent_robot.errors import ConfigError
    from maxent_robot.learning.comparison.figures import group_figures, overall_figures
    from maxent_robot.learning.comparison.report import FIGURE_FILE, draw_curves, format_report, write_tables
    from maxent_robot.learning.comparison.run_groups import find_runs, group_runs

    finished, unfinished = find_runs(arguments.runs)
    if not finished:
        raise ConfigError(f"none of the {len(unfinished)} runs has ended: there is nothing to compare")
    groups = group_runs(finished, arguments.separate)
    figures = [group_figures(group) for group in groups]
    overall = overall_figures(groups)
    print(format_report(figures, overall))
    if unfinished:
        names = ", ".join(map(str, unfinished[:SHOWN_UNFINISHED]))
        more = f" and {len(unfinished) - SHOWN_UNFINISHED} more" if len(unfinished) > SHOWN_UNFINISHED else ""
        print(f"left out, because they have not ended: {names}{more}")
    if arguments.output is not None:
        arguments.output.mkdir(parents=True, exist_ok=True)
        write_tables(arguments.output, groups, figures)
        draw_curves(arguments.output / FIGURE_FILE, groups)
        print(f"curves: {arguments.output / FIGURE_FILE}")
    if arguments.json is not None:
        document = {"groups": figures, "overall": overall, "unfinished": [str(path) for path in unfinished]}
        arguments.json.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return 0
