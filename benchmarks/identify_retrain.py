"""A skill on an arm unlike the one that it was trained for, and trained again on what was identified of that arm.

    python benchmarks/identify_retrain.py    # half an hour on two cores; goes on where it was interrupted

The arm is the hidden one of `identify_arm.py`, with the estimates that it found; the training is the shipped skill's,
with those in place of the guessed ranges, as `maxent-robot identify` writes it. What was lost is what the shipped skill
does on that arm against what it does on the usual one. Results: benchmarks/results/identify_retrain.json, .md and .png.
The exit status is 1 where less than 90 % of a measurable loss is regained.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from command_line import exit_status
from identify_arm import HIDDEN, USUAL_JOINT_FRICTION_NM
from identify_arm import RESULTS as IDENTIFIED
from numpy.typing import NDArray
from pages import add_arguments, write_results
from plug_seeds import maxent_robot
from provenance import ROOT, provenance
from tqdm import tqdm

from maxent_robot.learning.run_files import CONFIG_FILE, RESULT_FILE
from maxent_robot.learning.skill_evaluation import run_mode, skill_environment
from maxent_robot.paths import find_skill
from maxent_robot.skill.bundle import SkillBundle, load_bundle
from maxent_robot.trials.statistics import wilson_interval
from maxent_robot.yaml_file import read_yaml
from sim.plug.identified import IdentifiedArm, identified_training

RESULTS = ROOT / "benchmarks" / "results" / "identify_retrain.json"
RUNS = ROOT / "runs" / "identify_retrain"
SKILL, MODE, TRAINING_SEED, STEPS = "plug_insertion", "mean", 1, 1_100_000
EPISODES, SEED, RESAMPLES = 500, 2026, 4000
REGAINED_AT_LEAST = 0.9
QUANTITIES = ("delay_s", "stiffness_factor", "damping_factor", "joint_friction_nm", "friction")
NOISES = ("force_noise_n", "torque_noise_nm")

_CERTAIN = [
    "stiffness_factor=1.0",
    "damping_factor=1.0",
    "tool_mass_factor=1.0",
    "force_bias_n=0.0",
    "torque_bias_nm=0.0",
]
ARMS = {
    "usual": [*_CERTAIN, f"joint_friction_nm=[{USUAL_JOINT_FRICTION_NM}, {USUAL_JOINT_FRICTION_NM}]"],
    "hidden": [
        *_CERTAIN,
        f"joint_friction_nm=[{HIDDEN['joint_friction_nm']}, {HIDDEN['joint_friction_nm']}]",
        f"stiffness_centre={HIDDEN['stiffness_factor']}",
        "command_delay_min=1",
        "command_delay_max=2",
    ],
}
"""Settings of `randomisation`. A constant bias is tared away; 60 ms are 1.2 policy periods, and the simulator has whole
ones: one or two, which is more on average."""
CELLS = (("shipped", "usual"), ("shipped", "hidden"), ("re-trained", "hidden"))


def retrained(runs: Path) -> SkillBundle:
    """The skill trained on the identified randomisation; made, or gone on with, where it is not there."""
    found = json.loads(IDENTIFIED.read_text(encoding="utf-8"))["found"]
    arm = IdentifiedArm(**{name: float(found[name]["value"]) for name in (*QUANTITIES, *NOISES)})
    training, run, skill = runs / "identified.yaml", runs / "run", runs / "skill"
    if not (run / CONFIG_FILE).is_file():
        runs.mkdir(parents=True, exist_ok=True)
        usual = read_yaml(ROOT / "config" / "train" / f"{SKILL}.yaml")
        training.write_text(yaml.safe_dump(identified_training(arm, usual), sort_keys=False), encoding="utf-8")
        words = ["--seed", str(TRAINING_SEED), "--steps", str(STEPS), "--minutes", "0", "--output", str(run)]
        maxent_robot(["train", str(training), *words])
    elif not (run / RESULT_FILE).is_file():
        maxent_robot(["train", str(training), "--resume", str(run)])
    if not (skill / "skill.yaml").is_file():
        maxent_robot(["export", str(run), "--output", str(skill)])
    return load_bundle(skill)


def measured(bundle: SkillBundle, arm: str, progress: Any) -> dict[str, NDArray[Any]]:
    """Success, time and peak force of each episode."""
    config = skill_environment(bundle, [f"randomisation.{setting}" for setting in ARMS[arm]])
    progress.reset()
    table = run_mode(bundle, config, MODE, EPISODES, SEED, lambda _, done, __: progress.update(done - progress.n)).table
    return {"success": table.success, "time_s": table.time_s, "peak_force_n": table.peak_force_n}


def figures(cells: dict[tuple[str, str], dict[str, NDArray[Any]]]) -> dict[str, Any]:
    """Each cell's figures, and of each measure what was lost and what share of it was regained, with 95 % intervals."""
    rows = {}
    for (skill, arm), episodes in cells.items():
        k = int(episodes["success"].sum())
        rows[f"{skill}, {arm}"] = {
            **{name: float(of(episodes)) for name, of in MEASURES.items()},
            "interval": list(wilson_interval(k, EPISODES)),
        }
    generator = np.random.default_rng(0)
    drawn = generator.integers(EPISODES, size=(RESAMPLES, EPISODES))
    usual, shipped, again = (cells[cell] for cell in CELLS)
    measures = {}
    for name, of in MEASURES.items():
        lost, regained = _lost_and_regained(of, usual, shipped, again, slice(None))
        samples = np.array([_lost_and_regained(of, usual, shipped, again, rows_) for rows_ in drawn])
        low, high = np.percentile(samples[:, 0], (2.5, 97.5))
        measures[name] = {"lost": lost, "lost_interval": [float(low), float(high)], "regained": regained}
        if low > 0.0:
            shares = samples[:, 1] / samples[:, 0]
            measures[name] |= {
                "share": regained / lost,
                "share_interval": [float(value) for value in np.percentile(shares, (2.5, 97.5))],
            }
    return {"cells": rows, "measures": measures}


