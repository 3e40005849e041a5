"""Train a skill in simulation; Ctrl-C stops with a checkpoint, --resume goes on."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

RUNS = Path("runs")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `maxent-robot train`."""
    parser.add_argument("name", help="training configuration: plug_insertion, usb_insertion or the path of a YAML file")
    parser.add_argument("--seed", type=int, help="everything random follows from it (default: the configuration's)")
    parser.add_argument("--steps", type=int, help="environment steps, over all environments")
    parser.add_argument("--minutes", type=float, help="time for training and its evaluations; 0 is no limit")
    parser.add_argument("--output", type=Path, metavar="DIR", help="directory of the run (default: runs/<name>/<time>)")
    parser.add_argument("--resume", metavar="DIR", help="go on with a run: its directory, or latest")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="another setting, for example sac.n_step=1"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures of the finished run here")
    parser.add_argument("--quiet", action="store_true", help="draw no progress bar")


def run(arguments: argparse.Namespace) -> int:
    """Train from nothing or from a checkpoint, to the end or until Ctrl-C.

    Returns:
        0 when training has come to its end, 130 when it was stopped and can be resumed.

    Raises:
        ConfigError: no such configuration or run, or a setting that is not allowed.
    """
    for library in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(library, "1")  # read when NumPy and PyTorch load: a second thread only gets in the way
    from maxent_robot.errors import ConfigError
    from maxent_robot.learning import run_directory, tasks
    from maxent_robot.learning.interrupts import StopRequest
    from maxent_robot.learning.training_run import carry_out

    path = run_directory.config_path(arguments.name)
    assignments = _budget(arguments)
    if arguments.resume is not None:
        if arguments.set or arguments.seed is not None or arguments.output is not None:
            raise ConfigError("--resume goes on with the run's own settings: only --steps and --minutes may be given")
        directory = run_directory.find_run(arguments.resume, RUNS / path.stem)
        config = run_directory.change_run(directory, assignments)
    else:
        assignments = [*([] if arguments.seed is None else [f"seed={arguments.seed}"]), *arguments.set, *assignments]
        config = run_directory.train_config(arguments.name, assignments)
        directory = arguments.output or RUNS / path.stem / time.strftime("%Y%m%d-%H%M%S")
    n = config.trainer.num_envs
    training = tasks.make_environment(config.task, config.environment, n, f"{path}: environment")
    evaluation = tasks.make_environment(
        config.task, config.evaluation_environment, n, f"{path}: evaluation_environment"
    )
    try:
        if arguments.resume is None:
            run_directory.new_run(directory, arguments.name, config, assignments)
        print(f"{path.stem}, seed {config.seed}, in {directory}; tensorboard --logdir {directory / 'tensorboard'}")
        with StopRequest() as stopped:
            result = carry_out(config, directory, training, evaluation, stopped, quiet=arguments.quiet)
    finally:
        training.close()
        evaluation.close()
    if result is None:
        print(f"stopped with a checkpoint; go on with: maxent-robot train {arguments.name} --resume {directory}")
        return 130
    _print_result(result)
    print(f"make a skill of it with: maxent-robot export {directory} --output skills/{path.stem}")
    if arguments.json is not None:
        run_directory.write_json(arguments.json, result)
    return 0


def _budget(arguments: argparse.Namespace) -> list[str]:
    steps = [] if arguments.steps is None else [f"trainer.steps={arguments.steps}"]
    return steps if arguments.minutes is None else [*steps, f"trainer.wall_minutes={arguments.minutes:g}"]


def _print_result(result: dict[str, Any]) -> None:
    from maxent_robot.learning.progress import format_time

    best = result["best"]
    low, high = best["interval"]
    print(
        f"best policy, after {best['step']} steps: success {best['success']:.3f} [{low:.3f}, {high:.3f}] "
        f"in {best['episodes']} held-out episodes, median {format_time(best['median_time_s'])}, "
        f"peak force p95 {best['p95_force_n']:.1f} N"
    )
