"""The part of `maxent-robot train` for several runs of one configuration; not a sub-command of its own."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from maxent_robot.cores import usable_cores
from maxent_robot.errors import ConfigError

if TYPE_CHECKING:
    from maxent_robot.learning.campaigns.campaign import Campaign
    from maxent_robot.learning.campaigns.executors import Executor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of a campaign."""
    group = parser.add_argument_group("several runs", "each in a process and a directory of its own")
    group.add_argument("--seeds", metavar="SEEDS", help="a run for each of several seeds: 1,2,3 or 1-5")
    group.add_argument(
        "--sweep",
        action="append",
        default=[],
        metavar="KEY=VALUE,...",
        help="runs for each of several values, for example learner.n_step=1,3; given twice, for each pair",
    )
    group.add_argument("--jobs", type=int, metavar="N", help="runs at a time (default: the number of cores)")
    group.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="run them on the Ray cluster at this address, or a local one; its nodes must see the directory of the "
        "campaign and this package under the same paths",
    )


def is_wanted(arguments: argparse.Namespace) -> bool:
    """Whether the arguments ask for several runs; one seed in --seeds becomes --seed.

    Raises:
        ConfigError: they exclude each other.
    """
    from maxent_robot.learning.campaigns.campaign import parse_seeds

    if arguments.jobs is not None and arguments.jobs < 1:
        raise ConfigError(f"--jobs is {arguments.jobs}, must be at least 1")
    if arguments.seeds is not None:
        if arguments.seed is not None:
            raise ConfigError("give --seed for one run or --seeds for several, not both")
        arguments.seeds = parse_seeds(arguments.seeds)
        if len(arguments.seeds) == 1 and not arguments.sweep:
            (arguments.seed,), arguments.seeds = arguments.seeds, None
    return arguments.seeds is not None or bool(arguments.sweep)


def check_is_one_run(arguments: argparse.Namespace) -> None:
    """Raise ConfigError if there are arguments that only several runs have a use for."""
    if arguments.jobs is not None or arguments.ray is not None:
        raise ConfigError("--jobs and --ray are for several runs: name them by --seeds or --sweep")


def begin(arguments: argparse.Namespace, name: str, path: Path, shelf: Path, assignments: list[str]) -> int:
    """Carry out a new campaign of the configuration `name`, whose file is `path`."""
    from maxent_robot.learning.campaigns.campaign import make_campaign, new_campaign, parse_sweep
    from maxent_robot.learning.campaigns.campaign_run import check_campaign
    from maxent_robot.learning.run_directory import train_config

    if arguments.json is not None:
        raise ConfigError("--json is for one run: maxent-robot compare writes the figures of several")
    sweep = parse_sweep(arguments.sweep)
    seeds = arguments.seeds
    if seeds is None:
        seeds = (train_config(name, assignments).seed,)
        assignments = [text for text in assignments if text.partition("=")[0].strip() != "seed"]
    # A campaign can be resumed from another directory, where a relative path would lead elsewhere.
    campaign = make_campaign(name if path != Path(name) else str(path.absolute()), assignments, seeds, sweep)
    directory = arguments.output or shelf / time.strftime("%Y%m%d-%H%M%S")
    check_campaign(campaign, directory)
    with _executor(arguments) as executor:
        new_campaign(directory, campaign)
        return _carry_out(arguments, campaign, directory, executor)


def resume(arguments: argparse.Namespace, directory: Path) -> int:
    """Go on with the campaign in `directory`."""
    from maxent_robot.learning.campaigns.campaign import load_campaign
    from maxent_robot.learning.campaigns.campaign_run import check_campaign

    if arguments.steps is not None or arguments.minutes is not None or arguments.json is not None:
        raise ConfigError(f"{directory} is a campaign, which goes on with its own settings: only --jobs and --ray fit")
    campaign = load_campaign(directory)
    check_campaign(campaign, directory)
    with _executor(arguments) as executor:
        return _carry_out(arguments, campaign, directory, executor)


def _executor(arguments: argparse.Namespace) -> Executor:
    from maxent_robot.learning.campaigns.executors import LocalExecutor, RayExecutor

    if arguments.ray is not None:
        return RayExecutor(arguments.ray or None, arguments.jobs)
    return LocalExecutor(arguments.jobs or usable_cores())


def _carry_out(arguments: argparse.Namespace, campaign: Campaign, directory: Path, executor: Executor) -> int:
    from maxent_robot.directory_lock import locked
    from maxent_robot.learning.campaigns.campaign import campaign_runs
    from maxent_robot.learning.campaigns.campaign_run import carry_out
    from maxent_robot.learning.interrupts import StopRequest

    count = len(campaign_runs(campaign, directory))
    print(f"{count} runs, {executor.jobs} at a time, in {directory}; tensorboard --logdir {directory}", flush=True)
    resumption = f"maxent-robot train --resume {directory}"
    try:
        with locked(directory), StopRequest() as stopped:
            outcome = carry_out(campaign, directory, executor, stopped, quiet=arguments.quiet)
    except KeyboardInterrupt:
        print(f"ended at once; go on from the last checkpoints with: {resumption}")
        return 130
    if outcome.left == 0:
        print(f"all {count} runs have ended; compare them with: maxent-robot compare {directory}")
        return 0
    if outcome.failed:
        print(f"{outcome.failed} of {count} runs failed, {outcome.ended} have ended; go on with: {resumption}")
        return 1 if outcome.failed == outcome.left else 130
    print(f"stopped with checkpoints, {outcome.ended} of {count} runs have ended; go on with: {resumption}")
    return 130
