"""What a comparison of the sampler's modes says: rates, differences on the same episodes, and whether one is worse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from maxent_robot.trials.statistics import mcnemar_exact, summarise, wilson_interval

MODES = ("mean", "sample", "gated", "retry", "spiral")
KEPT_FROM_MEAN = 0.01
"""By how much `gated` and `retry` may be worse than `mean`."""

SIGNIFICANT = 0.05


def figures(policy: str, circumstance: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All modes of a policy in a circumstance: rates of all seeds, and the paired difference to the mean."""
    success = {
        mode: np.concatenate([np.array(row["success"], dtype=bool) for row in rows if row["mode"] == mode])
        for mode in MODES
    }
    found: dict[str, Any] = {"policy": policy, "circumstance": circumstance, "modes": {}}
    for mode in MODES:
        of = [row for row in rows if row["mode"] == mode]
        times = np.concatenate([np.array(row["time_s"])[np.array(row["success"], dtype=bool)] for row in of])
        n, k = len(success[mode]), int(success[mode].sum())
        found["modes"][mode] = {
            "episodes": n,
            "success": k / n,
            "interval": list(wilson_interval(k, n)),
            "of_seeds": [float(np.mean(row["success"])) for row in of],
            "median_s": summarise(times).median if k else None,
            "p95_force_n": float(np.mean([row["p95_force_n"] for row in of])),
            **({} if mode in ("mean", "spiral") else _against(success[mode], success["mean"])),
        }
    return found


def _against(mode: NDArray[np.bool_], mean: NDArray[np.bool_]) -> dict[str, Any]:
    """The difference of paired rates with its 95 % interval (normal, of the discordant pairs), and McNemar's test."""
    pair = mcnemar_exact(mode, mean)
    n, discordant = pair.count, pair.only_first + pair.only_second
    half = 1.96 * np.sqrt(max(discordant - (pair.only_first - pair.only_second) ** 2 / n, 0.0)) / n
    return {
        "difference": pair.difference,
        "difference_interval": [pair.difference - half, pair.difference + half],
        "p_value": pair.p_value,
    }


def worst_differences(cells: Sequence[dict[str, Any]]) -> dict[str, tuple[float, str]]:
    """By mode: the least difference to the mean, and where."""
    return {
        mode: min((cell["modes"][mode]["difference"], f"{cell['policy']}, {cell['circumstance']}") for cell in cells)
        for mode in ("sample", "gated", "retry")
    }


def known_worse(cells: Sequence[dict[str, Any]], margin: float = KEPT_FROM_MEAN) -> dict[str, Any]:
    """Whether `gated` or `retry` is worse than the mean by more than `margin` anywhere, by more than chance.

    One-sided z tests of every cell and both modes, with Holm's correction: of 26 differences of no effect the least
    would lie some two standard errors below zero.

    Returns:
        `comparisons`; the least one-sided `p_value` with its `where`, before the correction; `rejected`, the cells that
        stay after it at 5 %.
    """
    tests = []
    for cell in cells:
        for mode in ("gated", "retry"):
            row = cell["modes"][mode]
            low, high = row["difference_interval"]
            error = max((high - low) / (2.0 * 1.96), 1e-9)
            chance = float(ndtr((row["difference"] + margin) / error))
            tests.append((chance, f"`{mode}`, {cell['policy']}, {cell['circumstance']}"))
    tests.sort()
    rejected = []
    for rank, (chance, where) in enumerate(tests):
        if chance * (len(tests) - rank) > SIGNIFICANT:
            break
        rejected.append(where)
    return {"comparisons": len(tests), "p_value": tests[0][0], "where": tests[0][1], "rejected": rejected}
