"""Make the report of an experiment, also of one that still runs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from maxent_robot.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `maxent-robot trials report`."""
    parser.add_argument("directory", type=Path, help="of the experiment")
    parser.add_argument(
        "--beside", type=Path, metavar="DIRECTORY", help="of the same experiment in simulation, to show the gap to it"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Write `report.html` and print its main figures.

    Raises:
        MaxentRobotError: there is no experiment, or none of its trials has an outcome.
    """
    from maxent_robot.trials.experiment_files import ExperimentFiles
    from maxent_robot.trials.experiment_report import headline, write_experiment_report
    from maxent_robot.trials.plain import without_nan

    for directory in (arguments.directory, arguments.beside):
        if directory is not None and not ExperimentFiles(directory).exists():
            raise ConfigError(f"no experiment in '{directory}': it has no protocol.yaml")
    page, figures = write_experiment_report(arguments.directory, arguments.beside)
    print("\n".join([*headline(figures), f"report: {page}"]), flush=True)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(without_nan(figures), indent=2) + "\n", encoding="utf-8")
    return 0
