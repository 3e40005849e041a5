"""Run an experiment: every condition of a protocol at every place, each trial recorded, until it is decided.

Starts the graph of the protocol's robot, the recorder and the runner, each as a process of its own, and starts policy,
recorder and runner again when they die. Ended at any moment, in whatever way, it goes on at the next trial when the
same command is run again with the same --output.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maxent_robot.cli.rehearsal import Interruption, rehearsal
from maxent_robot.console.gate import LOOPBACK, PORT
from maxent_robot.errors import ConfigError, MaxentRobotError

if TYPE_CHECKING:
    from maxent_robot.bringup import NodeProcess
    from maxent_robot.cli.rehearsal import Rehearsal
    from maxent_robot.trials.experiment import Experiment
    from maxent_robot.trials.experiment_files import ExperimentFiles
    from maxent_robot.trials.operator_desk import Told

RUNNER = "trials"
REVIVED = ("policy", "recorder", "console", RUNNER)
"""Processes that are started again when they die; the others end the session."""
LOCK_TIMEOUT_S = 15.0
POLL_PERIOD_S = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `maxent-robot trials run`."""
    parser.add_argument(
        "protocol", nargs="?", help="name (compare) or path of a protocol; may be left out to go on in --output"
    )
    parser.add_argument("--output", type=Path, help="directory of the experiment (default: reports/<name>_<time>)")
    parser.add_argument("--robot", default="", help="name or path of a robot description (default: the protocol's)")
    parser.add_argument("--wait", action="store_true", help="begin when trials/start is called, not at once")
    parser.add_argument(
        "--console", type=int, nargs="?", const=PORT, metavar="PORT", help="serve a page to watch and stop it from, too"
    )
    parser.add_argument("--domain-id", type=int, help="ROS domain (default: one that nothing uses, if simulated)")


def run(arguments: argparse.Namespace) -> int:
    """Run the experiment, or go on with it.

    Raises:
        MaxentRobotError: a mistake in the arguments or the protocol, or a node that did not come up or died.
    """
    import mcap  # noqa: F401  what is needed later is asked for at the beginning
    import rclpy  # noqa: F401
    import scipy  # noqa: F401

    from maxent_robot.bringup import is_simulated
    from maxent_robot.paths import find_skill
    from maxent_robot.skill.bundle import load_bundle
    from maxent_robot.trials.experiment_report import headline, write_experiment_report
    from maxent_robot.trials.provenance import append_session, session_record

    experiment, files = open_experiment(arguments)
    graph = _graph(experiment, files, arguments.console, begin=not arguments.wait)
    _wait_for_lock(files.directory)
    bundles = {condition.name: load_bundle(find_skill(condition.skill)) for condition in experiment.conditions}
    private = is_simulated(graph)
    append_session(files.sessions, session_record(experiment.robot, bundles, private))
    print(f"experiment {experiment.name}, robot {experiment.robot}, in {files.directory}", flush=True)
    if arguments.console is not None:
        print(f"console: http://{LOOPBACK}:{arguments.console}/", flush=True)
    names = [process.name for process in graph]
    with Interruption() as interruption:
        session = rehearsal(graph, names, files.directory, arguments.domain_id, interruption, REVIVED, private)
        with session as running:
            reason = _follow(running)
    page, figures = write_experiment_report(files.directory)
    print("\n".join([reason, *headline(figures), f"report: {page}"]), flush=True)
    return 0


def open_experiment(arguments: argparse.Namespace) -> tuple[Experiment, ExperimentFiles]:
    """The experiment that goes on in --output, or a new one.

    Raises:
        ConfigError: there is neither, or the one that there is has another protocol or robot.
    """
    from maxent_robot.trials.experiment import load_experiment
    from maxent_robot.trials.experiment_files import ExperimentFiles

    if arguments.output is not None and ExperimentFiles(arguments.output).exists():
        files = ExperimentFiles(arguments.output)
        experiment = files.experiment()
        if arguments.robot and _robot(arguments.robot) != experiment.robot:
            running = f"the experiment in '{files.directory}' is with '{experiment.robot}'"
            raise ConfigError(f"--robot is '{arguments.robot}', but {running}")
        if arguments.protocol is not None:
            wanted = _complete(load_experiment(arguments.protocol)[0], arguments.robot or experiment.robot)
            if wanted != experiment:
                keys = [field.name for field in dataclasses.fields(experiment)]
                other = ", ".join(key for key in keys if getattr(wanted, key) != getattr(experiment, key))
                raise ConfigError(
                    f"--output: '{files.directory}' holds an experiment by another protocol; they differ in {other}"
                )
        return experiment, files
    if arguments.protocol is None:
        raise ConfigError("give a protocol, or --output with the directory of an experiment to go on with")
    experiment = load_experiment(arguments.protocol)[0]
    experiment = _complete(experiment, arguments.robot or experiment.robot)
    directory = arguments.output
    if directory is None:
        directory = Path("reports") / f"{experiment.name}_{datetime.now():%Y-%m-%d_%H-%M-%S}"
    files = ExperimentFiles(directory)
    files.create(experiment)
    return experiment, files


def _complete(experiment: Experiment, robot: str) -> Experiment:
    """With this robot, paths that lead there from anywhere, and the depths of the connectors.

    Raises:
        ConfigError: no such robot, no such skill, or one that does not insert.
    """
    from maxent_robot.paths import find_skill
    from maxent_robot.skill.bundle import load_bundle
    from sim.plug.connectors import CONNECTORS

    depths, conditions = dict(experiment.depth_m), []
    for condition in experiment.conditions:
        path = find_skill(condition.skill)
        manifest = load_bundle(path).manifest
        if not manifest.layout.inserts:
            raise ConfigError(f"conditions: {condition.name!r} has skill '{manifest.name}', which does not insert")
        connector = manifest.connector
        if connector not in depths and connector in CONNECTORS:
            depths[connector] = CONNECTORS[connector].depth
        conditions.append(dataclasses.replace(condition, skill=_from_anywhere(condition.skill, path)))
    return dataclasses.replace(
        experiment, conditions=tuple(conditions), robot=_robot(robot), limits=_limits(experiment.limits), depth_m=depths
    )


