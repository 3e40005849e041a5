"""Train a skill in simulation; Ctrl-C stops with a checkpoint, --resume goes on.

With --seeds or --sweep it is a campaign: several runs of one configuration, compared by `maxent-robot compare`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import time
from pathlib import Path

from maxent_robot.cli import campaign
from maxent_robot.learning.config import ALGORITHM_NAMES

RUNS = Path("runs")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `maxent-robot train`."""
    parser.add_argument(
        "name",
        nargs="?",
        help="training configuration: plug_insertion, usb_insertion, hockey_defend, hockey_hit, hockey_duel, "
        "hockey_penalty, gymnasium, gymnasium_crossq or the path of a YAML file (default: with --env gymnasium, or "
        "gymnasium_<algo> where there is one)",
    )
    parser.add_argument("--env", metavar="ID", help="Gymnasium environment to train on, for example HalfCheetah-v5")
    names = ", ".join(ALGORITHM_NAMES)
    parser.add_argument("--algo", metavar="NAME", choices=ALGORITHM_NAMES, help=f"update rule: {names}")
    parser.add_argument("--seed", type=int, help="everything random follows from it (default: the configuration's)")
    parser.add_argument("--steps", type=int, help="environment steps, over all environments")
    parser.add_argument("--minutes", type=float, help="time for training and its evaluations; 0 is no limit")
    parser.add_argument("--output", type=Path, metavar="DIR", help="directory of the run (default: runs/<name>/<time>)")
    parser.add_argument("--resume", metavar="DIR", help="go on with a run or a campaign: its directory, or latest")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="another setting, for example learner.n_step=1"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures of the finished run here")
    parser.add_argument("--quiet", action="store_true", help="draw no progress bar")
    campaign.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train from nothing or from a checkpoint, to the end or until Ctrl-C; one run or a campaign.

    Returns:
        0 when training has come to its end, 130 when it was stopped and can be resumed, 1 when a run of a campaign
        failed.

    Raises:
        ConfigError: no such configuration or run, or a setting that is not allowed.
    """
    for library in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(library, "1")  # read when NumPy and PyTorch load: a second thread only gets in the way
    from maxent_robot.errors import ConfigError
    from maxent_robot.learning.campaigns.campaign import find_campaign
    from maxent_robot.learning.run_directory import config_path, gymnasium_config

    if arguments.name is None and arguments.env is None and arguments.resume in (None, "latest"):
        raise ConfigError("give the name of a training configuration, or --env with the id of a Gymnasium environment")
    several = campaign.is_wanted(arguments)
    name = arguments.name or gymnasium_config(arguments.algo)
    path = config_path(name)
    shelf = RUNS / (path.stem if arguments.env is None else re.sub(r"[^\w.-]+", "_", arguments.env))
    if arguments.resume is None:
        assignments = [*_choices(arguments), *arguments.set, *_budget(arguments)]
        begin = campaign.begin if several else _run_one
        return begin(arguments, name, path, shelf, assignments)
    chosen = (arguments.seed, arguments.output, arguments.algo)
    if arguments.set or several or any(value is not None for value in chosen):
        raise ConfigError("--resume goes on with the run's own settings: only --steps and --minutes may be given")
    directory = find_campaign(arguments.resume, shelf)
    if directory is not None:
        return campaign.resume(arguments, directory)
    return _run_one(arguments, name, path, shelf, _budget(arguments))


def _run_one(arguments: argparse.Namespace, name: str, path: Path, shelf: Path, assignments: list[str]) -> int:
    """Begin or resume one run, in this process."""
    from maxent_robot.directory_lock import locked
    from maxent_robot.learning import run_directory, tasks
    from maxent_robot.learning.algorithms import check_algorithm
    from maxent_robot.learning.evaluation import describe_evaluation
    from maxent_robot.learning.interrupts import StopRequest
    from maxent_robot.learning.training_run import carry_out

    campaign.check_is_one_run(arguments)
    with contextlib.ExitStack() as stack:
        if arguments.resume is not None:
            directory = run_directory.find_run(arguments.resume, shelf)
            stack.enter_context(locked(directory))
            config = run_directory.change_run(directory, assignments)
        else:
            config = run_directory.train_config(name, assignments)
            directory = arguments.output or shelf / time.strftime("%Y%m%d-%H%M%S")
        trainer = config.trainer
        training = tasks.make_environment(
            config.task, config.environment, trainer.num_envs, f"{path}: environment", training=True
        )
        stack.callback(training.close)
        evaluation = tasks.make_environment(
            config.task, config.evaluation_environment, trainer.evaluation_envs, f"{path}: evaluation_environment",
            trainer.evaluation_threads,
        )  # fmt: skip
        stack.callback(evaluation.close)
        check_algorithm(config.learner, training.spaces)
        if arguments.resume is None:
            run_directory.new_run(directory, name, config, assignments)
            stack.enter_context(locked(directory))
        what = f"{shelf.name}, {config.learner.algorithm}, seed {config.seed}"
        print(f"{what}, in {directory}; tensorboard --logdir {directory / 'tensorboard'}")
        with StopRequest() as stopped:
            result = carry_out(config, directory, training, evaluation, stopped, quiet=arguments.quiet)
    if result is None:
        print(f"stopped with a checkpoint; go on with: maxent-robot train {name} --resume {directory}")
        return 130
    print(f"best policy, after {result['best']['step']} steps: {describe_evaluation(result['best'])}")
    if tasks.makes_skill(config.task, config.environment):
        print(f"make a skill of it with: maxent-robot export {directory} --output skills/{path.stem}")
    if arguments.json is not None:
        run_directory.write_json(arguments.json, result)
    return 0


def _budget(arguments: argparse.Namespace) -> list[str]:
    steps = [] if arguments.steps is None else [f"trainer.steps={arguments.steps}"]
    return steps if arguments.minutes is None else [*steps, f"trainer.wall_minutes={arguments.minutes:g}"]


def _choices(arguments: argparse.Namespace) -> list[str]:
    """What the flags besides --set, --steps and --minutes choose, as assignments."""
    chosen = [] if arguments.seed is None else [f"seed={arguments.seed}"]
    if arguments.env is not None:
        chosen += [f"{place}.id={arguments.env}" for place in ("environment", "evaluation_environment")]
    return chosen if arguments.algo is None else [*chosen, f"learner.algorithm={arguments.algo}"]
