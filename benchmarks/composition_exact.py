"""Composition beside what is known exactly: the bound and the correction on tables, the sampler on known densities.

    python benchmarks/composition_exact.py --jobs 2         # ten minutes

On random decision processes: the composed Q lies between the optimum and the bound, and the corrected one is the
optimum. On the cases of composition_cases.py: the energy distance of the composer's actions to exact samples of the
composed density, beside that of the product of the actors, and for two axes the total variation on a grid of cells.
Results: benchmarks/results/composition_exact.json, .md and .png.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from command_line import exit_status
from composition_cases import OBSERVATION, Case, cases
from intervals import mean_interval
from numpy.typing import NDArray
from pages import add_arguments, write_results
from provenance import ROOT, provenance
from scipy.spatial.distance import cdist
from tqdm import tqdm

from maxent_robot.exact import (
    composed_q,
    composition_correction,
    composition_gap_bound,
    random_mdp,
    soft_policy_iteration,
)
from maxent_robot.inference.composition import Composer, Composition

Array = NDArray[np.float64]

RESULTS = ROOT / "benchmarks" / "results" / "composition_exact.json"
WANTED_ENERGY, WANTED_CORRECTION = 0.005, 1e-9
BLOCKS, BLOCK = 8, 500
CELLS = 20
"""Of an axis, for the total variation."""


def on_tables(seed: int) -> dict[str, float]:
    """One random process with two to four skills: how far the bound and the correction are from the truth."""
    generator = np.random.default_rng([seed, 7])
    mdp = random_mdp(seed, states=6, actions=4, discount=[0.5, 0.9, 0.97][seed % 3], terminals=seed % 2)
    count, alpha = 2 + seed % 3, float([0.05, 0.3, 1.0, 5.0][seed % 4])
    rewards = np.stack([generator.normal(size=(6, 4)) * mdp.active[:, None] for _ in range(count)])
    weights = generator.dirichlet(np.ones(count))
    qs = np.stack([soft_policy_iteration(replace(mdp, reward=reward), alpha, 1e-10).q for reward in rewards])
    optimum = soft_policy_iteration(replace(mdp, reward=np.tensordot(weights, rewards, axes=1)), alpha, 1e-10).q
    composed, gap = composed_q(qs, weights), composition_gap_bound(mdp, qs, weights, alpha)
    corrected = composed - composition_correction(mdp, qs, weights, alpha, 1e-10)
    return {
        "above": float((optimum - composed).max()),
        "below": float((composed - gap - optimum).max()),
        "corrected_error": float(np.abs(corrected - optimum).max()),
        "lost": float((composed - optimum).max()),
        "bound": float(gap.max()),
    }


def on_case(case: Case, seed: int) -> dict[str, Any]:
    """The composer's actions beside exact ones."""
    count = BLOCKS * BLOCK
    generator = np.random.default_rng([seed, 1])
    composer = Composer(case.composable(), case.composition, seed)
    chosen = [composer(OBSERVATION) for _ in range(count)]
    actions, exact = np.array([step.action for step in chosen]), case.exact(count, generator)
    alone = Case(case.name, case.skills, Composition(case.composition.weights, "product"))
    found = {
        "case": case.name,
        "operator": case.composition.operator,
        "axes": case.actions,
        "energy_distance": _interval(actions, exact),
        "of_exact_samples": _interval(case.exact(count, generator), exact),
        "of_product_of_actors": _interval(alone.exact(count, generator), exact),
        "effective": None,
        "second_rounds": float(np.mean([step.rounds == 2 for step in chosen])),
    }
    if case.composition.operator != "product":
        found["effective"] = float(np.mean([step.effective for step in chosen]))
    if case.actions == 2:
        found["total_variation"] = _total_variation(case, actions, generator)
    return found


def energy_distance(x: Array, y: Array) -> float:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'| from samples (n, A) of each, without bias (Szekely and Rizzo, 2013)."""
    within = (cdist(z, z).sum() / (len(z) * (len(z) - 1)) for z in (x, y))
    return float(2.0 * cdist(x, y).mean() - sum(within))


def _interval(x: Array, y: Array) -> list[float]:
    """Energy distance of independent blocks: mean, and its 95 % interval by Student's t."""
    found = [energy_distance(a, b) for a, b in zip(np.split(x, BLOCKS), np.split(y, BLOCKS), strict=True)]
    return list(mean_interval(found))


def _total_variation(case: Case, actions: Array, generator: np.random.Generator) -> dict[str, Any]:
    """Between cells of actions and of the density; as many exact samples have some as well, which is the floor."""
    edges = np.linspace(-1.0, 1.0, CELLS + 1)
    truth = _cells(case.exact(250 * len(actions), generator), edges)
    resampled = (actions[generator.integers(len(actions), size=len(actions))] for _ in range(200))
    floor = [0.5 * np.abs(_cells(case.exact(len(actions), generator), edges) - truth).sum() for _ in range(20)]
    spread = np.std([0.5 * np.abs(_cells(drawn, edges) - truth).sum() for drawn in resampled])
    found = 0.5 * float(np.abs(_cells(actions, edges) - truth).sum())
    return {
        "found": found,
        "spread": float(spread),
        "floor": [float(min(floor)), float(np.mean(floor)), float(max(floor))],
    }