def _limits(named: str) -> str:
    from maxent_robot.safety.limits import find_limits

    return _from_anywhere(named, find_limits(named)) if named else ""


def _robot(robot: str) -> str:
    from maxent_robot.paths import find_robot

    return _from_anywhere(robot, find_robot(robot))


def _from_anywhere(named: str, path: Path) -> str:
    """A shipped name as it is, or a path that leads there from anywhere."""
    return named if path.stem == named else str(path.resolve())


def _graph(
    experiment: Experiment, files: ExperimentFiles, console_port: int | None, begin: bool
) -> tuple[NodeProcess, ...]:
    """The processes: the recorder first, so that it sees the others from their first message on, the runner last."""
    from maxent_robot.bringup import NodeProcess, load_graph, processes
    from maxent_robot.trials.schedule import schedule

    first = schedule(experiment)[0]
    skill = experiment.condition(first.condition).skill
    overrides: dict[str, dict[str, Any]] = {"policy": {"skill": skill}, "supervisor": {"skill": skill}}
    if experiment.limits:
        overrides["supervisor"]["limits"] = experiment.limits
    config = load_graph(experiment.graph)
    if any(node.name == "sim_arm" for node in config.nodes):
        overrides["sim_arm"] = {"scenario_seed": first.seed, **experiment.arm}
    directory = str(files.directory.resolve())
    runner = NodeProcess(RUNNER, "trials_node", {"directory": directory, "begin": begin})
    graph = [NodeProcess("recorder", "recorder_node"), *processes(config, experiment.robot, overrides)]
    if console_port is not None:
        graph.append(NodeProcess("console", "console_node", {"robot": experiment.robot, "port": console_port}))
    return (*graph, runner)


def _wait_for_lock(directory: Path) -> None:
    """Wait for the runner of a session that was killed to notice it.

    Raises:
        ConfigError: another session runs this experiment.
    """
    from maxent_robot.directory_lock import locked

    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(ConfigError), locked(directory):
            return
        time.sleep(POLL_PERIOD_S)
    with locked(directory):
        return


def _follow(running: Rehearsal) -> str:
    """Print what the runner says, and start again what may die, until the experiment has ended; why it has.

    Raises:
        ConfigError: the experiment failed.
        MaxentRobotError: a process died that must not.
    """
    from diagnostic_msgs.msg import DiagnosticStatus
    from std_msgs.msg import String

    from maxent_robot.nodes.qos import LATCHED_EVENTS
    from maxent_robot.nodes.topics import TRIALS_RESULT, TRIALS_STATE
    from maxent_robot.nodes.trials_messages import trials_status
    from maxent_robot.nodes.waiting_node import WaitingNode
    from maxent_robot.trials.operator_desk import FAILED, FINISHED, Told

    told = Told()
    shown: set[int] = set()
    status = _Status()
    with contextlib.closing(WaitingNode("trials_watch", running.context, running.alive, {})) as node:

        def take_state(message: DiagnosticStatus) -> None:
            nonlocal told
            before, told = told, trials_status(message)
            status.show(told)
            if told.prompt and told.prompt != before.prompt:
                status.say(told.prompt)

        def take_result(message: String) -> None:
            result = json.loads(message.data)
            if result["trial"] not in shown:
                shown.add(result["trial"])
                status.say(_line(result, told.total))

        node.read(DiagnosticStatus, TRIALS_STATE, LATCHED_EVENTS, take_state)
        node.read(String, TRIALS_RESULT, LATCHED_EVENTS, take_result)
        while told.phase not in (FINISHED, FAILED):
            node.poll()
            for name, reason in running.group.ended().items():
                status.say(f"{name}: {reason}; it is started again")
                # One that was paused, or waits for a start, is not to move the arm because its process has died.
                running.group.restart(name, {"begin": False} if name == RUNNER and told.pauses else None)
                with contextlib.suppress(MaxentRobotError):
                    running.manager.bring_up([name])
            time.sleep(POLL_PERIOD_S)
        node.pause(1.0)
        status.close()
    if told.phase == FAILED:
        raise ConfigError(f"the experiment failed: {told.reason}")
    return told.reason


class _Status:
    """A progress bar over the trials, and lines that stay."""

    def __init__(self) -> None:
        from tqdm import tqdm

        self._bar: Any = tqdm(total=0, unit="trial", disable=None, dynamic_ncols=True, file=sys.stdout)

    def show(self, told: Told) -> None:
        """What the runner says."""
        self._bar.total, self._bar.n = told.total, told.done
        counts = {label: f"{inserted} of {tried}" for label, (inserted, tried) in told.counts.items()}
        self._bar.set_postfix({"trial": told.trial, "phase": told.phase, **counts}, refresh=True)

    def say(self, text: str) -> None:
        """A line that stays."""
        self._bar.clear()
        print(text, flush=True)

    def close(self) -> None:
        """Leave the line."""
        self._bar.close()


def _line(result: Mapping[str, Any], total: int) -> str:
    head = f"{result['trial']:>4}/{total}  place {result['place']:>3}  {result['outcome']:<14}"
    return f"{head} {result['time_s']:6.2f} s   peak {result['peak_force_n']:5.1f} N"
