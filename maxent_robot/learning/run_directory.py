"""A training run on disk.

<run>/config.yaml    the resolved settings
<run>/run.json       the name of the configuration, the assignments made to it, the revisions of the code that ran
<run>/checkpoint/    see maxent_robot.learning.checkpoint
<run>/tensorboard/   event files
<run>/policy.pt      the best actor and its deployable critic, once training has ended
<run>/result.json    figures, once training has ended
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maxent_robot.config import config_from_mapping, load_config, to_mapping
from maxent_robot.errors import ConfigError
from maxent_robot.learning.algorithms.maximum_entropy import make_actor
from maxent_robot.learning.checkpoint import read_torch, write_atomically, write_torch
from maxent_robot.learning.config import TrainConfig
from maxent_robot.learning.deployable_critic import make_deployable_critic
from maxent_robot.learning.networks import CriticEnsemble, SquashedGaussianActor
from maxent_robot.learning.overrides import apply_overrides
from maxent_robot.learning.run_files import CONFIG_FILE, RESULT_FILE
from maxent_robot.paths import share_directory
from maxent_robot.yaml_file import read_yaml, write_yaml

ORIGIN_FILE = "run.json"
POLICY_FILE = "policy.pt"


@dataclass(frozen=True)
class FinishedRun:
    """What a run ended with."""

    config: TrainConfig
    actor: SquashedGaussianActor
    critic: CriticEnsemble
    result: Mapping[str, Any]


def train_config(name: str, assignments: Sequence[str]) -> TrainConfig:
    """Settings by name (`plug_insertion`) or path of a YAML file, with assignments such as `learner.n_step=1` made.

    Raises:
        ConfigError: no such file, or a setting that the schema does not allow.
    """
    path = config_path(name)
    mapping = apply_overrides(read_yaml(path), assignments)
    return config_from_mapping(mapping, TrainConfig, source=str(path))


def config_path(name: str) -> Path:
    """The YAML file of a training configuration named as shipped or by a path.

    Raises:
        ConfigError: there is none; the message lists the shipped ones.
    """
    shelf = share_directory() / "config" / "train"
    for candidate in (shelf / f"{name}.yaml", Path(name)):
        if candidate.is_file():
            return candidate
    shipped = ", ".join(sorted(path.stem for path in shelf.glob("*.yaml")))
    raise ConfigError(f"no training configuration {name!r}: give the path of a .yaml file or one of: {shipped}")


def gymnasium_config(algorithm: str | None) -> str:
    """The name of the shipped configuration for Gymnasium environments that suits an algorithm best."""
    own = f"gymnasium_{algorithm}"
    return own if (share_directory() / "config" / "train" / f"{own}.yaml").is_file() else "gymnasium"


def new_run(directory: Path, name: str, config: TrainConfig, assignments: Sequence[str]) -> None:
    """Make the directory of a run and save its settings and where they came from.

    Raises:
        ConfigError: the directory holds a run already.
    """
    if (directory / CONFIG_FILE).exists():
        raise ConfigError(f"{directory} holds a run already: resume it with --resume, or name another --output")
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / ORIGIN_FILE, {"name": name, "assignments": list(assignments), "revisions": [revision()]})
    write_yaml(directory / CONFIG_FILE, to_mapping(config))


def change_run(directory: Path, assignments: Sequence[str]) -> TrainConfig:
    """Make further assignments to the settings of a run that goes on, save and return them; note the code's revision.

    Raises:
        ConfigError: it is not a run, or a setting is not allowed.
    """
    config = train_config(str(directory / CONFIG_FILE), assignments)
    origin = _read_origin(directory)
    latest = {assignment.partition("=")[0]: assignment for assignment in [*origin["assignments"], *assignments]}
    revisions = list(dict.fromkeys([*origin["revisions"], revision()]))
    write_json(directory / ORIGIN_FILE, {**origin, "assignments": list(latest.values()), "revisions": revisions})
    if assignments:
        write_yaml(directory / CONFIG_FILE, to_mapping(config))
    return config


def run_command(directory: Path) -> str:
    """The command line that starts a run like this one."""
    origin = _read_origin(directory)
    words = ["maxent-robot", "train", origin["name"]]
    for assignment in origin["assignments"]:
        key, _, value = assignment.partition("=")
        words += ["--seed", value] if key == "seed" else ["--set", assignment]
    return shlex.join(words)


def run_revision(directory: Path) -> str:
    """The revision of the code that a run was started with; where others went on with it, all of them in order."""
    return ", ".join(_read_origin(directory)["revisions"])


def _read_origin(directory: Path) -> dict[str, Any]:
    origin: dict[str, Any] = json.loads((directory / ORIGIN_FILE).read_text(encoding="utf-8"))
    return origin


def revision() -> str:
    """The git revision of this code, marked `-dirty` if files differ from it; `unknown` outside a git checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def find_run(directory: str, shelf: Path) -> Path:
    """A run by its path, or the last one on `shelf` for `latest`.

    Raises:
        ConfigError: there is no run there.
    """
    if directory == "latest":
        runs = sorted(path.parent for path in shelf.glob(f"*/{CONFIG_FILE}"))
        if not runs:
            raise ConfigError(f"no run in {shelf} to resume")
        return runs[-1]
    if not (Path(directory) / CONFIG_FILE).is_file():
        raise ConfigError(f"{directory} is not a training run (no {CONFIG_FILE})")
    return Path(directory)


def save_networks(directory: Path, actor: SquashedGaussianActor, critic: CriticEnsemble) -> None:
    """Write the networks of a skill as `policy.pt`."""
    policy = {
        "actor": actor.state_dict(),
        "critic": critic.state_dict(),
        "observation_scale": actor.observation_scale,
        "action_size": actor.action_size,
    }
    write_torch(directory / POLICY_FILE, policy)


def save_policy(directory: Path, weights: Mapping[str, Any]) -> None:
    """Write the weights of a policy that is not a skill as `policy.pt`."""
    write_torch(directory / POLICY_FILE, {"policy": dict(weights)})


def save_result(directory: Path, result: Mapping[str, Any]) -> None:
    """Write `result.json`, whose presence says that the run has ended."""
    write_json(directory / RESULT_FILE, result)


def load_finished_run(directory: Path) -> FinishedRun:
    """Read settings, networks and figures of a run that has come to its end and makes a skill.

    Raises:
        ConfigError: it is not a run, it has not ended, or it does not make a skill.
        CheckpointError: its networks can't be read.
    """
    find_run(str(directory), directory.parent)
    if not (directory / RESULT_FILE).is_file():
        raise ConfigError(f"{directory} has not ended (no {RESULT_FILE}): go on with maxent-robot train --resume")
    config = load_config(directory / CONFIG_FILE, TrainConfig)
    policy = read_torch(directory / POLICY_FILE)
    if "actor" not in policy:
        what = f"task {config.task}, algorithm {config.learner.algorithm}"
        raise ConfigError(f"{directory} ({what}) makes no skill: that takes a task of a robot and algorithm sac")
    scale = policy["observation_scale"].numpy()
    actor = make_actor(config.learner, scale, policy["action_size"])
    actor.load_state_dict(policy["actor"])
    critic = make_deployable_critic(config.learner, scale, policy["action_size"])
    critic.load_state_dict(policy["critic"])
    return FinishedRun(config, actor, critic, json.loads((directory / RESULT_FILE).read_text(encoding="utf-8")))


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write plain data as JSON, atomically."""
    text = json.dumps(document, indent=2, allow_nan=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))
