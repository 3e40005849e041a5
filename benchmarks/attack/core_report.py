"""Shards of the attack on the core: made by processes, kept one by one, and added up."""

from __future__ import annotations

import json
import multiprocessing
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np

from attack.core_campaign import VARIANTS, run_shard
from maxent_robot.learning.run_directory import write_json

SHARD = 50_000
"""Forged inputs of one shard."""
_SUMS = ("commands", "by_kind", "faults", "cycles_by_state")
MOVING_STATES = ("RAMPING", "RUNNING", "DEGRADED")


def plan(commands: int, seed: int) -> list[tuple[str, int]]:
    """(variant, seed) of each shard; a shard depends on nothing else."""
    return [(VARIANTS[k % len(VARIANTS)], 1000 * seed + k) for k in range(-(-commands // SHARD))]


def make_shards(
    shards: list[tuple[str, int]], jobs: int, path: Path, document: dict[str, Any], tick: Callable[[int], object]
) -> None:
    """Make the shards, each in a process, and keep each in the document once it has ended."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        futures = {pool.submit(_shard, variant, seed): (variant, seed) for variant, seed in shards}
        for future in as_completed(futures):
            variant, seed = futures[future]
            document["shards"].append({"variant": variant, "seed": seed, **future.result()})
            document["total"] = total(document["shards"])
            write_json(path, document)
            tick(document["shards"][-1]["commands"])


def _shard(variant: str, seed: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="core-") as scratch:
        figures = run_shard(variant, seed, SHARD, Path(scratch), lambda done: None)
    ticks_ms = 1e3 * np.array(figures.pop("tick_s"))
    figures["tick_ms"] = {"p50": float(np.percentile(ticks_ms, 50)), "p99": float(np.percentile(ticks_ms, 99))}
    return figures


def total(shards: list[dict[str, Any]]) -> dict[str, Any]:
    """Everything added up: inputs by kind, faults by name, share of time in motion, rest in ms, violations."""
    sums: dict[str, Any] = {key: Counter() for key in _SUMS[1:]}
    for shard in shards:
        for key, counter in sums.items():
            counter.update(shard[key])
    states = sums["cycles_by_state"]
    rest_ms = 1e3 * np.array([rest for shard in shards for rest in shard["rest_s"]])
    return {
        "commands": sum(shard["commands"] for shard in shards),
        **{key: dict(sorted(counter.items())) for key, counter in sums.items()},
        "share_in_motion": sum(states[state] for state in MOVING_STATES) / sum(states.values()),
        "rest_ms": {
            "n": len(rest_ms),
            **{f"p{q}": float(np.percentile(rest_ms, q)) for q in (50, 99)},
            "max": float(rest_ms.max()),
        }
        if len(rest_ms)
        else {"n": 0},
        "violations": [violation for shard in shards for violation in shard["violations"]],
    }


def summary(document: dict[str, Any]) -> str:
    """A few lines for the terminal."""
    figures = document["total"]
    return json.dumps({key: figures[key] for key in ("commands", "share_in_motion", "rest_ms", "violations")}, indent=2)
