"""Rehearse insertions on the simulated arm, through the real ROS 2 graph, and write a report; or play hockey.

Starts every node as a process of its own on a private ROS domain, runs the trials, ends every process, and writes
report.html, trials.csv, run.mcap and the plots. With an error, the finished trials are still reported.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from maxent_robot.cli import hockey_demo
from maxent_robot.cli.rehearsal import Interruption, StatusLine, output_directory, rehearsal
from maxent_robot.errors import ConfigError, MaxentRobotError

if TYPE_CHECKING:
    from maxent_robot.bringup import NodeProcess
    from maxent_robot.bringup.graph import GraphConfig
    from maxent_robot.control.robot import RobotConfig
    from maxent_robot.skill.bundle import SkillBundle
    from maxent_robot.trials.outcome import TrialResult
    from maxent_robot.trials.protocol import StartRange, TrialPlan
    from maxent_robot.trials.session import SessionFiles

SKILLS = ("plug_insertion", "usb_insertion")
MODES = ("mean", "sample", "tempered", "gated", "retry")
INSERTION_FLAGS = ("trials", "skills", "graph", "robot")
"""Those that mean nothing in hockey."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `maxent-robot demo`."""
    parser.add_argument(
        "what",
        nargs="?",
        choices=("insertion", "hockey"),
        default="insertion",
        help="insertions, or a game of air hockey between two arms (default: %(default)s)",
    )
    parser.add_argument("--trials", type=int, default=20, help="number of trials (default: %(default)s)")
    parser.add_argument(
        "--skills",
        nargs="+",
        default=[],
        metavar="SKILL",
        help=f"names or paths of skill bundles, which share the trials (default: {' '.join(SKILLS)}, or --graph's)",
    )
    parser.add_argument(
        "--graph", default="", help="name or path of a graph, such as composed (default: the insertion)"
    )
    parser.add_argument("--mode", choices=MODES, help="of the sampler (default: the graph's)")
    parser.add_argument("--seed", type=int, default=1, help="of scenarios, starts and sampler (default: %(default)s)")
    parser.add_argument("--output", type=Path, help="directory of the report (default: reports/<time>)")
    parser.add_argument("--robot", default="sim", help="name or path of a simulated robot (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")
    parser.add_argument("--domain-id", type=int, help="ROS domain (default: one that nothing uses)")
    hockey_demo.add_arguments(parser.add_argument_group("of hockey"))


def run(arguments: argparse.Namespace) -> int:
    """Run the trials and write the report.

    Raises:
        MaxentRobotError: a mistake in the arguments, or a node that did not come up, did not answer or died.
    """
    _refuse_flags_of_the_other(arguments)
    if arguments.what == "hockey":
        return hockey_demo.run(arguments)
    import jinja2  # noqa: F401  what the end needs is asked for at the beginning
    import matplotlib  # noqa: F401
    import mcap  # noqa: F401
    import mujoco  # noqa: F401
    import rclpy  # noqa: F401

    from maxent_robot.bringup import load_graph
    from maxent_robot.bringup.graph import DEFAULT_GRAPH, parameters_of
    from maxent_robot.control.robot import load_robot
    from maxent_robot.inference.temperature import DEFAULT_MODE
    from maxent_robot.paths import find_skill, skill_names
    from maxent_robot.skill.bundle import load_bundle
    from maxent_robot.trials.protocol import plan_trials
    from maxent_robot.trials.session import SessionFiles

    robot = load_robot(arguments.robot)
    config = load_graph(arguments.graph or DEFAULT_GRAPH)
    policy = parameters_of(config, "policy")
    arguments.mode = arguments.mode or str(policy.get("mode", DEFAULT_MODE))
    own = [str(policy["skill"])] if arguments.graph and "skill" in policy else SKILLS
    paths = [find_skill(skill) for skill in arguments.skills or own]
    bundles = [load_bundle(path) for path in paths]
    _require_insertions(bundles)
    composed = [load_bundle(find_skill(name)) for name in skill_names(str(policy.get("compose", "")))]
    plans = plan_trials(
        arguments.trials,
        [(str(path), bundle.manifest.connector) for path, bundle in zip(paths, bundles, strict=True)],
        arguments.seed,
    )
    if arguments.json is not None and not arguments.json.absolute().parent.is_dir():
        raise ConfigError(f"--json: no directory '{arguments.json.parent}'")
    graph = _graph(arguments, config, plans[0])
    directory = output_directory(arguments.output)
    everything = [*bundles, *composed]
    start = _start(config)
    files = SessionFiles(directory, arguments.mode, arguments.seed, robot.name, plans, everything, start=start)
    problem: BaseException | None = None
    try:
        with Interruption() as interruption:
            _run_trials(arguments, robot, graph, plans, bundles, files, interruption)
    except (MaxentRobotError, KeyboardInterrupt) as error:
        problem = error
    report = files.finish("" if problem is None else str(problem) or "ended by Ctrl-C")
    if report is not None:
        figures = files.figures()
        low, high = figures["success_interval"]
        print(
            f"{figures['inserted']} of {figures['trials']} inserted "
            f"(95 % Wilson interval {100 * low:.0f} to {100 * high:.0f} %)\nreport: {report}",
            flush=True,
        )
        if arguments.json is not None:
            arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if problem is not None:
        raise problem
    return 0


