"""Evaluation of a skill bundle in simulation: every mode on the same numbered episodes, compared pair by pair.

No torch here: the policy is run by ONNX Runtime, as on a robot.
"""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.cores import usable_cores
from maxent_robot.errors import ConfigError
from maxent_robot.inference.actor import OnnxActor
from maxent_robot.inference.calibration import EVALUATION_KEY as CALIBRATION_KEY
from maxent_robot.inference.calibration import calibrate
from maxent_robot.inference.critic import OnnxCritic
from maxent_robot.learning.overrides import apply_overrides
from maxent_robot.learning.tasks import insertion_config
from maxent_robot.learning.watched_policy import Met, WatchedPolicy
from maxent_robot.skill.bundle import ACTOR_FILE, SkillBundle
from maxent_robot.skill.experience import EVALUATION_KEY as EXPERIENCE_KEY
from maxent_robot.skill.experience import merge
from maxent_robot.trials.statistics import mcnemar_exact, summarise, wilson_interval

if TYPE_CHECKING:
    from multiprocessing.managers import SyncManager

    from sim.evaluation import EpisodeTable
    from sim.plug.config import PlugConfig

SPIRAL = "spiral"
MODES = ("mean", "sample", "gated", "retry", SPIRAL)
"""Modes of the sampler, and `spiral`, the scripted search that a skill is measured against."""

Progress = Callable[[str, int, int], None]
"""Called with a mode, its finished episodes and the successes among them."""


def parse_modes(text: str, allowed: Sequence[str] = MODES) -> tuple[str, ...]:
    """Modes of a list such as `mean,spiral`, out of those that are allowed.

    Raises:
        ConfigError: an unknown mode, or one given twice.
    """
    modes = tuple(part.strip() for part in text.split(","))
    for mode in modes:
        if mode not in allowed:
            raise ConfigError(f"--modes: {mode!r} is not one of {', '.join(allowed)}")
    if len(set(modes)) < len(modes):
        raise ConfigError(f"--modes: {text!r} names a mode twice")
    return modes


def skill_environment(bundle: SkillBundle, assignments: Sequence[str]) -> PlugConfig:
    """What a skill promises to do: the task's defaults with the skill's connector, robot and period, and assignments.

    Raises:
        ConfigError: a setting that the environment does not have or allow.
    """
    manifest = bundle.manifest
    settings = {
        "connector": manifest.connector,
        "robot": manifest.robot,
        "policy_period_s": manifest.policy_period_s,
    }
    return insertion_config(apply_overrides(settings, assignments), "--set")


