"""A campaign on disk: several seeds, and several variants, of one training configuration; needs no PyTorch.

<campaign>/campaign.yaml            what is run, see `Campaign`
<campaign>/<variant>/seed_<k>/      a training run, see maxent_robot.learning.run_directory
<campaign>/<variant>/seed_<k>/log.txt   what its process said

A variant is a point of the grid, named by its settings (`learner.n_step=3`), or `base` where nothing is swept.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maxent_robot.config import config_from_mapping, load_config, setting, to_mapping
from maxent_robot.errors import ConfigError
from maxent_robot.learning.run_files import CONFIG_FILE, LOG_FILE, RESULT_FILE
from maxent_robot.yaml_file import parse_yaml, write_yaml

CAMPAIGN_FILE = "campaign.yaml"
UNSWEPT = "base"

MAX_NAME_LENGTH = 200
"""Longest name of a variant's directory; file systems take 255 bytes."""


@dataclass(frozen=True)
class Campaign:
    """What a campaign runs: each point of the grid `sweep` with each seed."""

    name: str = setting(doc="training configuration: a shipped name or an absolute path")
    seeds: tuple[int, ...] = setting(minimum=0, doc="seed of each run of a variant")
    assignments: tuple[str, ...] = setting((), doc="settings of all runs, key=value")
    sweep: Mapping[str, tuple[Any, ...]] = setting({}, doc="values of each setting that is swept")

    def __post_init__(self) -> None:
        """Raise ConfigError for what would be run twice, or not as it was asked for."""
        if not self.seeds:
            raise ConfigError("seeds is empty: give one or more")
        _refuse_repeats("seed", self.seeds)
        assigned = {assignment.partition("=")[0].strip(): assignment for assignment in self.assignments}
        for key, values in self.sweep.items():
            if not values:
                raise ConfigError(f"sweep of {key}: no value")
            _refuse_repeats(f"sweep of {key}: value", values)
            if key in assigned:
                raise ConfigError(f"sweep of {key}: it is set already, by {assigned[key]}")
        if "seed" in {*self.sweep, *assigned}:
            raise ConfigError("seed can't be set in a campaign: name the seeds by --seeds")


@dataclass(frozen=True)
class CampaignRun:
    """One run of a campaign.

    Attributes:
        assignments: all that are made to the configuration, the seed last.
    """

    variant: str
    seed: int
    directory: Path
    assignments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.variant}, seed {self.seed}"

    @property
    def log(self) -> Path:
        """What its process said."""
        return self.directory / LOG_FILE

    @property
    def begun(self) -> bool:
        """Whether there is something to go on with."""
        return (self.directory / CONFIG_FILE).is_file()

    @property
    def finished(self) -> bool:
        """Whether it has come to its end."""
        return (self.directory / RESULT_FILE).is_file()


def parse_seeds(text: str) -> tuple[int, ...]:
    """Seeds from `1,2,3`, `1-5` or `1-3,7`.

    Raises:
        ConfigError: it is written otherwise, or a range runs backwards.
    """
    seeds: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if last < first:
            raise ConfigError(f"--seeds {text!r}: must be whole numbers or ranges, for example 1,2,3 or 1-5")
        seeds += range(first, last + 1)
    return tuple(seeds)


def parse_sweep(texts: Sequence[str]) -> dict[str, list[Any]]:
    """Values of each key from texts such as `learner.n_step=1,3`, read as YAML; a list is written `[256,256]`.

    Raises:
        ConfigError: a text is not `key=value,value`, its values are not YAML, or a key is given twice.
    """
    sweep: dict[str, list[Any]] = {}
    for text in texts:
        key, equals, values = text.partition("=")
        key = key.strip()
        if not equals or not all(key.split(".")) or not values.strip():
            raise ConfigError(f"--sweep {text!r}: must be key=value,value, for example learner.n_step=1,3")
        if key in sweep:
            raise ConfigError(f"--sweep {text!r}: {key} is swept twice; name all of its values at once")
        sweep[key] = parse_yaml(f"values: [{values}]", source=f"--sweep {text}")["values"]
    return sweep