def _cells(actions: Array, edges: Array) -> Array:
    counts, _, _ = np.histogram2d(actions[:, 0], actions[:, 1], bins=[edges, edges])
    return counts / len(actions)


def summary(tables: Sequence[dict[str, float]], sampled: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures that the claims are about."""
    worst = max(sampled, key=lambda found: found["energy_distance"][0])
    excess = [found["total_variation"] for found in sampled if "total_variation" in found]
    return {
        "processes": len(tables),
        "bound_violated_by": max(0.0, *(max(found["above"], found["below"]) for found in tables)),
        "corrected_error": max(found["corrected_error"] for found in tables),
        "cases": len(sampled),
        "energy_distance": {"greatest": worst["energy_distance"], "case": worst["case"], "operator": worst["operator"]},
        "energy_distance_upper": max(found["energy_distance"][2] for found in sampled),
        "total_variation_excess": max(found["found"] - found["floor"][1] for found in excess),
        "met": bool(
            worst["energy_distance"][0] <= WANTED_ENERGY
            and all(found["corrected_error"] <= WANTED_CORRECTION for found in tables)
        ),
    }


def page(figures: dict[str, Any], sampled: Sequence[dict[str, Any]]) -> str:
    """The figures as a page of Markdown."""
    worst = figures["energy_distance"]
    columns = ["case", "operator", "energy distance (95 %)", "exact samples", "product of the actors"]
    columns += ["total variation", "of exact samples", "effective", "second rounds"]
    lines = [
        f"""\
# Composition beside what is known exactly

Written by `python benchmarks/composition_exact.py`.

On {figures["processes"]} random decision processes of two to four skills, the bound is passed by
{figures["bound_violated_by"]:.1e} at most, and the corrected Q is the optimum within {figures["corrected_error"]:.1e}.

On {figures["cases"]} known densities the composer's actions have an energy distance to exact samples of
{worst["greatest"][0]:.4f} at most ({worst["case"]}, {worst["operator"]}); {WANTED_ENERGY} is wanted. {BLOCKS} blocks of
{BLOCK} actions each; an estimate without bias may be below 0. *Effective* is the share of the candidates that counts.

![energy distances](composition_exact.png)
""",
        f"| {' | '.join(columns)} |",
        f"| --- | --- |{' ---: |' * (len(columns) - 2)}",
    ]
    for found in sampled:
        mean, low, high = found["energy_distance"]
        varied = found.get("total_variation")
        effective = "" if found["effective"] is None else f"{found['effective']:.2f}"
        lines.append(
            f"| {found['case']} | {found['operator']} | {mean:.4f} ({low:.4f} to {high:.4f}) "
            f"| {found['of_exact_samples'][0]:.4f} | {found['of_product_of_actors'][0]:.3f} "
            + (f"| {varied['found']:.3f} | {varied['floor'][1]:.3f} " if varied else "| | ")
            + f"| {effective} | {found['second_rounds']:.0%} |"
        )
    return "\n".join(lines) + "\n"


def plot(sampled: Sequence[dict[str, Any]], path: Path) -> None:
    """Energy distances of the composer and of the product of the actors, case by case."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    operators = [name for name in dict.fromkeys(found["operator"] for found in sampled) if name != "product"]
    figure, axes = pyplot.subplots(1, len(operators), figsize=(12, 6), sharex=True, sharey=True, layout="constrained")
    for axis, operator in zip(axes, operators, strict=True):
        rows = [found for found in sampled if found["operator"] == operator]
        places = np.arange(len(rows))
        mean, low, high = np.array([row["energy_distance"] for row in rows]).T
        axis.errorbar(mean, places, xerr=[mean - low, high - mean], fmt="o", label="composer")
        axis.plot([row["of_product_of_actors"][0] for row in rows], places, "x", color="0.5", label="product of actors")
        axis.axvline(WANTED_ENERGY, linestyle="--", color="tab:red", label="wanted")
        axis.set_xscale("symlog", linthresh=1e-3)
        axis.set_title(operator)
        axis.set_yticks(places, [row["case"] for row in rows])
    axes[0].invert_yaxis()
    figure.legend(*axes[-1].get_legend_handles_labels(), loc="outside upper right", ncols=3)
    figure.supxlabel("energy distance to exact samples of the composed density")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(description="composition beside what is known exactly")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=60, help="random decision processes (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    add_arguments(parser, RESULTS)
    arguments = parser.parse_args()

    def work() -> int:
        origin = provenance(["python", "benchmarks/composition_exact.py", *sys.argv[1:]])
        tables = [on_tables(seed) for seed in tqdm(range(arguments.processes), unit="process", disable=None)]
        known = cases()
        with ProcessPoolExecutor(arguments.jobs) as executor:
            found = executor.map(functools.partial(on_case_number, seed=arguments.seed), range(len(known)))
            sampled = list(tqdm(found, total=len(known), unit="case", disable=None))
        figures = summary(tables, sampled)
        document = {**origin, **figures, "tables": tables, "sampled": sampled}
        write_results(arguments.json, document, page(figures, sampled), functools.partial(plot, sampled))
        return 0 if figures["met"] else 1

    return exit_status(parser, work)


def on_case_number(number: int, seed: int) -> dict[str, Any]:
    """`on_case` by the place in `cases()`, which holds functions that can't be sent to another process."""
    return on_case(cases()[number], seed)


if __name__ == "__main__":
    sys.exit(main())