def _refuse_flags_of_the_other(arguments: argparse.Namespace) -> None:
    """Raise a ConfigError for a flag that has no meaning for what is demonstrated."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    other = INSERTION_FLAGS if arguments.what == "hockey" else hockey_demo.FLAGS
    for flag in other:
        if getattr(arguments, flag) != parser.get_default(flag):
            raise ConfigError(f"--{flag.replace('_', '-')} has no meaning for {arguments.what}")


def _require_insertions(bundles: Sequence[SkillBundle]) -> None:
    for bundle in bundles:
        if not bundle.manifest.layout.inserts:
            raise ConfigError(f"--skills: '{bundle.manifest.name}' does not insert: maxent-robot demo hockey plays it")


def _run_trials(
    arguments: argparse.Namespace,
    robot: RobotConfig,
    graph: Sequence[NodeProcess],
    plans: Sequence[TrialPlan],
    bundles: Sequence[SkillBundle],
    files: SessionFiles,
    interruption: Interruption,
) -> None:
    """Bring the graph up, run the trials, and end every process, whatever happens."""
    from maxent_robot.bringup import NodeProcess
    from maxent_robot.nodes.trial_node import TrialNode
    from maxent_robot.nodes.trial_runner import TrialRunner, TrialSetup
    from sim.plug.connectors import CONNECTORS

    recorder = NodeProcess("recorder", "recorder_node", {"output": str(files.recording.resolve())})
    # The recorder is up before the others, so that it sees them from their first message on.
    names = [recorder.name, *(process.name for process in graph)]
    with rehearsal((*graph, recorder), names, files.directory, arguments.domain_id, interruption) as running:
        node = TrialNode(robot, running.context, running.alive)
        with contextlib.closing(node):
            depths = {bundle.manifest.connector: CONNECTORS[bundle.manifest.connector].depth for bundle in bundles}
            setup = TrialSetup(depths, arguments.mode, files.criterion, files.start)
            runner = TrialRunner(node, robot, running.manager, setup, loaded_skill=plans[0].skill)
            for plan in plans:
                status = StatusLine()
                head = f"{plan.number:>3}/{len(plans)}  {plan.connector:<8}"
                result, series = runner.run(plan, partial(_show, status, head))
                status.clear()
                files.realtime_factor = node.realtime_factor
                files.add(result, series)
                print(_line(result, len(plans)), flush=True)


def _start(graph: GraphConfig) -> StartRange:
    """Where trials start: further up where there is an obstacle on the way."""
    from maxent_robot.bringup.graph import parameters_of
    from maxent_robot.trials.protocol import StartRange
    from sim.plug.obstacle import START_HEIGHT_M

    if not parameters_of(graph, "sim_arm").get("obstacle"):
        return StartRange()
    return StartRange(height_min_m=START_HEIGHT_M[0], height_max_m=START_HEIGHT_M[1])


def _graph(arguments: argparse.Namespace, config: GraphConfig, first: TrialPlan) -> tuple[NodeProcess, ...]:
    """The processes of the graph, set up for the first trial.

    Raises:
        ConfigError: the robot is not simulated.
    """
    from maxent_robot.bringup import is_simulated, processes, run_overrides

    overrides = run_overrides(skill=first.skill, mode=arguments.mode)
    overrides.setdefault("policy", {}).update(seed=arguments.seed, connector=first.connector)
    overrides["sim_arm"] = {"connector": first.connector, "scenario_seed": first.seed}
    graph = processes(config, arguments.robot, overrides)
    if not is_simulated(graph):
        raise ConfigError(f"demo: robot '{arguments.robot}' is not simulated; allowed is a robot named sim")
    return graph


def _show(status: StatusLine, head: str, time_s: float, depth_m: float, force_n: float) -> None:
    status.show(f"{head}  {time_s:5.2f} s   depth {1e3 * depth_m:6.1f} mm   force {force_n:5.1f} N")


def _line(result: TrialResult, total: int) -> str:
    return (
        f"{result.trial:>3}/{total}  {result.connector:<8}  seed {result.seed:>10}  {result.outcome:<14}  "
        f"{result.time_s:5.2f} s   peak {result.peak_force_n:5.1f} N   "
        f"socket {result.estimate_error_mm:.1f} mm, {result.estimate_error_deg:.1f} deg off{_obstacle(result)}"
    )


def _obstacle(result: TrialResult) -> str:
    clearance_mm = result.obstacle_clearance_mm
    if math.isnan(clearance_mm):
        return ""
    return (
        f"   obstacle {clearance_mm:.1f} mm away"
        if clearance_mm >= 0.0
        else f"   {-clearance_mm:.1f} mm in the obstacle"
    )
