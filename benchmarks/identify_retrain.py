"""A skill on an arm unlike the one that it was trained for, and trained again on what was identified of that arm.

    python benchmarks/identify_retrain.py --jobs 2    # 100 minutes on two cores; goes on where it was interrupted

The arm is the hidden one of `identify_arm.py`, with the estimates that it found. Three trainings, equally long and
alike but for the arm that they are for: the `usual` one, with the guessed ranges that skills are shipped with; the
`identified` one, as `maxent-robot identify` writes it; and `exactly` the hidden one, which nobody can know. A slower
arm costs something whoever moves it: what the last regains is what there is to regain. Results:
benchmarks/results/identify_retrain.json, .md and .png. The exit status is 1 where less than 90 % of what there
is to regain of a measurable loss is regained.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from command_line import exit_status
from identify_arm import HIDDEN, USUAL_JOINT_FRICTION_NM
from identify_arm import RESULTS as IDENTIFIED
from pages import add_arguments, write_results
from plug_seeds import maxent_robot
from provenance import ROOT, provenance
from retrain_figures import MEASURES, Episodes, figures
from tqdm import tqdm

from maxent_robot.learning.run_files import CONFIG_FILE, RESULT_FILE
from maxent_robot.learning.skill_evaluation import run_mode, skill_environment
from maxent_robot.skill.bundle import SkillBundle, load_bundle
from maxent_robot.trials.identification import Estimate
from maxent_robot.yaml_file import read_yaml
from sim.plug.identified import IdentifiedArm, identified_training

RESULTS = ROOT / "benchmarks" / "results" / "identify_retrain.json"
RUNS = ROOT / "runs" / "identify_retrain"
SKILL, MODE, STEPS = "plug_insertion", "mean", 1_100_000
EPISODES, SEED = 500, 2026
REGAINED_AT_LEAST = 0.9

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

TRAININGS = ("usual", "exactly", "identified")
SEEDS = (1, 2, 3)
"""Of each training."""
ALIKE = ("--set", f"trainer.minimum_steps={STEPS}", "--set", "trainer.target_time_s=2.0")
"""No training ends earlier than another, and in all of them the best policy is a quick one."""
CELLS = (("usual", "usual"), ("usual", "hidden"), ("identified", "hidden"), ("exactly", "hidden"))
"""Whom a skill was trained for, and on which arm it is."""


def configurations(runs: Path) -> dict[str, list[str]]:
    """What `maxent-robot train` is told to train, by training; writes what is identified to a file."""
    parts = ("environment", "evaluation_environment")
    exact = [f"{part}.randomisation.{setting}" for part in parts for setting in ARMS["hidden"]]
    found = json.loads(IDENTIFIED.read_text(encoding="utf-8"))["found"]
    arm = IdentifiedArm(**{name: Estimate(**found[name]) for name in IdentifiedArm.__dataclass_fields__})
    usual = read_yaml(ROOT / "config" / "train" / f"{SKILL}.yaml")
    path = runs / "identified.yaml"
    path.write_text(yaml.safe_dump(identified_training(arm, usual), sort_keys=False), encoding="utf-8")
    exactly = [SKILL, *(word for setting in exact for word in ("--set", setting))]
    return {"usual": [SKILL], "identified": [str(path)], "exactly": exactly}


def train(training: str, seed: int, runs: Path, configuration: Sequence[str], words: Sequence[str] = ()) -> None:
    """Make one skill, or go on with it, where it is not there."""
    run, skill = _run(training, seed, runs), _skill(training, seed, runs)
    if not (run / CONFIG_FILE).is_file():
        told = ["--seed", str(seed), "--steps", str(STEPS), "--minutes", "0", "--output", str(run)]
        maxent_robot(["train", *configuration, *told, *ALIKE, *words])
    elif not (run / RESULT_FILE).is_file():
        maxent_robot(["train", "--resume", str(run), *words])
    if not (skill / "skill.yaml").is_file():
        maxent_robot(["export", str(run), "--output", str(skill)])


def train_all(runs: Path, jobs: int) -> None:
    """Every skill of every training."""
    runs.mkdir(parents=True, exist_ok=True)
    told = configurations(runs)
    wanted = [(training, seed) for training in TRAININGS for seed in SEEDS]
    missing = [one for one in wanted if not (_skill(*one, runs) / "skill.yaml").is_file()]
    if jobs == 1:
        for training, seed in missing:
            train(training, seed, runs, told[training])
        return
    with (
        ThreadPoolExecutor(jobs) as pool,
        tqdm(total=len(wanted), initial=len(wanted) - len(missing), desc="trainings", unit="", disable=None) as bar,
    ):
        try:
            for _ in pool.map(lambda one: train(one[0], one[1], runs, told[one[0]], ["--quiet"]), missing):
                bar.update()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _run(training: str, seed: int, runs: Path) -> Path:
    return runs / f"{training}_{seed}"


def _skill(training: str, seed: int, runs: Path) -> Path:
    return runs / f"{training}_{seed}_skill"


def measured(bundles: Sequence[SkillBundle], arm: str, progress: Any) -> Episodes:
    """The same episodes with each skill."""
    tables = []
    for bundle in bundles:
        config = skill_environment(bundle, [f"randomisation.{setting}" for setting in ARMS[arm]])
        before = progress.n

        def show(_: str, done: int, __: int, before: int = before) -> None:
            progress.update(before + done - progress.n)

        tables.append(run_mode(bundle, config, MODE, EPISODES, SEED, show).table)
    names = ("success", "time_s", "peak_force_n")
    return {name: np.array([getattr(table, name) for table in tables]) for name in names}


def page(document: dict[str, Any]) -> str:
    """The figures as a page of Markdown."""
    lines = [
        "# Trained again on an identified arm",
        "",
        f"Written by `python benchmarks/identify_retrain.py`: {EPISODES} episodes of seed {SEED}, the same",
        f"for all, the policy's mean; skills of {STEPS:,} steps. The hidden arm has 0.7 of the stiffness, 1.5 times",
        "the joint friction and a delay of one or two policy periods (60 ms are 1.2).",
        "",
        "| trained for, on | inserted (95 %) | median time [s] | each seed | peak force p95 [N] | each seed |",
        "| --- | --- | ---: | --- | ---: | --- |",
    ]
    for name, row in document["cells"].items():
        low, high = row["interval"]
        times, forces = row["seeds"]["median_time_s"], row["seeds"]["peak_force_p95_n"]
        lines.append(
            f"| {name} | {row['success']:.1%} ({low:.1%} to {high:.1%}) "
            f"| {row['median_time_s']:.2f} | {', '.join(f'{value:.2f}' for value in times)} "
            f"| {row['peak_force_p95_n']:.1f} | {', '.join(f'{value:.1f}' for value in forces)} |"
        )
    lines += [
        "",
        "What the hidden arm costs a skill that is trained for the usual one, the share of it that is regained, and of",
        "what there is to regain the share: that is what a skill regains that was trained on exactly this arm. The",
        "intervals are over seeds and episodes, both drawn again.",
        "",
        "| measure | lost (95 %) | regained, identified | regained, exactly known | identified, of what there is |",
        "| --- | --- | --- | --- | --- |",
    ]
    nothing = "nothing was measurably lost"
    for name, row in document["measures"].items():
        low, high = row["lost_interval"]
        shares = [nothing] * 3
        if "identified" in row:
            shares = [_share(row["identified"], "share"), _share(row["exactly"], "share"), "nothing measurable"]
        if "of_exactly" in row.get("identified", {}):
            shares[2] = _share(row["identified"], "of_exactly")
        lines.append(f"| `{name}` | {row['lost']:.3g} ({low:.3g} to {high:.3g}) | {' | '.join(shares)} |")
    return "\n".join(lines) + "\n"


def _share(row: dict[str, Any], name: str) -> str:
    low, high = row[f"{name}_interval"]
    return f"{row[name]:.0%} ({low:.0%} to {high:.0%})"


def plot(document: dict[str, Any], path: Path) -> None:
    """The three measures of the cells, each seed a point."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(MEASURES), figsize=(9.0, 2.6), layout="constrained")
    titles = ("inserted", "median time [s]", "peak force p95 [N]")
    names = list(document["cells"])
    for ax, name, title in zip(axes, MEASURES, titles, strict=True):
        for place, cell in enumerate(names):
            row = document["cells"][cell]
            ax.plot(row["seeds"][name], [place] * len(row["seeds"][name]), "o", color="tab:gray", alpha=0.7)
            ax.plot(row[name], place, "|", color="black", markersize=18)
        ax.set_yticks(range(len(names)), names if ax is axes[0] else [])
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.set_xlabel(title)
        ax.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(description="a skill trained again on an identified arm")
    add_arguments(parser, RESULTS, RUNS)
    arguments = parser.parse_args()

    def work() -> int:
        document: dict[str, Any] = provenance(["python", "benchmarks/identify_retrain.py", *sys.argv[1:]])
        train_all(arguments.runs, arguments.jobs)
        bundles = {
            training: [load_bundle(_skill(training, seed, arguments.runs)) for seed in SEEDS] for training in TRAININGS
        }
        cells = {}
        for training, arm in CELLS:
            with tqdm(
                total=len(bundles[training]) * EPISODES, desc=f"{training}, {arm}", unit="episode", disable=None
            ) as bar:
                cells[training, arm] = measured(bundles[training], arm, bar)
        document |= figures(cells)
        write_results(arguments.json, document, page(document), functools.partial(plot, document))
        found = [row["identified"] for row in document["measures"].values() if "identified" in row]
        return 0 if all(row.get("of_exactly", 0.0) >= REGAINED_AT_LEAST for row in found) else 1

    return exit_status(parser, work)


if __name__ == "__main__":
    sys.exit(main())