def _lost_and_regained(of: Any, usual: Any, shipped: Any, again: Any, rows: Any) -> tuple[float, float]:
    """Both positive where less is worse or more is worse, as the measure has it."""
    before, on_hidden, after = (
        _SIGNS[of] * float(of({name: values[rows] for name, values in cell.items()}))
        for cell in (usual, shipped, again)
    )
    return before - on_hidden, after - on_hidden


def _success(episodes: dict[str, NDArray[Any]]) -> float:
    return float(episodes["success"].mean())


def _median_time(episodes: dict[str, NDArray[Any]]) -> float:
    """Over all episodes, one that failed being slower than any that did not."""
    return float(np.median(np.where(episodes["success"], episodes["time_s"], np.inf)))


def _peak_force(episodes: dict[str, NDArray[Any]]) -> float:
    return float(np.percentile(episodes["peak_force_n"], 95.0))


MEASURES = {"success": _success, "median_time_s": _median_time, "peak_force_p95_n": _peak_force}
_SIGNS = {_success: 1.0, _median_time: -1.0, _peak_force: -1.0}


def page(document: dict[str, Any]) -> str:
    """The figures as a page of Markdown."""
    lines = [
        "# Trained again on an identified arm",
        "",
        f"Written by `python benchmarks/identify_retrain.py`: {EPISODES} episodes of seed {SEED} in simulation, the",
        "same in every row, the policy's mean. The hidden arm has 0.7 of the stiffness, 1.5 times the joint friction",
        "and a delay of one or two policy periods (60 ms are 1.2).",
        "",
        "| skill, arm | inserted (95 %) | median time [s] | peak force p95 [N] |",
        "| --- | --- | ---: | ---: |",
    ]
    for name, row in document["cells"].items():
        low, high = row["interval"]
        lines.append(
            f"| {name} | {row['success']:.1%} ({low:.1%} to {high:.1%}) | {row['median_time_s']:.2f} "
            f"| {row['peak_force_p95_n']:.1f} |"
        )
    lines += ["", "| measure | lost on the hidden arm (95 %) | regained |", "| --- | --- | --- |"]
    for name, row in document["measures"].items():
        low, high = row["lost_interval"]
        if "share" in row:
            share_low, share_high = row["share_interval"]
            regained = f"{row['share']:.0%} ({share_low:.0%} to {share_high:.0%})"
        else:
            regained = "nothing was measurably lost"
        lines.append(f"| `{name}` | {row['lost']:.3g} ({low:.3g} to {high:.3g}) | {regained} |")
    return "\n".join(lines) + "\n"


def plot(document: dict[str, Any], path: Path) -> None:
    """The three measures of the three cells."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(9.0, 2.6), layout="constrained")
    titles = ("inserted", "median time [s]", "peak force p95 [N]")
    for ax, name, title in zip(axes, MEASURES, titles, strict=True):
        names = list(document["cells"])
        ax.barh(names, [document["cells"][cell][name] for cell in names], color=["tab:gray", "tab:red", "tab:blue"])
        ax.set_xlabel(title)
        ax.invert_yaxis()
        if ax is not axes[0]:
            ax.set_yticklabels([])
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(description="a skill trained again on an identified arm")
    add_arguments(parser, RESULTS)
    parser.add_argument("--runs", type=Path, default=RUNS, help="where the training lies (default: %(default)s)")
    arguments = parser.parse_args()

    def work() -> int:
        document: dict[str, Any] = provenance(["python", "benchmarks/identify_retrain.py", *sys.argv[1:]])
        bundles = {"re-trained": retrained(arguments.runs), "shipped": load_bundle(find_skill(SKILL))}
        cells = {}
        for skill, arm in CELLS:
            with tqdm(total=EPISODES, desc=f"{skill}, {arm}", unit="episode", disable=None) as bar:
                cells[skill, arm] = measured(bundles[skill], arm, bar)
        document |= figures(cells)
        write_results(arguments.json, document, page(document), functools.partial(plot, document))
        shares = [row["share"] for row in document["measures"].values() if "share" in row]
        return 0 if all(share >= REGAINED_AT_LEAST for share in shares) else 1

    return exit_status(parser, work)


if __name__ == "__main__":
    sys.exit(main())
