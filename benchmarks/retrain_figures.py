"""What a comparison of trainings on a hidden arm says: figures of each, what was lost, and what share is regained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.trials.statistics import wilson_interval

RESAMPLES = 2000
FAILED_S = 10.0
"""What an episode counts for that failed, for whatever reason: the time that there is."""

Episodes = dict[str, NDArray[Any]]
"""Success, time and peak force of the episodes, each (seeds, episodes)."""


def figures(cells: dict[tuple[str, str], Episodes]) -> dict[str, Any]:
    """Each cell's figures, and of each measure what was lost and what share of it was regained, with 95 % intervals.

    They are over seeds and episodes, both drawn again. `of_exactly` is what the identified training regains as a share
    of what the exact one does, where that is measurable.

    Args:
        cells: the same episodes in each, by whom the skills were trained for (usual, identified, exactly) and the arm
            that they are on (usual, hidden).
    """
    rows = {}
    for (training, arm), episodes in cells.items():
        success = episodes["success"]
        rows[f"{training}, {arm}"] = {
            **{name: float(of(episodes).mean()) for name, of in MEASURES.items()},
            "interval": list(wilson_interval(int(success.sum()), success.size)),
            "seeds": {name: of(episodes).tolist() for name, of in MEASURES.items()},
        }
    generator = np.random.default_rng(0)
    sizes = {training: episodes["success"].shape for (training, _), episodes in cells.items()}
    (count,) = {shape[1] for shape in sizes.values()}
    draws = [
        (
            {training: generator.integers(shape[0], size=shape[:1]) for training, shape in sizes.items()},
            generator.integers(count, size=(count,)),
        )
        for _ in range(RESAMPLES)
    ]
    measures = {}
    for name, of in MEASURES.items():
        values = {cell: _SIGNS[name] * float(of(episodes).mean()) for cell, episodes in cells.items()}
        drawn = {
            cell: _SIGNS[name]
            * np.array([of(_chosen(episodes, seeds[cell[0]], numbers)).mean() for seeds, numbers in draws])
            for cell, episodes in cells.items()
        }
        measures[name] = _loss(values, drawn)
    return {"cells": rows, "measures": measures}


def _loss(values: dict[tuple[str, str], float], drawn: dict[tuple[str, str], NDArray[np.float64]]) -> dict[str, Any]:
    """Of a measure of which more is better: what the hidden arm costs, and what the trainings for it regain of that."""
    usual, hidden = ("usual", "usual"), ("usual", "hidden")
    losses = drawn[usual] - drawn[hidden]
    loss: dict[str, Any] = {"lost": values[usual] - values[hidden], "lost_interval": _interval(losses)}
    if loss["lost_interval"][0] <= 0.0:
        return loss
    regained = {training: drawn[training, "hidden"] - drawn[hidden] for training in ("identified", "exactly")}
    for training, gains in regained.items():
        gain = values[training, "hidden"] - values[hidden]
        loss[training] = {
            "regained": gain,
            "share": gain / loss["lost"],
            "share_interval": _interval(gains / losses),
        }
    if _interval(regained["exactly"])[0] > 0.0:
        identified = loss["identified"]
        identified["of_exactly"] = identified["regained"] / loss["exactly"]["regained"]
        identified["of_exactly_interval"] = _interval(regained["identified"] / regained["exactly"])
    return loss


def _interval(samples: NDArray[np.float64]) -> list[float]:
    return [float(value) for value in np.percentile(samples, (2.5, 97.5))]


def _chosen(episodes: Episodes, seeds: NDArray[np.int64], numbers: NDArray[np.int64]) -> Episodes:
    return {name: values[np.ix_(seeds, numbers)] for name, values in episodes.items()}


def _success(episodes: Episodes) -> NDArray[np.float64]:
    return np.asarray(episodes["success"].mean(axis=1))


def _median_time(episodes: Episodes) -> NDArray[np.float64]:
    """Over all episodes."""
    return np.asarray(np.median(np.where(episodes["success"], episodes["time_s"], FAILED_S), axis=1))


def _peak_force(episodes: Episodes) -> NDArray[np.float64]:
    return np.asarray(np.percentile(episodes["peak_force_n"], 95.0, axis=1))


MEASURES: dict[str, Callable[[Episodes], NDArray[np.float64]]] = {
    "success": _success,
    "median_time_s": _median_time,
    "peak_force_p95_n": _peak_force,
}
"""One value a seed."""
_SIGNS = {"success": 1.0, "median_time_s": -1.0, "peak_force_p95_n": -1.0}
