"""Inserting a plug past a moving obstacle, by skills none of which can do it: ways to compose them, side by side.

    python benchmarks/composition_plug.py --jobs 2      # two hours and a half; interrupt it as you like

For each training seed: an insertion that knows nothing of the obstacle, the family `plug` (`avoid` and `gentle`), a
divergence correction learned from the family's pool, and one policy trained from nothing on the sum of the rewards.
All meet the same episodes: the arm starts 25 to 35 mm above the socket and the obstacle lies half-way. Results:
benchmarks/results/composition_plug.json, .md and .png; runs and finished parts lie in runs/composition_plug.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from command_line import exit_status
from composition_plug_page import ALONE, AVOIDS, BEST, LONGER_S, PRODUCT, SUMMED, bars, figures, page, plot
from numpy.typing import NDArray
from pages import add_arguments, write_results
from plug_trainings import (
    FAMILY,
    INSERT,
    SUM,
    Training,
    learn_correction,
    pooled_skill,
    read_correction,
    train,
    trained_policy,
)
from provenance import ROOT, provenance
from tqdm import tqdm

from maxent_robot.inference.composition import ComposableSkill, Composer, Composition
from maxent_robot.learning.run_directory import write_json
from maxent_robot.learning.tasks import insertion_config
from maxent_robot.skill.bundle import load_bundle
from sim.plug.obstacle import START_HEIGHT_M
from sim.plug.task import PlugTask

RESULTS = ROOT / "benchmarks" / "results" / "composition_plug.json"
RUNS = ROOT / "runs" / "composition_plug"
SEEDS, EPISODES, EPISODE_SEED = (1, 2, 3), 200, 2026
ENVIRONMENT: dict[str, Any] = {
    "connector": "two_pin",
    "time_limit_s": LONGER_S,
    "start": {"height_m": list(START_HEIGHT_M)},
    "obstacle": {"present": True},
}
CORRECTED_WEIGHTS = (1.0, 0.5)
HOLD_STEPS = 4


@dataclass(frozen=True)
class Method:
    """A way to act: `skills` composed by `operator` with `weights`, at a temperature."""

    name: str
    skills: tuple[str, ...]
    weights: tuple[float, ...]
    operator: str = "hybrid"
    temperature: float = 0.0


PAIR = (INSERT, "avoid")
METHODS = (
    Method(ALONE, (INSERT,), (1.0,), "product"),
    Method(AVOIDS, ("avoid",), (1.0,), "product"),
    Method(PRODUCT, PAIR, (1.0, 0.5), "product"),
    *(Method(f"{PRODUCT}, avoid x {factor}", PAIR, (1.0, 0.5 * factor), "product") for factor in (2, 4, 8)),
    Method("mean of the Qs", PAIR, CORRECTED_WEIGHTS, "mean"),
    Method("mean of the Qs, corrected", PAIR, CORRECTED_WEIGHTS, "corrected"),
    Method("hybrid", PAIR, (1.0, 0.5)),
    Method("hybrid, avoid x 0.5", PAIR, (1.0, 0.25)),
    Method(BEST, PAIR, (1.0, 1.0)),
    Method("hybrid, sampled", PAIR, (1.0, 0.5), temperature=1.0),
    Method("hybrid, gentle added", (*PAIR, "gentle"), (1.0, 0.5, 0.25)),
    Method(SUMMED, (SUM,), (1.0,), "product"),
)


def skill(name: str, seed: int, runs: Path) -> ComposableSkill:
    """A trained skill. Its Q may be used whatever its calibration: how that ends is what is measured here."""
    if name in (INSERT, SUM):
        found = trained_policy(Training(name, seed, runs).directory, name)
    else:
        found = pooled_skill(Training(FAMILY, seed, runs).directory, name)
    return replace(found, uncalibrated="")


def correction_file(seed: int, runs: Path) -> Path:
    """Where the correction of a seed lies."""
    return runs / f"correction_seed_{seed}.onnx"


def correct(seed: int, runs: Path) -> None:
    """Learn the correction of a seed, unless it is there."""
    path = correction_file(seed, runs)
    if not path.is_file():
        insert, family = (Training(kind, seed, runs).directory for kind in (INSERT, FAMILY))
        learn_correction(insert, family, "avoid", CORRECTED_WEIGHTS, path)


def run_episodes(
    composers: Sequence[Composer], temperature: float, environment: Mapping[str, Any] = ENVIRONMENT
) -> dict[str, Any]:
    """One episode for each composer, number k of `EPISODE_SEED` for the k-th, until it is inserted or has failed."""
    n = len(composers)
    task = PlugTask(insertion_config(environment, "composition_plug"), n)
    assert task.course is not None
    for index in range(n):
        task.begin(index, (EPISODE_SEED, index))
    inserted_s, collided_s = np.full(n, np.inf), np.full(n, np.inf)
    active, stopped = np.ones(n, bool), np.zeros(n, bool)
    effective: list[float] = []
    alone = 0
    observation = task.observe_full()
    action = np.zeros((n, 6))
    while active.any():
        for index in np.flatnonzero(active).tolist():
            chosen = composers[index](observation[index].astype(np.float64), temperature)
            action[index] = chosen.action
            effective.append(chosen.effective)
            alone += int(bool(chosen.fallback))
        outcome = task.advance(action)
        observation = task.observe_full()
        fresh = active & task.course.collided & np.isinf(collided_s)
        collided_s[fresh] = task.time_s[fresh]
        inserted_s[active & outcome.success] = task.time_s[active & outcome.success]
        stopped |= active & outcome.failure
        active &= ~(outcome.success | outcome.failure | outcome.timeout)
    known = [share for share in effective if np.isfinite(share)]
    return {
        "inserted_s": _or_none(inserted_s),
        "collided_s": _or_none(collided_s),
        "stopped_by_force": int(stopped.sum()),
        "ess_share": float(np.median(known)) if known else None,
        "primary_alone": alone / len(effective),
    }


def _or_none(seconds: NDArray[np.float64]) -> list[float | None]:
    return [round(float(value), 3) if np.isfinite(value) else None for value in seconds]


def on(task: tuple[int, Method], runs: Path) -> dict[str, Any]:
    """One method with the skills of one seed; kept, and read where it was kept."""
    seed, method = task
    path = runs / "episodes" / f"seed_{seed}_{method.name.replace(' ', '_').replace(',', '')}.json"
    if not path.is_file():
        skills = [skill(name, seed, runs) for name in method.skills]
        corrected = (
            read_correction(correction_file(seed, runs), CORRECTED_WEIGHTS) if method.operator == "corrected" else None
        )
        composition = Composition(method.weights, method.operator, hold_steps=HOLD_STEPS)
        composers = [Composer(skills, composition, EPISODES * seed + k, corrected) for k in range(EPISODES)]
        path.parent.mkdir(parents=True, exist_ok=True)
        found = run_episodes(composers, method.temperature)
        write_json(path, {"seed": seed, "method": method.name, "weights": method.weights, **found})
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return kept


def training_costs(runs: Path) -> dict[str, dict[str, Any]]:
    """Steps and minutes of each kind of training, seed by seed."""
    found: dict[str, dict[str, Any]] = {}
    for kind in (INSERT, FAMILY, SUM):
        rows = []
        for seed in SEEDS:
            directory = Training(kind, seed, runs).directory
            if kind == FAMILY:
                record = load_bundle(directory / "skills" / "avoid").manifest.training
                rows.append((record.steps, record.wall_s))
            else:
                result = json.loads((directory / "result.json").read_text(encoding="utf-8"))
                rows.append((result["steps"], result["wall_s"]))
        found[kind] = {"steps": [steps for steps, _ in rows], "minutes": [round(wall / 60.0, 1) for _, wall in rows]}
    return found


def calibrations(runs: Path) -> dict[str, list[float]]:
    """R2 of the critics of a family, seed by seed, from their manifests."""
    return {
        name: [
            load_bundle(Training(FAMILY, seed, runs).directory / "skills" / name).manifest.evaluation["calibration"][
                "r2"
            ]
            for seed in SEEDS
        ]
        for name in ("avoid", "gentle")
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="inserting past a moving obstacle by composed skills")
    add_arguments(parser, RESULTS, RUNS)
    arguments = parser.parse_args()

    def work() -> int:
        origin = provenance(["python", "benchmarks/composition_plug.py", *sys.argv[1:]])
        runs = arguments.runs.resolve()
        train([Training(kind, seed, runs) for kind in (INSERT, SUM, FAMILY) for seed in SEEDS], arguments.jobs)
        tasks = [(seed, method) for method in METHODS for seed in SEEDS]
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(arguments.jobs, mp_context=context) as executor:
            for _ in executor.map(functools.partial(correct, runs=runs), SEEDS):
                pass
            rows = executor.map(functools.partial(on, runs=runs), tasks)
            found = list(tqdm(rows, total=len(tasks), desc="episodes", unit="method", disable=None))
        by_method = {method.name: [row for row in found if row["method"] == method.name] for method in METHODS}
        methods = {name: figures(rows) for name, rows in by_method.items()}
        document = {
            **origin,
            "methods": methods,
            "bars": bars(methods, by_method),
            "training": training_costs(runs),
            "r2": calibrations(runs),
            "episodes": found,
        }
        write_results(arguments.json, document, page(document), functools.partial(plot, methods))
        return 0 if document["bars"]["met"] else 1

    return exit_status(parser, work)


if __name__ == "__main__":
    sys.exit(main())
