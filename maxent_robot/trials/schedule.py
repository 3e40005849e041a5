"""The trials of an experiment in their order: every condition at every place, shuffled within it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from maxent_robot.trials.experiment import Experiment
from maxent_robot.trials.outcome import TrialResult
from maxent_robot.trials.protocol import trial_seed
from maxent_robot.trials.sequential import CONTINUE

_ORDER, _LABELS = 1, 2
"""Streams of the seed, beside that of the places."""


@dataclass(frozen=True)
class ScheduledTrial:
    """One trial before it is run.

    Attributes:
        number: from 1, in the order they are run.
        place: from 1; trials of one place are a block and have one seed.
        condition: name of it.
        label: what a blinded operator sees.
        seed: of the scenario and of the start pose.
    """

    number: int
    place: int
    condition: str
    label: str
    seed: int


def schedule(experiment: Experiment) -> tuple[ScheduledTrial, ...]:
    """All trials of an experiment; the same for the same protocol."""
    names = [condition.name for condition in experiment.conditions]
    labels = condition_labels(experiment)
    trials: list[ScheduledTrial] = []
    for place in range(1, experiment.places + 1):
        for name in _order(experiment, names, place):
            number = len(trials) + 1
            trials.append(ScheduledTrial(number, place, name, labels[name], trial_seed(experiment.seed, place)))
    return tuple(trials)


def condition_labels(experiment: Experiment) -> dict[str, str]:
    """What the operator sees of each condition: its name, or a letter drawn by the seed where they are blinded."""
    names = [condition.name for condition in experiment.conditions]
    if not experiment.blinded:
        return {name: name for name in names}
    places = np.random.default_rng([experiment.seed, _LABELS]).permutation(len(names))
    return {name: chr(ord("A") + int(place)) for name, place in zip(names, places, strict=True)}


def _order(experiment: Experiment, names: Sequence[str], place: int) -> list[str]:
    if experiment.order == "fixed":
        return list(names)
    if experiment.order == "alternating":
        shift = (place - 1) % len(names)
        return [*names[shift:], *names[:shift]]
    shuffled = np.random.default_rng([experiment.seed, _ORDER, place]).permutation(len(names))
    return [names[int(index)] for index in shuffled]


def why_it_ends(
    experiment: Experiment,
    trials: Sequence[ScheduledTrial],
    results: Mapping[int, TrialResult],
    interruptions: int = 0,
) -> str:
    """Why no further trial is to be run after these results, by number; empty while one is.

    Args:
        interruptions: attempts so far that ended without an outcome.
    """
    ordered = [results[trial.number] for trial in trials if trial.number in results]
    if reason := _broken_off(experiment, ordered, interruptions):
        return reason
    if experiment.sequential is not None:
        first, second = (condition.name for condition in experiment.conditions)
        decision, pairs = experiment.sequential.test().follow(
            [(a.succeeded, b.succeeded) for a, b in pairs_of(trials, results, first, second)]
        )
        if decision != CONTINUE:
            said = {"first": first, "second": second}
            word = decision.partition(" ")[0]
            return f"decided after {pairs} pairs: {decision.replace(word, said.get(word, word), 1)}"
    return "all trials are done" if len(ordered) == len(trials) else ""


def pairs_of(
    trials: Sequence[ScheduledTrial], results: Mapping[int, TrialResult], first: str, second: str
) -> list[tuple[TrialResult, TrialResult]]:
    """Results of two conditions at the places where both are done, in the order of the places."""
    found: dict[int, dict[str, TrialResult]] = {}
    for trial in trials:
        if trial.number in results:
            found.setdefault(trial.place, {})[trial.condition] = results[trial.number]
    return [(place[first], place[second]) for place in found.values() if first in place and second in place]


def _broken_off(experiment: Experiment, results: Sequence[TrialResult], interruptions: int) -> str:
    stop = experiment.stop
    for condition in experiment.conditions:
        row = 0
        for result in results:
            if result.condition == condition.name:
                row = 0 if result.succeeded else row + 1
        if stop.failures_in_a_row and row >= stop.failures_in_a_row:
            return f"broken off: {row} failures in a row of {condition.name}"
    for kind, limit, count in (
        ("force stops", stop.force_stops, sum(result.outcome == "force_stop" for result in results)),
        ("faults", stop.faults, sum(result.fault is not None for result in results)),
        ("interruptions", stop.interruptions, interruptions),
    ):
        if limit and count >= limit:
            return f"broken off: {count} {kind}"
    return ""
