"""Evaluation of a skill bundle in simulation: every mode on the same numbered episodes, compared pair by pair.

No torch here: the policy is run by ONNX Runtime, as on a robot.
"""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.cores import usable_cores
from maxent_robot.errors import ConfigError
from maxent_robot.inference.actor import OnnxActor
from maxent_robot.inference.sampler import EntropyAwareSampler
from maxent_robot.learning.overrides import apply_overrides
from maxent_robot.learning.tasks import environment_config
from maxent_robot.skill import FRAME_SIZE
from maxent_robot.skill.bundle import ACTOR_FILE, SkillBundle
from maxent_robot.skill.experience import EVALUATION_KEY, Experience, ExperienceRecorder, merge
from maxent_robot.trials.statistics import mcnemar_exact, summarise, wilson_interval

if TYPE_CHECKING:
    from multiprocessing.managers import SyncManager

    from sim.evaluation import EpisodeTable
    from sim.plug.config import PlugConfig

MODES = ("mean", "sample", "spiral")
"""`mean` and `sample` are modes of the sampler, `spiral` is the scripted search that a skill is measured against."""

Progress = Callable[[str, int, int], None]
"""Called with a mode, its finished episodes and the successes among them."""


def parse_modes(text: str) -> tuple[str, ...]:
    """Modes of a list such as `mean,spiral`.

    Raises:
        ConfigError: an unknown mode, or one given twice.
    """
    modes = tuple(part.strip() for part in text.split(","))
    for mode in modes:
        if mode not in MODES:
            raise ConfigError(f"--modes: {mode!r} is not one of {', '.join(MODES)}")
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
    return environment_config(manifest.task, apply_overrides(settings, assignments), "--set")


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
        skill has met in its modes (`Experience.to_mapping`), where it has one; `actor_sha256`; `wall_s`.
    """
    began = time.monotonic()
    workers = min(workers, len(modes))
    threads = max(1, usable_cores() // workers)
    if workers > 1:
        runs = _run_in_processes(bundle, config, modes, episodes, seed, progress, workers, threads)
    else:
        runs = {mode: run_mode(bundle.actor_onnx, config, mode, episodes, seed, progress, threads) for mode in modes}
    experiences = [run.experience for run in runs.values() if run.experience is not None]
    return {
        **{mode: mode_figures(run.table) for mode, run in runs.items()},
        "paired": paired_figures({mode: run.table.success for mode, run in runs.items()}),
        **({EVALUATION_KEY: merge(experiences).to_mapping()} if experiences else {}),
        "actor_sha256": bundle.manifest.files[ACTOR_FILE],
        "wall_s": round(time.monotonic() - began, 1),
    }


@dataclass(frozen=True)
class ModeRun:
    """The episodes of one mode, and what the skill met in them; the spiral is no skill and has met nothing."""

    table: EpisodeTable
    experience: Experience | None


def run_mode(
    actor_onnx: bytes, config: PlugConfig, mode: str, episodes: int, seed: int, progress: Progress, threads: int = 1
) -> ModeRun:
    """All episodes of one mode, their physics on ``threads`` threads."""
    from sim.evaluation import run_episodes

    def report(done: int, successes: int) -> None:
        progress(mode, done, successes)

    if mode == "spiral":
        return ModeRun(run_episodes(config, mode, episodes, seed, report, threads=threads), None)
    policy = WatchedPolicy(actor_onnx, mode, seed)
    table = run_episodes(config, policy, episodes, seed, report, watch=policy.watch, threads=threads)
    return ModeRun(table, policy.recorder.experience())


class WatchedPolicy:
    """The policy that the node would run with this sampler mode and seed, for a batch of observations (n, 150)."""

    def __init__(self, actor_onnx: bytes, mode: str, seed: int) -> None:
        self._actor, self._sampler = OnnxActor(actor_onnx), EntropyAwareSampler(mode, seed=seed)
        self._frames: NDArray[np.float32] = np.zeros((0, FRAME_SIZE), dtype=np.float32)
        self._entropy: NDArray[np.float64] = np.zeros(0)
        self.recorder = ExperienceRecorder()

    def __call__(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        sampled = self._sampler(*self._actor(observation))
        self._frames, self._entropy = observation[:, -FRAME_SIZE:], sampled.entropy
        return sampled.action.astype(np.float32)

    def watch(self, active: NDArray[np.bool_]) -> None:
        """Record what was met by those of the batch that are within an episode."""
        self.recorder.add(self._frames[active], self._entropy[active])


def mode_figures(table: EpisodeTable) -> dict[str, Any]:
    """Success with its 95 % Wilson interval; time of the successes; peak force of all episodes; how they ended."""
    episodes, successes = len(table.success), int(table.success.sum())
    times, forces = summarise(table.time_s[table.success]), summarise(table.peak_force_n)
    return {
        "success": successes / episodes,
        "success_interval": list(wilson_interval(successes, episodes)),
        "successes": successes,
        "episodes": episodes,
        "time_s": {"median": times.median if successes else None, "p95": times.p95 if successes else None},
        "peak_force_n": {"p50": forces.p50, "p95": forces.p95},
        "outcomes": dict(sorted(Counter(table.outcome).items())),
    }


def paired_figures(success: Mapping[str, NDArray[np.bool_]]) -> dict[str, Any]:
    """Each mode against the spiral on the same episodes, by McNemar's exact test; empty without the spiral."""
    if "spiral" not in success:
        return {}
    figures = {}
    for mode in success:
        if mode != "spiral":
            pair = mcnemar_exact(success[mode], success["spiral"])
            figures[f"{mode}_against_spiral"] = {
                f"only_{mode}": pair.only_first,
                "only_spiral": pair.only_second,
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
            mode: pool.submit(run_mode, bundle.actor_onnx, config, mode, episodes, seed, _Reporter(reports), threads)
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
