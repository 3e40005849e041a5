"""Look whether everything is there that a skill needs on an arm, before anything moves.

Listens for a few seconds, sends nothing, and says what is missing and what to do about it. The exit status is 1 where
something is bad.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from maxent_robot.errors import ConfigError, MaxentRobotError

if TYPE_CHECKING:
    from maxent_robot.bringup.doctor import Check
    from maxent_robot.control.robot import RobotConfig

LISTEN_S = 4.0
_MARKS = {"ok": "ok     ", "warning": "look at", "bad": "BAD    "}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `maxent-robot doctor`."""
    parser.add_argument("--robot", default="fr3", help="name or path of the robot's description (default: %(default)s)")
    parser.add_argument("--skill", default="plug_insertion", help="that is to run (default: %(default)s)")
    parser.add_argument("--limits", default="", help="name or path of the limits (default: those of the robot's name)")
    parser.add_argument("--namespace", default="", help="of the arm's topics, for example cell_1")
    parser.add_argument("--domain-id", type=int, help="ROS domain (default: ROS_DOMAIN_ID)")
    parser.add_argument(
        "--listen", type=float, default=LISTEN_S, metavar="SECONDS", help="how long (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the checks as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Listen, check and print.

    Raises:
        ConfigError: no such robot, or a namespace that is none.
    """
    import rclpy  # noqa: F401

    from maxent_robot.bringup import absolute_namespace
    from maxent_robot.bringup.doctor import BAD, WARNING, check_all
    from maxent_robot.control.robot import load_robot
    from maxent_robot.nodes.listening import listen_to_arm

    if not 0.5 <= arguments.listen <= 60.0:
        raise ConfigError(f"--listen is {arguments.listen:g}, must be 0.5 to 60 s")
    namespace = absolute_namespace(arguments.namespace)
    robot = load_robot(arguments.robot)
    checks = [*_software(arguments.domain_id), *_files(robot, arguments.skill, arguments.limits or robot.name)]
    for check in checks:
        print(_line(check), flush=True)
    print(f"listening for {arguments.listen:g} s ...", flush=True)
    heard = check_all(robot, listen_to_arm(robot, arguments.listen, namespace, arguments.domain_id))
    for check in heard:
        print(_line(check), flush=True)
    checks += heard
    bad, odd = (sum(check.verdict == verdict for check in checks) for verdict in (BAD, WARNING))
    print(f"{len(checks)} checks: {bad} bad, {odd} to look at", flush=True)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(check) for check in checks], indent=2) + "\n", encoding="utf-8")
    return 1 if bad else 0


def _software(domain_id: int | None) -> Iterator[Check]:
    from rclpy.utilities import get_rmw_implementation_identifier

    from maxent_robot.bringup.doctor import GOOD, WARNING, Check
    from maxent_robot.cores import usable_cores

    distribution = os.environ.get("ROS_DISTRO", "from pip")
    python = platform.python_version()
    yield Check("software", GOOD, f"ROS {distribution}, {get_rmw_implementation_identifier()}, Python {python}")
    domain = os.environ.get("ROS_DOMAIN_ID", "0") if domain_id is None else domain_id
    reach = os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    yield Check("network", GOOD, f"domain {domain}, discovery {reach}")
    cores = usable_cores()
    if cores < 2:
        yield Check("processor", WARNING, f"{cores} core", "the graph takes about one and wants a second in reserve")
    else:
        yield Check("processor", GOOD, f"{cores} cores, {sys.platform}")


def _files(robot: RobotConfig, skill: str, limits: str) -> Iterator[Check]:
    """Whether skill, robot and limits belong together."""
    from maxent_robot.bringup.doctor import BAD, GOOD, Check
    from maxent_robot.paths import find_skill
    from maxent_robot.safety.limits import load_limits
    from maxent_robot.skill.bundle import load_bundle
    from maxent_robot.skill.contract import check_contract

    try:
        bundle = load_bundle(find_skill(skill))
        check_contract(bundle.manifest, robot)
        yield Check("skill", GOOD, f"{bundle.manifest.name} verifies, and is for an arm like {robot.name}")
    except MaxentRobotError as error:
        yield Check("skill", BAD, str(error), "take another skill, or correct the robot's description")
    try:
        box = load_limits(limits).workspace
        low, high = (", ".join(f"{value:g}" for value in corner) for corner in (box.minimum, box.maximum))
        yield Check("limits", GOOD, f"'{limits}' can be read; is its workspace box right, ({low}) to ({high}) m?")
    except MaxentRobotError as error:
        yield Check("limits", BAD, str(error), "give --limits")


def _line(check: Check) -> str:
    advice = f"\n{'':10}{check.advice}" if check.advice else ""
    return f"{_MARKS[check.verdict]}  {check.name}: {check.said}{advice}"
