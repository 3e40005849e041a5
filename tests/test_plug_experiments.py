"""The experiments on composing skills and on the sampler's modes: what they count, and what they say of it."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mujoco")
pytest.importorskip("torch")

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import composition_plug
import composition_plug_page
import identify_retrain
import mode_figures
import retrain_figures
import sampler_modes
from composition_plug_page import ALONE, AVOIDS, BEST, PRODUCT
from plug_trainings import FAMILY, INSERT, MEMORYLESS, SUM, Training

from maxent_robot.inference.composition import ComposableSkill, Composer, Composition, check_composable
from maxent_robot.paths import share_directory
from maxent_robot.skill.bundle import load_bundle
from maxent_robot.trials.statistics import mcnemar_exact


def episodes(inserted_s: list[float | None], collided_s: list[float | None]) -> dict[str, Any]:
    return {
        "inserted_s": inserted_s,
        "collided_s": collided_s,
        "weights": [1.0, 1.0],
        "stopped_by_force": 0,
        "ess_share": 0.25,
        "primary_alone": 0.0,
    }


def test_clean_is_inserted_in_time_and_never_in_the_obstacle() -> None:
    run = episodes([3.0, 3.0, 12.0, None], [None, 1.0, None, None])
    assert composition_plug_page.clean(run, 10.0).tolist() == [True, False, False, False]
    assert composition_plug_page.clean(run, 15.0).tolist() == [True, False, True, False]
    found = composition_plug_page.figures([run, episodes([1.0] * 4, [None] * 4)])
    assert (found["clean"], found["clean_longer"], found["collided"], found["inserted"]) == (0.625, 0.75, 0.125, 0.75)
    assert found["clean_of_seeds"] == [0.25, 1.0]
    assert found["median_s"] == pytest.approx(1.0)


def test_the_bars_of_a_composition_compare_it_with_the_insertion_alone_and_with_the_best_product() -> None:
    def rate(clean: int, collided: int, late: int = 0) -> list[dict[str, Any]]:
        """100 episodes: clean in time, inserted too late, in the obstacle, and the rest not inserted."""
        rest = 100 - clean - collided - late
        inserted: list[float | None] = [3.0] * (clean + collided) + [12.0] * late + [None] * rest
        return [episodes(inserted, [None] * clean + [1.0] * collided + [None] * (late + rest))]

    def bars(best: list[dict[str, Any]]) -> dict[str, Any]:
        runs = {
            ALONE: rate(20, 80),
            AVOIDS: rate(0, 0),
            PRODUCT: rate(50, 50),
            f"{PRODUCT}, avoid x 2": rate(75, 20),
            BEST: best,
        }
        return composition_plug_page.bars(
            {name: composition_plug_page.figures(rows) for name, rows in runs.items()}, runs
        )

    good = bars(rate(92, 2, late=5))
    assert good["met"]
    assert good["of_insert_at_equal_time"] == pytest.approx(0.92)
    assert good["of_insert_at_longer_time"] == pytest.approx(0.97)
    assert good["best_product"] == f"{PRODUCT}, avoid x 2"
    assert good["better_than_the_product"] == pytest.approx(0.17)
    for worse in (rate(92, 3, late=5), rate(89, 2, late=9), rate(92, 2, late=2), rate(84, 0, late=16)):
        assert not bars(worse)["met"]


def rounded(tree: Any) -> Any:
    """Nested data with its numbers to twelve digits: another library's last digit is not another figure."""
    if isinstance(tree, dict):
        return {key: rounded(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [rounded(value) for value in tree]
    return float(f"{tree:.12g}") if isinstance(tree, float) else tree


def test_the_page_of_the_committed_results_is_what_the_figures_say() -> None:
    results = share_directory() / "benchmarks" / "results" / "composition_plug.json"
    document = json.loads(results.read_text(encoding="utf-8"))
    assert composition_plug_page.page(document) == results.with_suffix(".md").read_text(encoding="utf-8")
    runs = {name: [row for row in document["episodes"] if row["method"] == name] for name in document["methods"]}
    assert list(runs) == [method.name for method in composition_plug.METHODS]
    figures = {name: composition_plug_page.figures(rows) for name, rows in runs.items()}
    assert rounded(figures) == rounded(document["methods"])
    assert composition_plug_page.bars(document["methods"], runs) == document["bars"]
    assert document["bars"]["met"]


def test_a_training_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    family = Training(FAMILY, 2, tmp_path)
    assert family.words() == ["family", "plug", "--quiet", "--seed", "2", "--output", str(family.directory)]
    family.directory.mkdir()
    (family.directory / "config.yaml").touch()
    assert family.words() == ["family", "plug", "--quiet", "--resume", str(family.directory)]
    assert not family.done
    summed = Training(SUM, 1, tmp_path)
    assert summed.words()[:2] == ["train", "plug_insertion_obstacle"]
    summed.directory.mkdir()
    (summed.directory / "result.json").touch()
    assert summed.done
    assert "environment.history=false" in Training(MEMORYLESS, 1, tmp_path).words()


def test_modes_are_compared_pair_by_pair_and_the_worst_is_named(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    cells = []
    for cell in sampler_modes.CELLS[:2]:
        rows = [
            {
                "mode": mode,
                "seed": seed,
                "success": (generator.random(40) < 0.8).astype(int).tolist(),
                "time_s": [2.0] * 40,
                "p95_force_n": 10.0,
            }
            for mode in mode_figures.MODES
            for seed in sampler_modes.seeds_of(mode)
        ]
        cells.append(mode_figures.figures(cell.policy, cell.name, rows))
        joined = {
            mode: np.concatenate([np.array(row["success"], bool) for row in rows if row["mode"] == mode])
            for mode in ("mean", "retry")
        }
        found = cells[-1]["modes"]["retry"]
        pair = mcnemar_exact(joined["retry"], joined["mean"])
        assert found["difference"] == pytest.approx(joined["retry"].mean() - joined["mean"].mean())
        assert found["p_value"] == pair.p_value
        low, high = found["difference_interval"]
        assert low < found["difference"] < high
        assert cells[-1]["modes"]["spiral"]["episodes"] == 40
    worst = mode_figures.worst_differences(cells)
    assert mode_figures.known_worse(cells)["comparisons"] == 2 * len(cells)
    worse = copy.deepcopy(cells)
    worse[1]["modes"]["gated"] |= {"difference": -0.05, "difference_interval": [-0.07, -0.03]}
    assert mode_figures.known_worse(worse)["rejected"] == [f"`gated`, {worse[1]['policy']}, {worse[1]['circumstance']}"]
    assert worst["retry"][0] == min(cell["modes"]["retry"]["difference"] for cell in cells)
    page = sampler_modes.page({"cells": cells, "worst": worst})
    assert f"`retry` {100 * worst['retry'][0]:+.1f} points ({worst['retry'][1]})" in page
    sampler_modes.plot(cells, tmp_path / "modes.png")
    assert (tmp_path / "modes.png").stat().st_size > 10_000


def test_what_is_regained_is_a_share_of_what_was_lost_and_nothing_where_nothing_was(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)

    def episodes(seeds: int, time_s: float) -> retrain_figures.Episodes:
        return {
            "success": np.ones((seeds, 500), dtype=bool),
            "time_s": time_s + generator.uniform(-0.01, 0.01, (seeds, 500)),
            "peak_force_n": np.full((seeds, 500), 10.0),
        }

    cells = {
        ("usual", "usual"): episodes(3, 2.0),
        ("usual", "hidden"): episodes(3, 2.5),
        ("identified", "hidden"): episodes(3, 2.2),
        ("exactly", "hidden"): episodes(1, 2.1),
    }
    found = retrain_figures.figures(cells)
    time = found["measures"]["median_time_s"]
    assert time["lost"] == pytest.approx(0.5, abs=0.01)
    for training, share in (("identified", 0.6), ("exactly", 0.8)):
        assert time[training]["share"] == pytest.approx(share, abs=0.02)
        low, high = time[training]["share_interval"]
        assert low < time[training]["share"] < high
    assert time["identified"]["of_exactly"] == pytest.approx(0.75, abs=0.02)
    low, high = time["identified"]["of_exactly_interval"]
    assert low < time["identified"]["of_exactly"] < high
    assert found["cells"]["usual, hidden"]["seeds"]["median_time_s"] == pytest.approx([2.5] * 3, abs=0.01)
    for name in ("success", "peak_force_p95_n"):
        assert "identified" not in found["measures"][name]
    assert identify_retrain.page(found).count("nothing was measurably lost") == 6
    cells["exactly", "hidden"] = cells["usual", "hidden"]
    vain = retrain_figures.figures(cells)
    assert "of_exactly" not in vain["measures"]["median_time_s"]["identified"]
    assert "| nothing measurable |" in identify_retrain.page(vain)
    cells["usual", "hidden"]["success"][:, :300] = False  # slower than any that came to its end
    assert retrain_figures.figures(cells)["cells"]["usual, hidden"]["median_time_s"] == 10.0
    identify_retrain.plot(found, tmp_path / "retrain.png")
    assert (tmp_path / "retrain.png").stat().st_size > 10_000


def test_the_episodes_of_each_mode_and_policy_are_kept_apart(tmp_path: Path) -> None:
    paths = [
        cell.path(seed, mode, tmp_path)
        for cell in sampler_modes.CELLS
        for mode in mode_figures.MODES
        for seed in sampler_modes.SEEDS
    ]
    assert len(set(paths)) == len(paths)
    assert all(path.name.isascii() and " " not in path.name for path in paths)
    assert INSERT in {cell.policy for cell in sampler_modes.CELLS}


def test_avoid_composes_with_the_insertion_and_keeps_it_out_of_an_obstacle() -> None:
    bundles = [load_bundle(share_directory() / "skills" / name) for name in ("plug_insertion", "avoid")]
    assert bundles[1].manifest.training.command == "maxent-robot family plug --seed 1"
    assert bundles[1].manifest.layout.sees_obstacle
    check_composable(bundles)
    skills = [ComposableSkill.of(bundle) for bundle in bundles]
    assert skills[1].uncalibrated == ""

    def run(weights: tuple[float, float]) -> tuple[int, int]:
        """Inserted and never in the obstacle, and in the obstacle, of 32 episodes."""
        composition = Composition(weights, hold_steps=4, operator="hybrid" if weights[1] else "product")
        quick = {**composition_plug.ENVIRONMENT, "timestep_s": 0.002, "control_period_s": 0.05}
        found = composition_plug.run_episodes([Composer(skills, composition, k) for k in range(32)], 0.0, quick)
        clean = composition_plug_page.clean(found, composition_plug_page.EQUAL_S)
        return int(clean.sum()), sum(time is not None for time in found["collided_s"])

    clean_alone, collided_alone = run((1.0, 0.0))
    clean, collided = run((1.0, 1.0))
    assert collided_alone >= 16
    assert clean_alone <= 16
    # With the rates measured (composition_plug.json) worse than this once in a thousand draws; the draw is fixed.
    assert clean >= 25
    assert collided <= 3
