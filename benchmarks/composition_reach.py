"""Composing skills in a planar world with known answers: to the goal, unharmed, by skills none of which can do it.

    python benchmarks/composition_reach.py --jobs 2     # about a quarter of an hour; interrupt it and start it again

For each seed: `reach_x`, `reach_y` and `avoid` learn from one pool, a policy learns the mean of their rewards with the
same number of steps and with four times as many, and a divergence correction is learned from the pool. All meet the
same episodes. An episode is clean that gets to the goal in time and never into the obstacle.
Results: benchmarks/results/composition_reach.json, .md and .png.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from command_line import exit_status
from numpy.typing import NDArray
from pages import add_arguments, write_results
from provenance import ROOT, provenance
from tqdm import tqdm

from maxent_robot.inference import OnnxActor, OnnxCritic
from maxent_robot.inference.calibration import Calibration, calibrate
from maxent_robot.inference.composition import ComposableSkill, Composer, Composition, Correction
from maxent_robot.learning.config import LearnerConfig
from maxent_robot.learning.export import export_networks
from maxent_robot.learning.pooled.correction import DivergenceCorrection
from maxent_robot.learning.pooled.trainer import PooledConfig, PooledTrainer
from maxent_robot.learning.trainer import configure_torch
from maxent_robot.trials.statistics import wilson_interval
from sim.reach import EPISODE_STEPS, SKILLS, ReachState, VectorReach, move, sample_states

Array = NDArray[np.float64]

RESULTS = ROOT / "benchmarks" / "results" / "composition_reach.json"
RUNS = ROOT / "runs" / "composition_reach"
SEEDS, EPISODES, EPISODE_SEED = (1, 2, 3), 200, 77
NUM_ENVS = 16
ALPHA = 0.05
CONFIG = PooledConfig(
    steps=100_000,
    alpha=ALPHA,
    checkpoint_interval_s=30.0,
    learner=LearnerConfig(
        hidden_sizes=(64, 64),
        batch_size=128,
        discount=0.95,
        actor_learning_rate=1e-3,
        critic_learning_rate=1e-3,
        actor_average_rate=0.005,
        replay_capacity=400_000,
    ),
)
LONGER = 4
CORRECTION_UPDATES = 20_000
CORRECTED_WEIGHTS = (1.0, 1.0, 1.0)
CALIBRATION_STATES = 1000


@dataclass(frozen=True)
class Method:
    """A way to act: composed by `operator` with `weights`, with the temperature of `mode`."""

    name: str
    weights: tuple[float, ...]
    operator: str = "mean"
    mode: str = "mean"


METHODS = (
    *(Method(f"{skill.name} alone", tuple(float(other is skill) for other in SKILLS), "product") for skill in SKILLS),
    Method("reach_x and reach_y", (1.0, 1.0, 0.0)),
    Method("product of the actors", (1.0, 1.0, 1.0), "product"),
    Method("product of the actors, sampled", (1.0, 1.0, 1.0), "product", "sample"),
    Method("mean of the Qs", (1.0, 1.0, 1.0)),
    Method("mean of the Qs, sampled", (1.0, 1.0, 1.0), mode="sample"),
    Method("mean of the Qs, avoid x 0.3", (1.0, 1.0, 0.3)),
    Method("mean of the Qs, avoid x 3", (1.0, 1.0, 3.0)),
    Method("mean of the Qs, corrected", CORRECTED_WEIGHTS, "corrected"),
    Method("mean of the Qs, corrected, sampled", CORRECTED_WEIGHTS, "corrected", "sample"),
)
SUMMED = ("trained on the sum", f"trained on the sum, {LONGER} x the steps")


def train(seed: int, summed: bool, steps: int, runs: Path) -> PooledTrainer:
    """A finished training; goes on where it was interrupted."""
    configure_torch()
    name = f"{'sum' if summed else 'skills'}_{steps}_seed_{seed}"
    environment = VectorReach(NUM_ENVS, summed)
    trainer = PooledTrainer(replace(CONFIG, seed=seed, steps=steps), environment, runs / name)
    if trainer.store.exists():
        trainer.resume()
    with tqdm(total=steps, initial=trainer.steps, desc=name, unit="step", disable=None) as bar:
        trainer.run(lambda done, _: bar.update(done - bar.n), lambda: False)
    return trainer


def composable(trainer: PooledTrainer, states: NDArray[np.float32]) -> dict[str, tuple[ComposableSkill, Calibration]]:
    """The skills as they would be deployed, each seeing its own columns, and how calibrated they are."""
    found = {}
    for view in trainer.environment.spaces.skills:
        learner = trainer.learners[view.name]
        networks = export_networks(learner.judged, learner.critic.online, seed=trainer.config.seed)
        actor, critic = OnnxActor(networks.actor_onnx), OnnxCritic(networks.critic_onnx)
        found[view.name] = (
            ComposableSkill(view.name, trainer.config.alpha, actor, critic, view.columns),
            calibrate(actor, critic, states[:, view.columns], trainer.config.seed),
        )
    return found


def correction(trainer: PooledTrainer) -> Correction:
    """The divergence correction for `CORRECTED_WEIGHTS`, learned from the pool."""
    from maxent_robot.learning.graphs.onnx_graph import critic_graph

    spaces = trainer.environment.spaces
    learned = DivergenceCorrection(
        [trainer.learners[view.name].judged for view in spaces.skills],
        [view.columns for view in spaces.skills],
        CORRECTED_WEIGHTS,
        trainer.config.learner.discount,
        spaces.observation_scale,
        trainer.config.learner.hidden_sizes,
        trainer.config.seed,
    )
    with tqdm(total=CORRECTION_UPDATES, desc="correction", unit="update", disable=None) as bar:
        learned.train(trainer.replay, CORRECTION_UPDATES, trainer.config.learner.batch_size, bar.update)
    return Correction(CORRECTED_WEIGHTS, OnnxCritic(critic_graph(learned.network, spaces.action_size)))


@dataclass
class Episodes:
    """What came of each: (episodes,) whether the goal was reached in time, whether the obstacle was entered before."""

    reached: NDArray[np.bool_]
    collided: NDArray[np.bool_]
    effective: list[float]
    divergence: list[float]

    def figures(self) -> dict[str, Any]:
        """Rates with their 95 % Wilson intervals, and medians of what the composer said."""
        clean = int((self.reached & ~self.collided).sum())
        n = len(self.reached)
        return {
            "episodes": n,
            "clean": clean / n,
            "clean_interval": list(wilson_interval(clean, n)),
            "reached": float(self.reached.mean()),
            "collided": float(self.collided.mean()),
            "ess_share": float(np.median(self.effective)) if self.effective else None,
            "divergence": float(np.median(self.divergence)) if self.divergence else None,
        }


def run_episodes(composer: Composer, temperature: float) -> Episodes:
    """The same episodes for every composer, until the goal, a collision or the end of the time."""
    starts = sample_states(np.random.default_rng(EPISODE_SEED), EPISODES)
    found = Episodes(np.zeros(EPISODES, bool), np.zeros(EPISODES, bool), [], [])
    for row in range(EPISODES):
        state = ReachState(*(part[row : row + 1].copy() for part in (starts.point, starts.goal, starts.obstacle)))
        for _ in range(EPISODE_STEPS):
            chosen = composer(state.observation()[0].astype(np.float64), temperature)
            if np.isfinite(chosen.effective):
                found.effective.append(chosen.effective)
            found.divergence.append(chosen.divergence)
            state, hit = move(state, chosen.action[None])
            found.collided[row], found.reached[row] = hit[0], state.reached()[0]
            if found.collided[row] or found.reached[row]:
                break
    return found


def on_seed(seed: int, runs: Path) -> dict[str, Any]:
    """All that one seed gives."""
    trainer = train(seed, False, CONFIG.steps, runs)
    generator = np.random.default_rng([seed, 5])
    pool = trainer.replay.rows[generator.integers(len(trainer.replay), size=CALIBRATION_STATES), :6]
    skills = composable(trainer, pool)
    corrected = correction(trainer)
    found: dict[str, Any] = {
        "seed": seed,
        "train_s": {"skills": round(trainer.elapsed_s, 1)},
        "calibration": {
            name: {"slope_alpha": calibration.slope * ALPHA, "r2": calibration.r2, "r2_policy": calibration.r2_policy}
            for name, (_, calibration) in skills.items()
        },
        "methods": {},
    }
    for method in METHODS:
        composition = Composition(method.weights, method.operator)
        composer = Composer([skill for skill, _ in skills.values()], composition, seed, corrected)
        found["methods"][method.name] = run_episodes(composer, float(method.mode == "sample")).figures()
    for name, steps in zip(SUMMED, (CONFIG.steps, LONGER * CONFIG.steps), strict=True):
        summed = train(seed, True, steps, runs)
        found["train_s"][name] = round(summed.elapsed_s, 1)
        skill, _ = composable(summed, pool)["sum"]
        alone = Composer([skill], Composition((1.0,), "product"), seed)
        found["methods"][name] = run_episodes(alone, 0.0).figures()
    return found


def pooled(runs: Sequence[dict[str, Any]], method: str) -> dict[str, Any]:
    """One method over all seeds: rates of all episodes, the interval, and the least and greatest of the seeds."""
    rows = [run["methods"][method] for run in runs]
    n = sum(row["episodes"] for row in rows)
    clean = round(sum(row["clean"] * row["episodes"] for row in rows))
    return {
        "clean": clean / n,
        "interval": list(wilson_interval(clean, n)),
        "seeds": [row["clean"] for row in rows],
        "collided": float(np.mean([row["collided"] for row in rows])),
        "ess_share": None if rows[0]["ess_share"] is None else float(np.mean([row["ess_share"] for row in rows])),
    }


def page(runs: Sequence[dict[str, Any]]) -> str:
    """The figures as a page of Markdown."""
    lines = [
        f"""\
