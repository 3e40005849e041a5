"""Measure a skill in simulation: each sampler mode and a script, which is a spiral search or a hockey player, paired.

Every mode meets the same numbered episodes: the task as the skill promises it, changed by --set.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from maxent_robot.skill.bundle import SkillBundle

INSERTION_MODES, HOCKEY_MODES = "mean,sample,spiral", "mean,sample,script"

Evaluated: TypeAlias = "tuple[tuple[str, ...], Any, dict[str, Any]]"
"""Modes, settings of the environment, and figures."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `maxent-robot evaluate`."""
    parser.add_argument("skill", help="name (plug_insertion) or path of a skill bundle")
    parser.add_argument("--episodes", type=int, default=500, help="of each mode (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1000, help="of the episodes and the sampler (default: %(default)s)")
    parser.add_argument(
        "--modes", help=f"which of them, in order (default: {INSERTION_MODES}; of hockey {HOCKEY_MODES})"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another setting of the environment, for example randomisation.socket_position_m=0.0035",
    )
    parser.add_argument("--workers", type=int, default=1, help="modes run at the same time (default: %(default)s)")
    parser.add_argument("--update-manifest", action="store_true", help="also keep the figures in the bundle itself")
    parser.add_argument("--quiet", action="store_true", help="draw no progress bars")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, print a table and write the figures.

    Raises:
        BundleError: the skill does not verify, or can't be written.
        ConfigError: no such skill, mode or setting, or a number out of range.
    """
    for library in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(library, "1")  # read when NumPy loads: a second thread only gets in the way
    from maxent_robot.config import to_mapping
    from maxent_robot.errors import ConfigError
    from maxent_robot.paths import find_skill
    from maxent_robot.skill.bundle import load_bundle, write_bundle

    for flag, value, least in (("episodes", arguments.episodes, 1), ("workers", arguments.workers, 1)):
        if value < least:
            raise ConfigError(f"--{flag} is {value}, must be at least {least}")
    if arguments.seed < 0:
        raise ConfigError(f"--seed is {arguments.seed}, must be at least 0")
    bundle = load_bundle(find_skill(arguments.skill))
    evaluate = _evaluate_insertion if bundle.manifest.layout.inserts else _evaluate_hockey
    modes, config, figures = evaluate(arguments, bundle)
    document = {
        "skill": bundle.manifest.name,
        "command": _command(arguments, modes),
        "seed": arguments.seed,
        **figures,
        "environment": to_mapping(config),
    }
    _print_table(document, modes)
    text = json.dumps(document, indent=2) + "\n"
    if arguments.json is not None:
        arguments.json.write_text(text, encoding="utf-8")
    if arguments.update_manifest:
        manifest = dataclasses.replace(bundle.manifest, evaluation=json.loads(text))
        write_bundle(bundle.directory, manifest, bundle.actor_onnx, bundle.critic_onnx)
    return 0


def _evaluate_insertion(arguments: argparse.Namespace, bundle: SkillBundle) -> Evaluated:
    from maxent_robot.learning.skill_evaluation import evaluate_modes, parse_modes, skill_environment

    modes = parse_modes(arguments.modes or INSERTION_MODES)
    config = skill_environment(bundle, arguments.set)
    with _Bars(modes, arguments.episodes, arguments.quiet) as bars:
        figures = evaluate_modes(
            bundle, config, modes, arguments.episodes, arguments.seed, bars.show, arguments.workers
        )
    return modes, config, figures


def _evaluate_hockey(arguments: argparse.Namespace, bundle: SkillBundle) -> Evaluated:
    from maxent_robot.learning.hockey_evaluation import MODES, evaluate_player, promised_game
    from maxent_robot.learning.skill_evaluation import parse_modes

    modes = parse_modes(arguments.modes or HOCKEY_MODES, MODES)
    config = promised_game(bundle, arguments.set)
    with _Bars(modes, arguments.episodes, arguments.quiet) as bars:
        figures = evaluate_player(bundle, config, modes, arguments.episodes, arguments.seed, bars.show)
    return modes, config, figures


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


def _command(arguments: argparse.Namespace, modes: tuple[str, ...]) -> str:
    words = ["maxent-robot", "evaluate", arguments.skill]
    words += ["--episodes", str(arguments.episodes), "--seed", str(arguments.seed), "--modes", ",".join(modes)]
    for assignment in arguments.set:
        words += ["--set", assignment]
    return shlex.join(words)


def _print_table(document: dict[str, Any], modes: tuple[str, ...]) -> None:
    forces = "peak_force_n" in document[modes[0]]
    head = f"{'mode':<8}{'success':>9}{'95 % interval':>18}{'median s':>10}{'p95 s':>8}"
    print(head + (f"{'p50 N':>8}{'p95 N':>8}" if forces else ""))
    for mode in modes:
        row = document[mode]
        low, high = row["success_interval"]
        times = [f"{row['time_s'][key]:.2f}" if row["successes"] else "none" for key in ("median", "p95")]
        line = f"{mode:<8}{row['success']:>9.3f}{f'[{low:.3f}, {high:.3f}]':>18}{times[0]:>10}{times[1]:>8}"
        if forces:
            line += f"{row['peak_force_n']['p50']:>8.1f}{row['peak_force_n']['p95']:>8.1f}"
        print(line)
    for name, pair in document["paired"].items():
        mode, _, script = name.partition("_against_")
        print(
            f"{mode} against {script}: {pair[f'only_{mode}']} episodes by {mode} alone, {pair[f'only_{script}']} by "
            f"the {script} alone, McNemar p = {pair['p_value']:.2g}"
        )
