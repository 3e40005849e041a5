"""Finished training runs, read and put into groups that differ in their seed only. PyTorch is not needed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maxent_robot.config import load_config, to_mapping
from maxent_robot.errors import ConfigError
from maxent_robot.learning.campaigns.campaign import campaign_runs, is_campaign, load_campaign
from maxent_robot.learning.config import TrainConfig
from maxent_robot.learning.run_files import CONFIG_FILE, RESULT_FILE

SCORED_EVALUATIONS = 3
"""The score of a run is the mean return over this many evaluations, its last ones."""

MAX_DIFFERENCES = 4
"""Settings that a label names at most."""


@dataclass(frozen=True)
class ComparedRun:
    """A finished run.

    Attributes:
        source: the argument of `maxent-robot compare` that it came by.
        settings: dotted key -> value, without the seed.
    """

    directory: Path
    source: str
    seed: int
    settings: Mapping[str, Any]
    evaluations: Sequence[Mapping[str, Any]]
    best: Mapping[str, Any]

    @property
    def task(self) -> str:
        """The environment's id, or the name of the task."""
        return str(self.settings.get("environment.id", self.settings["task"]))

    @property
    def algorithm(self) -> str:
        """Name of the update rule."""
        return str(self.settings["learner.algorithm"])

    @property
    def score(self) -> float:
        """Mean return of the last three evaluations, of all if there are fewer."""
        return float(np.mean([record["mean_return"] for record in self.evaluations[-SCORED_EVALUATIONS:]]))

    @property
    def has_success(self) -> bool:
        """Whether its task says of each episode if it succeeded."""
        return "success" in self.best

    @property
    def training_s(self) -> float:
        """Time spent in training, evaluations left out [s]."""
        return float(self.evaluations[-1]["training_s"])


@dataclass(frozen=True)
class RunGroup:
    """Runs that differ in their seed only, in rising order of the seed.

    Attributes:
        method: label without the task.
        differences: what sets it apart from the groups of the same algorithm and task, dotted key -> value.
    """

    task: str
    method: str
    differences: Mapping[str, Any]
    runs: tuple[ComparedRun, ...]

    @property
    def label(self) -> str:
        """Algorithm, task and differences."""
        return f"{self.task} {self.method}"

    @property
    def scores(self) -> np.ndarray:
        """Score of each run, shape (seeds,)."""
        return np.array([run.score for run in self.runs])

    @property
    def has_success(self) -> bool:
        """Whether the task has a notion of success."""
        return all(run.has_success for run in self.runs)

    def curves(self, field: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Steps (n,), training time [s] (n,), mean over seeds, and `field` (seeds, n) at the evaluations of all runs.

        An evaluation that some seed lacks, because it ended before, is left out.
        """
        rows = [{record["step"]: record for record in run.evaluations} for run in self.runs]
        steps = sorted(set(rows[0]).intersection(*rows[1:]))
        times, values = (
            np.array([[row[step][name] for step in steps] for row in rows], dtype=float)
            for name in ("training_s", field)
        )
        return np.array(steps), times.mean(axis=0), values


def find_runs(sources: Sequence[str]) -> tuple[list[ComparedRun], list[Path]]:
    """The finished runs of directories of runs and campaigns, each once, and those that have not come to their end.

    Raises:
        ConfigError: a directory is neither, or a file of a run is damaged.
    """
    finished: list[ComparedRun] = []
    unfinished: list[Path] = []
    seen: set[Path] = set()
    for source in sources:
        directory = Path(source)
        if is_campaign(directory):
            directories = [run.directory for run in campaign_runs(load_campaign(directory), directory)]
        elif (directory / CONFIG_FILE).is_file():
            directories = [directory]
        else:
            raise ConfigError(f"{source} is neither a training run nor a campaign")
        for place in directories:
            if place.resolve() in seen:
                continue
            seen.add(place.resolve())
            if (place / RESULT_FILE).is_file():
                finished.append(read_run(place, source))
            else:
                unfinished.append(place)
    return finished, unfinished


def read_run(directory: Path, source: str) -> ComparedRun:
    """Read the settings and the figures of a finished run.

    Raises:
        ConfigError: a file is damaged.
    """
    settings = _flat(to_mapping(load_config(directory / CONFIG_FILE, TrainConfig)))
    seed = settings.pop("seed")
    path = directory / RESULT_FILE
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        run = ComparedRun(directory, source, seed, settings, result["evaluations"], result["best"])
        for record in run.evaluations:
            float(record["mean_return"]), float(record["training_s"]), int(record["step"])
        run.evaluations[-1]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ConfigError(f"{path}: is not the result of a run: {type(error).__name__} {error}") from error
    return run


def group_runs(runs: Sequence[ComparedRun], separate: bool = False) -> list[RunGroup]:
    """Groups of runs that differ in the seed only, in the order of the first run of each.

    Args:
        separate: runs that came by different arguments are in different groups, labelled by these.

    Raises:
        ConfigError: two runs of a group have the same seed, so they are one sample, not two.
    """
    groups: dict[str, list[ComparedRun]] = {}
    for run in runs:
        groups.setdefault(json.dumps([run.source if separate else "", run.settings]), []).append(run)
    for members in groups.values():
        members.sort(key=lambda run: run.seed)
        for first, second in itertools.pairwise(members):
            if first.seed == second.seed:
                raise ConfigError(
                    f"{first.directory} and {second.directory} have the same settings and seed {first.seed}: leave one "
                    "out, or compare them by --separate"
                )
    lists = list(groups.values())
    differences = [_differences(members[0], [other[0] for other in lists]) for members in lists]
    methods = [
        " ".join([members[0].algorithm, *_shown(members[0].source if separate else "", different)])
        for members, different in zip(lists, differences, strict=True)
    ]
    labels = [(members[0].task, method) for members, method in zip(lists, methods, strict=True)]
    return [
        RunGroup(
            task, method if labels.count((task, method)) == 1 else f"{method} ({number})", different, tuple(members)
        )
        for number, ((task, method), different, members) in enumerate(zip(labels, differences, lists, strict=True), 1)
    ]


def _differences(run: ComparedRun, others: Sequence[ComparedRun]) -> dict[str, Any]:
    """Settings of a run that some other run of the same algorithm and task has otherwise; None is not set."""
    family = [other for other in others if (other.task, other.algorithm) == (run.task, run.algorithm)]
    keys = dict.fromkeys(key for other in family for key in other.settings)
    return {
        key: run.settings.get(key)
        for key in keys
        if any(other.settings.get(key) != run.settings.get(key) for other in family)
    }


def _shown(source: str, differences: Mapping[str, Any]) -> list[str]:
    texts = []
    for key, value in differences.items():
        text = "default" if value is None else value if isinstance(value, str) else json.dumps(value)
        texts.append(f"{key}={text}")
    more = [f"and {len(texts) - MAX_DIFFERENCES} more"] if len(texts) > MAX_DIFFERENCES else []
    return [*([source] if source else []), *texts[:MAX_DIFFERENCES], *more]


def _flat(mapping: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by their dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in mapping.items():
        flat.update(_flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value})
    return flat
