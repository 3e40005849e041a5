"""Train a family of skills that can be composed, on one pool of experience; Ctrl-C stops with a checkpoint.

Every skill of the family that has learned is written as a bundle to `skills` in the directory of the run.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import time
from pathlib import Path

RUNS = Path("runs") / "family"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `maxent-robot family`."""
    parser.add_argument("name", help="family: plug, or the path of a YAML file")
    parser.add_argument("--seed", type=int, help="everything random follows from it (default: the configuration's)")
    parser.add_argument("--steps", type=int, help="environment steps, over all environments")
    parser.add_argument("--output", type=Path, metavar="DIR", help="directory of the run (default: runs/family/<time>)")
    parser.add_argument("--resume", metavar="DIR", help="go on with a run: its directory, or latest")
    parser.add_argument("--quiet", action="store_true", help="draw no progress bar")


def run(arguments: argparse.Namespace) -> int:
    """Train from nothing or from a checkpoint, to the end or until Ctrl-C.

    Returns:
        0 when training has come to its end, 130 when it was stopped and can be resumed.

    Raises:
        ConfigError: no such family or run, or a setting that is not allowed.
        BundleError: a skill that acts in turn does not verify.
    """
    for library in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(library, "1")  # read when NumPy and PyTorch load: a second thread only gets in the way
    from maxent_robot.config import load_config, to_mapping
    from maxent_robot.directory_lock import locked
    from maxent_robot.errors import ConfigError
    from maxent_robot.learning.interrupts import StopRequest
    from maxent_robot.learning.pooled.family import FamilyConfig, make_family, train_family, with_choices
    from maxent_robot.learning.run_directory import find_run
    from maxent_robot.learning.run_files import CONFIG_FILE
    from maxent_robot.paths import find_family
    from maxent_robot.yaml_file import write_yaml

    if arguments.resume is None:
        path = find_family(arguments.name)
        directory = arguments.output or RUNS / time.strftime("%Y%m%d-%H%M%S")
        if (directory / CONFIG_FILE).exists():
            raise ConfigError(f"{directory} holds a run already: resume it with --resume, or name another --output")
    else:
        if arguments.seed is not None or arguments.output is not None:
            raise ConfigError("--resume goes on with the run's own settings: only --steps may be given")
        directory = find_run(arguments.resume, RUNS)
        path = directory / CONFIG_FILE
    config = with_choices(load_config(path, FamilyConfig), arguments.seed, arguments.steps)
    with contextlib.ExitStack() as stack:
        environment = make_family(config, f"{path}: environment")
        stack.callback(environment.close)
        directory.mkdir(parents=True, exist_ok=True)
        stack.enter_context(locked(directory))
        write_yaml(directory / CONFIG_FILE, to_mapping(config))
        print(f"family {config.family}, seed {config.training.seed}, in {directory}")
        command = ["maxent-robot", "family", arguments.name, "--seed", str(config.training.seed)]
        if arguments.steps is not None:
            command += ["--steps", str(arguments.steps)]
        with StopRequest() as stopped:
            bundles = train_family(config, environment, directory, shlex.join(command), stopped, arguments.quiet)
    if bundles is None:
        print(f"stopped with a checkpoint; go on with: maxent-robot family {arguments.name} --resume {directory}")
        return 130
    for name, bundle in bundles.items():
        found = bundle.manifest.evaluation["calibration"]
        factor = found["slope"] * bundle.manifest.alpha
        print(f"{name}: R2 {found['r2']:.2f}, slope x alpha {factor:.2f}, in {bundle.directory}")
    return 0
