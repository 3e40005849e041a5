"""The figures of an experiment as plain data: what its report shows and `maxent-robot trials report --json` writes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from maxent_robot.trials.comparison import paired_difference
from maxent_robot.trials.experiment_figures import time_to_insertion
from maxent_robot.trials.ledger import Ledger, results_by_condition
from maxent_robot.trials.schedule import pairs_of, why_it_ends
from maxent_robot.trials.statistics import mcnemar_exact
from maxent_robot.trials.summary import summarise_trials
from maxent_robot.trials.survival import log_rank_test


def summarise_experiment(ledger: Ledger) -> dict[str, Any]:
    """Everything that the report says in numbers.

    Keys: `name`, `planned`, `done`, `ended` (why; empty while it goes on), `interrupted_attempts`; `conditions`, the
    figures of `summarise_trials` by name; `comparisons`, for each pair of conditions `first`, `second`, `pairs`, and
    `success`, `time_s`, `peak_force_n` with the counts, differences, intervals and p-values, and `log_rank_p`.
    """
    experiment = ledger.experiment
    by_condition = results_by_condition(ledger)
    return {
        "name": experiment.name,
        "planned": len(ledger.trials),
        "done": len(ledger.results),
        "ended": why_it_ends(experiment, ledger.trials, ledger.results, ledger.interruptions),
        "interrupted_attempts": ledger.interruptions,
        "conditions": {name: summarise_trials(results) for name, results in by_condition.items()},
        "comparisons": [_compare(ledger, first, second) for first, second in itertools.combinations(by_condition, 2)],
    }


def _compare(ledger: Ledger, first: str, second: str) -> dict[str, Any]:
    pairs = pairs_of(ledger.trials, ledger.results, first, second)
    one, other = [a for a, _ in pairs], [b for _, b in pairs]
    success = mcnemar_exact([r.succeeded for r in one], [r.succeeded for r in other])
    criterion = ledger.experiment.criterion
    times = [[r.time_s if r.succeeded else math.inf for r in rows] for rows in (one, other)]
    forces = [[r.peak_force_n for r in rows] for rows in (one, other)]
    return {
        "first": first,
        "second": second,
        "pairs": len(pairs),
        "success": {
            "both": success.both,
            "only_first": success.only_first,
            "only_second": success.only_second,
            "neither": success.neither,
            "difference": success.difference,
            "p": success.p_value,
        },
        "time_s": _difference(*times),
        "peak_force_n": _difference(*forces),
        "log_rank_p": log_rank_test(time_to_insertion(one, criterion), time_to_insertion(other, criterion)),
    }


def _difference(first: Sequence[float], second: Sequence[float]) -> dict[str, Any]:
    found = paired_difference(first, second)
    interval = [None if math.isnan(bound) else bound for bound in (found.low, found.high)]
    return {
        "count": found.count,
        "median": None if math.isnan(found.median) else found.median,
        "interval": interval,
        "larger": found.larger,
        "smaller": found.smaller,
        "p": found.p_value,
    }