def evaluate_modes(
    bundle: SkillBundle,
    config: PlugConfig,
    modes: Sequence[str],
    episodes: int,
    seed: int,
    progress: Progress,
    workers: int = 1,
) -> dict[str, Any]:
    """Run episodes 0 to `episodes` - 1 of `seed` in every mode and compare the modes.

    Args:
        workers: modes run at the same time, each in a process of its own; 1 runs them here one after the other.

    Returns:
        Figures of each mode under its name; `paired`, each mode against the spiral; `experience`, the ranges that the
        skill has met in its modes (`Experience.to_mapping`), and `calibration` of its critic (`Calibration`), where it
        has one; `actor_sha256`; `wall_s`.
    """
    began = time.monotonic()
    workers = min(workers, len(modes))
    threads = max(1, usable_cores() // workers)
    if workers > 1:
        runs = _run_in_processes(bundle, config, modes, episodes, seed, progress, workers, threads)
    else:
        runs = {mode: run_mode(bundle, config, mode, episodes, seed, progress, threads) for mode in modes}
    met = [run.met for run in runs.values() if run.met is not None]
    return {
        **{mode: mode_figures(run.table) for mode, run in runs.items()},
        "paired": paired_figures({mode: run.table.success for mode, run in runs.items()}),
        **(_of_what_was_met(bundle, met, seed) if met else {}),
        "actor_sha256": bundle.manifest.files[ACTOR_FILE],
        "wall_s": round(time.monotonic() - began, 1),
    }


def _of_what_was_met(bundle: SkillBundle, met: Sequence[Met], seed: int) -> dict[str, Any]:
    states = np.concatenate([of_mode.states for of_mode in met])
    calibration = calibrate(OnnxActor(bundle), OnnxCritic(bundle), states, seed)
    return {
        EXPERIENCE_KEY: merge([of_mode.experience for of_mode in met]).to_mapping(),
        CALIBRATION_KEY: asdict(calibration),
    }


@dataclass(frozen=True)
class ModeRun:
    """The episodes of one mode, and what the skill met in them; the spiral is no skill and has met nothing."""

    table: EpisodeTable
    met: Met | None


def run_mode(
    bundle: SkillBundle, config: PlugConfig, mode: str, episodes: int, seed: int, progress: Progress, threads: int = 1
) -> ModeRun:
    """All episodes of one mode, their physics on ``threads`` threads."""
    from sim.evaluation import run_episodes

    def report(done: int, successes: int) -> None:
        progress(mode, done, successes)

    if mode == SPIRAL:
        return ModeRun(run_episodes(config, mode, episodes, seed, report, threads=threads), None)
    policy = WatchedPolicy(bundle, mode, seed)
    table = run_episodes(config, policy, episodes, seed, report, watch=policy.watch, threads=threads)
    return ModeRun(table, policy.met())


def mode_figures(table: EpisodeTable) -> dict[str, Any]:
    """Success with its 95 % Wilson interval; time of the successes; peak force of all episodes; how they ended."""
    forces = summarise(table.peak_force_n)
    return {
        **success_figures(table.success, table.time_s),
        "peak_force_n": {"p50": forces.p50, "p95": forces.p95},
        "outcomes": dict(sorted(Counter(table.outcome).items())),
    }


def success_figures(success: NDArray[np.bool_], time_s: NDArray[np.float64]) -> dict[str, Any]:
    """Success of episodes with its 95 % Wilson interval, and time of the successes."""
    episodes, successes = len(success), int(success.sum())
    times = summarise(time_s[success])
    return {
        "success": successes / episodes,
        "success_interval": list(wilson_interval(successes, episodes)),
        "successes": successes,
        "episodes": episodes,
        "time_s": {"median": times.median if successes else None, "p95": times.p95 if successes else None},
    }


def paired_figures(success: Mapping[str, NDArray[np.bool_]], script: str = SPIRAL) -> dict[str, Any]:
    """Each mode against the script on the same episodes, by McNemar's exact test; empty without the script."""
    if script not in success:
        return {}
    figures = {}
    for mode in success:
        if mode != script:
            pair = mcnemar_exact(success[mode], success[script])
            figures[f"{mode}_against_{script}"] = {
                f"only_{mode}": pair.only_first,
                f"only_{script}": pair.only_second,
                "both": pair.both,
                "neither": pair.neither,
                "difference": pair.difference,
                "p_value": pair.p_value,
            }
    return figures


def _run_in_processes(
    bundle: SkillBundle,
    config: PlugConfig,
    modes: Sequence[str],
    episodes: int,
    seed: int,
    progress: Progress,
    workers: int,
    threads: int,
) -> dict[str, ModeRun]:
    context = multiprocessing.get_context("spawn")
    manager: SyncManager
    with context.Manager() as manager, ProcessPoolExecutor(workers, mp_context=context) as pool:
        reports = manager.Queue()
        futures = {
            mode: pool.submit(run_mode, bundle, config, mode, episodes, seed, _Reporter(reports), threads)
            for mode in modes
        }
        while not all(future.done() for future in futures.values()) or not reports.empty():
            if reports.empty():
                time.sleep(0.1)
            else:
                progress(*reports.get())
        return {mode: future.result() for mode, future in futures.items()}


class _Reporter:
    """Sends progress from a worker process."""

    def __init__(self, reports: Any) -> None:
        self._reports = reports

    def __call__(self, mode: str, done: int, successes: int) -> None:
        self._reports.put((mode, done, successes))
