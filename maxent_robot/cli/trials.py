"""Experiments on an arm: how many trials it takes, running them, and what they say."""

from __future__ import annotations

import argparse
import importlib
from types import ModuleType

ACTIONS = ("plan", "run", "report")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `maxent-robot trials`, one parser for each of its actions."""
    from maxent_robot.cli.main import add_command

    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name in ACTIONS:
        add_command(actions, name, _module(name))


def run(arguments: argparse.Namespace) -> int:
    """Do the action that was asked for."""
    status: int = _module(arguments.action).run(arguments)
    return status


def _module(action: str) -> ModuleType:
    return importlib.import_module(f"maxent_robot.cli.experiments.{action}")
