"""Start the run-time graph of a skill and keep it running until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from maxent_robot.bringup.graph import (
    LOG_LEVELS,
    NOT_SAFETY_RATED,
    NodeProcess,
    load_graph,
    processes,
    run_overrides,
)

CHECK_PERIOD_S = 0.2
"""Time between two looks at the processes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `maxent-robot up`."""
    parser.add_argument("--robot", default="sim", help="name (sim, fr3, ur5e) or path of a robot description")
    parser.add_argument("--skill", default="", help="name or path of a skill bundle (default: the graph's)")
    parser.add_argument("--limits", default="", help="name or path of the limits (default: those of the robot's name)")
    parser.add_argument("--mode", default="", help="mean, sample, tempered, gated or retry (default: the graph's)")
    parser.add_argument("--graph", default="plug_insertion", help="name or path of a graph (default: %(default)s)")
    parser.add_argument("--namespace", default="", help="namespace of every node, for example cell_1")
    parser.add_argument("--params-file", type=Path, help="ROS parameter file for all nodes; options given here win")
    parser.add_argument("--use-sim-time", action="store_true", help="take the time from /clock")
    parser.add_argument("--no-autostart", action="store_true", help="leave the nodes unconfigured")
    parser.add_argument("--dry-run", action="store_true", help="the supervisor publishes no command to the arm")
    parser.add_argument("--log-level", default="info", choices=LOG_LEVELS, help="of every node (default: %(default)s)")
    parser.add_argument("--domain-id", type=int, help="ROS domain (default: ROS_DOMAIN_ID)")
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="for each lifecycle step")


def run(arguments: argparse.Namespace) -> int:
    """Start the graph, activate its nodes, and wait until Ctrl-C, SIGTERM or the end of a node.

    Raises:
        BringupError: a node did not become active, or ended.
        ConfigError: no such graph, robot or parameter file.
    """
    from maxent_robot.bringup import GraphOptions, LifecycleManager, ProcessGroup, absolute_namespace
    from maxent_robot.errors import ConfigError

    if arguments.params_file is not None and not arguments.params_file.is_file():
        raise ConfigError(f"--params-file: no file '{arguments.params_file}'")
    options = GraphOptions(
        namespace=absolute_namespace(arguments.namespace),
        domain_id=arguments.domain_id,
        log_level=arguments.log_level,
        params_file=arguments.params_file,
    )
    group = ProcessGroup(started_processes(arguments), options)
    names = [process.name for process in group.processes]
    _say(NOT_SAFETY_RATED)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with group:
            _say(f"started {', '.join(f'{name} (pid {pid})' for name, pid in group.pids.items())}")
            if not arguments.no_autostart:
                with LifecycleManager(options.namespace, options.domain_id, group.check, group.reason) as manager:
                    manager.bring_up(names, arguments.timeout)
                _say(f"active: {', '.join(names)}; Ctrl-C ends it")
            while True:
                group.check()
                time.sleep(CHECK_PERIOD_S)
    except KeyboardInterrupt:
        _say("ended")
        return 0


def started_processes(arguments: argparse.Namespace) -> tuple[NodeProcess, ...]:
    """The processes that these arguments start.

    Raises:
        ConfigError: no such graph or robot.
    """
    overrides = run_overrides(
        skill=arguments.skill,
        mode=arguments.mode,
        limits=arguments.limits,
        dry_run=arguments.dry_run,
        use_sim_time=arguments.use_sim_time,
    )
    return processes(load_graph(arguments.graph), arguments.robot, overrides)


def _say(text: str) -> None:
    print(f"maxent-robot: {text}", file=sys.stderr, flush=True)