def make_campaign(
    name: str, assignments: Sequence[str], seeds: Sequence[int], sweep: Mapping[str, Sequence[Any]]
) -> Campaign:
    """A campaign, checked as one that is read from its file.

    Raises:
        ConfigError: something would be run twice, or is set in two places.
    """
    mapping = {"name": name, "assignments": list(assignments), "seeds": list(seeds), "sweep": dict(sweep)}
    return config_from_mapping(mapping, Campaign)


def campaign_runs(campaign: Campaign, directory: Path) -> list[CampaignRun]:
    """The runs of a campaign in `directory`: all variants with the first seed, then all with the second, and so on.

    So what has ended at any time can be compared.

    Raises:
        ConfigError: two variants would have the same directory, or the name of one would be too long.
    """
    points = [dict(zip(campaign.sweep, values, strict=True)) for values in itertools.product(*campaign.sweep.values())]
    names = [_variant_name(point) for point in points]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two variants would have the directory {name!r}: sweep them in two campaigns")
        if len(name.encode()) > MAX_NAME_LENGTH:
            raise ConfigError(
                f"the directory of a variant would have a name of {len(name.encode())} bytes, allowed are "
                f"{MAX_NAME_LENGTH}: {name[:60]}...; put what varies into configurations of their own"
            )
    return [
        CampaignRun(
            variant=name,
            seed=seed,
            directory=directory / name / f"seed_{seed}",
            assignments=(*campaign.assignments, *(f"{k}={_as_yaml(v)}" for k, v in point.items()), f"seed={seed}"),
        )
        for seed in campaign.seeds
        for name, point in zip(names, points, strict=True)
    ]


def new_campaign(directory: Path, campaign: Campaign) -> None:
    """Make the directory of a campaign.

    Raises:
        ConfigError: the directory holds a campaign or a run already.
    """
    if (directory / CAMPAIGN_FILE).exists() or (directory / CONFIG_FILE).exists():
        kind = "campaign" if (directory / CAMPAIGN_FILE).exists() else "run"
        raise ConfigError(f"{directory} holds a {kind} already: resume it with --resume, or name another --output")
    directory.mkdir(parents=True, exist_ok=True)
    write_yaml(directory / CAMPAIGN_FILE, to_mapping(campaign))


def load_campaign(directory: Path) -> Campaign:
    """Read the campaign of a directory.

    Raises:
        ConfigError: there is none, or its file is not what the schema allows.
    """
    return load_config(directory / CAMPAIGN_FILE, Campaign)


def is_campaign(directory: Path) -> bool:
    """Whether the directory is that of a campaign."""
    return (directory / CAMPAIGN_FILE).is_file()


def find_campaign(resume: str, shelf: Path) -> Path | None:
    """The campaign that `--resume` means: a directory, or `latest` where the last on the shelf is one; else None."""
    if resume != "latest":
        return Path(resume) if is_campaign(Path(resume)) else None
    begun = sorted({path.parent for file in (CONFIG_FILE, CAMPAIGN_FILE) for path in shelf.glob(f"*/{file}")})
    return begun[-1] if begun and is_campaign(begun[-1]) else None


def _refuse_repeats(what: str, values: Sequence[Any]) -> None:
    texts = [json.dumps(value) for value in values]
    for text in texts:
        if texts.count(text) > 1:
            raise ConfigError(f"{what} {text} is given twice")


def _as_yaml(value: Any) -> str:
    """A value on one line, without quotes where YAML needs none."""
    if isinstance(value, str):
        try:
            plain = parse_yaml(f"value: {value}", source="")["value"] == value
        except ConfigError:
            plain = False
        if plain:
            return value
    return json.dumps(value)


def _variant_name(point: Mapping[str, Any]) -> str:
    """Name of a point of the grid, safe for files and shells: `learner.n_step=3,learner.hidden_sizes=256x256`."""
    parts = [f"{key}={_short(value)}" for key, value in point.items()]
    return ",".join(re.sub(r"[^\w.=+-]+", "_", part) for part in parts) or UNSWEPT


def _short(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "x".join(_short(item) for item in value)
    return value if isinstance(value, str) else json.dumps(value)
