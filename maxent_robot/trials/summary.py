"""The figures of a series of trials as plain data: what the report shows and what `maxent-robot demo --json` writes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from maxent_robot.trials.outcome import TrialResult
from maxent_robot.trials.series import TrialSeries
from maxent_robot.trials.statistics import Summary, summarise, wilson_interval


def summarise_trials(
    trials: Sequence[TrialResult], series: Mapping[int, TrialSeries] | None = None, confidence: float = 0.95
) -> dict[str, Any]:
    """Figures over all trials, and the same for each connector under `connectors`.

    Keys: `trials`, `inserted`, `success` (rate), `success_interval` (Wilson), `time_s` (of the inserted only) and
    `peak_force_n` (of all) with `median`/`p50`, `p95`, `max`; `outcomes`, `interventions` and `faults` as counts by
    name; `latency_ms` with `p50`, `p95`, `p99`, `max` and `count` over every policy step of `series`;
    `obstacle_clearance_mm` with `min` and the number of `collisions`. A figure of nothing is None, as JSON has no NaN.
    """
    figures = _figures(trials, series or {}, confidence)
    connectors = dict.fromkeys(trial.connector for trial in trials)
    figures["connectors"] = {
        connector: _figures([t for t in trials if t.connector == connector], series or {}, confidence)
        for connector in connectors
    }
    return figures


def _figures(trials: Sequence[TrialResult], series: Mapping[int, TrialSeries], confidence: float) -> dict[str, Any]:
    inserted = [trial for trial in trials if trial.succeeded]
    low, high = wilson_interval(len(inserted), len(trials), confidence)
    interventions: Counter[str] = Counter()
    for trial in trials:
        interventions.update(trial.interventions)
    latencies = [series[trial.trial].latency_ms for trial in trials if trial.trial in series]
    clearances = [t.obstacle_clearance_mm for t in trials if not math.isnan(t.obstacle_clearance_mm)]
    latency = summarise(np.concatenate(latencies) if latencies else [])
    return {
        "trials": len(trials),
        "inserted": len(inserted),
        "success": _number(len(inserted) / len(trials) if trials else math.nan),
        "success_interval": [low, high],
        "confidence": confidence,
        "time_s": _order_statistics(summarise([trial.time_s for trial in inserted])),
        "peak_force_n": _order_statistics(summarise([trial.peak_force_n for trial in trials])),
        "outcomes": dict(Counter(trial.outcome for trial in trials)),
        "faults": dict(Counter(trial.fault for trial in trials if trial.fault)),
        "interventions": dict(sorted(interventions.items())),
        "latency_ms": {**_order_statistics(latency), "count": latency.count},
        "obstacle_clearance_mm": {
            "min": _number(min(clearances, default=math.nan)),
            "collisions": sum(clearance < 0.0 for clearance in clearances),
        },
    }


def _order_statistics(summary: Summary) -> dict[str, Any]:
    return {
        "median": _number(summary.median),
        "p50": _number(summary.p50),
        "p95": _number(summary.p95),
        "p99": _number(summary.p99),
        "max": _number(summary.maximum),
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