# Composing skills in a planar world

Written by `python benchmarks/composition_reach.py`; the world is `sim/reach.py`.

{len(runs)} training seeds, {EPISODES} episodes each, the same for every method. *Clean*: the goal within
{EPISODE_STEPS} steps and never into the obstacle, which lies half-way. The skills learned from one pool of
{CONFIG.steps} steps, alpha {ALPHA} for all. *Of seeds* is the range over the seeds, *ESS* the effective share of 128
candidates.

![clean episodes](composition_reach.png)

| method | clean (95 %) | of seeds | collided | ESS |
| --- | ---: | ---: | ---: | ---: |"""
    ]
    for method in runs[0]["methods"]:
        row = pooled(runs, method)
        low, high = row["interval"]
        share = "" if row["ess_share"] is None else f"{row['ess_share']:.2f}"
        lines.append(
            f"| {method} | {row['clean']:.1%} ({low:.1%} to {high:.1%}) | {min(row['seeds']):.1%} to "
            f"{max(row['seeds']):.1%} | {row['collided']:.1%} | {share} |"
        )
    lines += ["", "| skill | slope x alpha | R2 | R2 of its own actions |", "| --- | ---: | ---: | ---: |"]
    for name in runs[0]["calibration"]:
        rows = [run["calibration"][name] for run in runs]
        lines.append(
            f"| {name} | "
            + " | ".join(", ".join(f"{row[key]:.2f}" for row in rows) for key in ("slope_alpha", "r2", "r2_policy"))
            + " |"
        )
    seconds = {key: np.mean([run["train_s"][key] for run in runs]) for key in runs[0]["train_s"]}
    lines += ["", "Training time: " + ", ".join(f"{key} {value:.0f} s" for key, value in seconds.items()) + "."]
    return "\n".join(lines) + "\n"


def plot(runs: Sequence[dict[str, Any]], path: Path) -> None:
    """Clean episodes of each method, with the interval and the seeds."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    methods = list(runs[0]["methods"])
    figure, axis = pyplot.subplots(figsize=(9, 0.4 * len(methods) + 1.2), layout="constrained")
    for place, method in enumerate(methods):
        row = pooled(runs, method)
        low, high = row["interval"]
        axis.errorbar(
            row["clean"], place, xerr=[[row["clean"] - low], [high - row["clean"]]], fmt="o", color="tab:blue"
        )
        axis.plot(row["seeds"], [place] * len(row["seeds"]), "|", color="0.4", markersize=10)
    axis.axvline(0.9, linestyle="--", color="tab:red", label="wanted of a composition")
    axis.set_yticks(range(len(methods)), methods)
    axis.invert_yaxis()
    axis.set_xlim(0.0, 1.0)
    axis.set_xlabel("clean episodes (dot: all seeds, 95 %; strokes: each seed)")
    axis.legend(loc="lower left")
    axis.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(description="composing skills in a planar world with known answers")
    add_arguments(parser, RESULTS, RUNS)
    arguments = parser.parse_args()

    def work() -> int:
        origin = provenance(["python", "benchmarks/composition_reach.py", *sys.argv[1:]])
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(arguments.jobs, mp_context=context) as executor:
            runs = list(executor.map(functools.partial(on_seed, runs=arguments.runs), SEEDS))
        write_results(arguments.json, {**origin, "runs": runs}, page(runs), functools.partial(plot, runs))
        return 0

    return exit_status(parser, work)


if __name__ == "__main__":
    sys.exit(main())
