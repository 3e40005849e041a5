"""Measure a skill in simulation: success, time and force of each sampler mode and of a spiral search, paired.

Every mode meets the same numbered episodes: the task as the skill promises it, changed by --set.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `maxent-robot evaluate`."""
    parser.add_argument("skill", help="name (plug_insertion) or path of a skill bundle")
    parser.add_argument("--episodes", type=int, default=500, help="of each mode (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1000, help="of the episodes and the sampler (default: %(default)s)")
    parser.add_argument("--modes", default="mean,sample,spiral", help="which of them, in order (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another setting of the environment, for example randomisation.socket_position_m=0.0035",
    )
    parser.add_argument("--workers", type=int, default=1, help="modes run at the same time (default: %(default)s)")
    parser.add_argument("--quiet", action="store_true", help="draw no progress bars")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, print a table and write the figures.

    Raises:
        BundleError: the skill does not verify.
        ConfigError: no such skill, mode or setting, or a number out of range.
    """
    for library in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(library, "1")  # read when NumPy loads: a second thread only gets in the way
    from maxent_robot.config import to_mapping
    from maxent_robot.errors import ConfigError
    from maxent_robot.learning.skill_evaluation import evaluate_modes, parse_modes, skill_environment
    from maxent_robot.paths import find_skill
    from maxent_robot.skill.bundle import load_bundle

    for flag, value, least in (("episodes", arguments.episodes, 1), ("workers", arguments.workers, 1)):
        if value < least:
            raise ConfigError(f"--{flag} is {value}, must be at least {least}")
    if arguments.seed < 0:
        raise ConfigError(f"--seed is {arguments.seed}, must be at least 0")
    modes = parse_modes(arguments.modes)
    bundle = load_bundle(find_skill(arguments.skill))
    config = skill_environment(bundle, arguments.set)
    with _Bars(modes, arguments.episodes, arguments.quiet) as bars:
        figures = evaluate_modes(
            bundle, config, modes, arguments.episodes, arguments.seed, bars.show, arguments.workers
        )
    document = {
        "skill": bundle.manifest.name,
        "command": _command(arguments),
        "seed": arguments.seed,
        **figures,
        "environment": to_mapping(config),
    }
    _print_table(document, modes)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


class _Bars:
    """One progress bar a mode."""

    def __init__(self, modes: tuple[str, ...], episodes: int, quiet: bool) -> None:
        from tqdm import tqdm

        self._bars = {
            mode: tqdm(total=episodes, desc=f"{mode:>6}", unit="episode", position=place, disable=quiet)
            for place, mode in enumerate(modes)
        }

    def show(self, mode: str, done: int, successes: int) -> None:
        bar = self._bars[mode]
        bar.set_postfix_str(f"success {successes / done:.3f}", refresh=False)
        bar.update(done - bar.n)

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *_: object) -> None:
        for bar in self._bars.values():
            bar.close()


def _command(arguments: argparse.Namespace) -> str:
    words = ["maxent-robot", "evaluate", arguments.skill]
    words += ["--episodes", str(arguments.episodes), "--seed", str(arguments.seed), "--modes", arguments.modes]
    for assignment in arguments.set:
        words += ["--set", assignment]
    return shlex.join(words)


def _print_table(document: dict[str, Any], modes: tuple[str, ...]) -> None:
    print(f"{'mode':<8}{'success':>9}{'95 % interval':>18}{'median s':>10}{'p95 s':>8}{'p50 N':>8}{'p95 N':>8}")
    for mode in modes:
        row = document[mode]
        low, high = row["success_interval"]
        times = [f"{row['time_s'][key]:.2f}" if row["successes"] else "none" for key in ("median", "p95")]
        force = row["peak_force_n"]
        print(
            f"{mode:<8}{row['success']:>9.3f}{f'[{low:.3f}, {high:.3f}]':>18}{times[0]:>10}{times[1]:>8}"
            f"{force['p50']:>8.1f}{force['p95']:>8.1f}"
        )
    for name, pair in document["paired"].items():
        mode = name.removesuffix("_against_spiral")
        print(
            f"{mode} against spiral: {pair[f'only_{mode}']} episodes by {mode} alone, {pair['only_spiral']} by the "
            f"spiral alone, McNemar p = {pair['p_value']:.2g}"
        )
