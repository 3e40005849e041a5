"""Experiments on an arm: how many trials it takes, running them, and what they say."""

from __future__ import annotations

import argparse
import importlib
from types import ModuleType

ACTIONS = ("plan", "run", "report")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `maxent-robot trials`, one parser for each of its actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name in ACTIONS:
        module = _module(name)
        text = (module.__doc__ or "").strip()
        own = actions.add_parser(
            name,
            help=text.partition("\n")[0],
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(own)


def run(arguments: argparse.Namespace) -> int:
    """Do the action that was asked for."""
    status: int = _module(arguments.action).run(arguments)
    return status


def _module(action: str) -> ModuleType:
    return importlib.import_module(f"maxent_robot.cli.experiments.{action}")
