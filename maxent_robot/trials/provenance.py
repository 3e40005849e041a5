"""What was run, so that a report can be judged and the run repeated: `run.json` beside the report."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from maxent_robot import __version__
from maxent_robot.config import config_from_mapping, setting, to_mapping
from maxent_robot.cores import usable_cores
from maxent_robot.errors import MaxentRobotError
from maxent_robot.skill.bundle import MANIFEST_FILE, SkillBundle
from maxent_robot.trials.outcome import SuccessCriterion
from maxent_robot.trials.protocol import StartRange

_DISTRIBUTIONS = ("numpy", "onnxruntime", "mujoco", "rclpy", "mcap")


class ProvenanceError(MaxentRobotError):
    """A record of a run cannot be read."""


@dataclass(frozen=True)
class SkillRecord:
    """One skill bundle as it was run."""

    name: str = setting(doc="name of the skill")
    connector: str = setting(doc="connector that it inserts")
    manifest_sha256: str = setting(doc="SHA-256 of skill.yaml, which holds those of the networks")
    files: Mapping[str, str] = setting({}, doc="SHA-256 of each file named by the manifest")
    training: Mapping[str, Any] = setting({}, doc="what made the networks, from the manifest")
    evaluation: Mapping[str, Any] = setting({}, doc="figures of the evaluation in simulation, from the manifest")


@dataclass(frozen=True)
class RunRecord:
    """One series of trials."""

    started: str = setting(doc="local time of the start, ISO 8601 with offset")
    duration_s: float = setting(unit="s", minimum=0.0, doc="from the start of the processes to the last trial")
    command: str = setting(doc="command line")
    robot: str = setting(doc="robot description")
    mode: str = setting(doc="mode of the sampler")
    seed: int = setting(minimum=0, doc="seed of the series")
    planned: int = setting(minimum=0, doc="number of trials that were asked for")
    skills: tuple[SkillRecord, ...] = setting((), doc="skills that were run")
    criterion: SuccessCriterion = setting(SuccessCriterion(), doc="what counted as an insertion")
    start: StartRange = setting(StartRange(), doc="where the trials started")
    versions: Mapping[str, str] = setting({}, doc="versions of the software")
    machine: Mapping[str, str] = setting({}, doc="the computer")
    realtime_factor: float | None = setting(None, minimum=0.0, doc="simulated over real time; None on a real arm")
    error: str = setting("", doc="why the series ended early; empty when it did not")


@dataclass(frozen=True)
class SessionRecord:
    """One session of an experiment: it may be broken off and gone on with."""

    started: str = setting(doc="local time, ISO 8601 with offset")
    command: str = setting(doc="command line")
    robot: str = setting(doc="robot description")
    skills: Mapping[str, Any] = setting({}, doc="by condition: name of the skill and SHA-256 of skill.yaml")
    versions: Mapping[str, str] = setting({}, doc="versions of the software")
    machine: Mapping[str, str] = setting({}, doc="the computer")
    simulated: bool | None = setting(None, doc="whether the arm is a simulated one; none: it was not recorded")

    @property
    def is_rehearsal(self) -> bool:
        """Whether no hardware moved, as far as is known."""
        return self.robot == "sim" if self.simulated is None else self.simulated


def session_record(robot: str, bundles: Mapping[str, SkillBundle], simulated: bool | None = None) -> SessionRecord:
    """Of a session that begins now, with the bundle of each condition."""
    skills = {
        name: {"name": record.name, "manifest_sha256": record.manifest_sha256}
        for name, record in ((name, skill_record(bundle)) for name, bundle in bundles.items())
    }
    return SessionRecord(
        started=datetime.now().astimezone().isoformat(timespec="seconds"),
        command=command_line(),
        robot=robot,
        skills=skills,
        versions=software_versions(),
        machine=machine_description(),
        simulated=simulated,
    )


def append_session(path: Path, record: SessionRecord) -> None:
    """Add a session to the file of them, one line each.

    Raises:
        ProvenanceError: it is with another skill than the sessions before it; trials of both would be taken for one.
    """
    for before in read_sessions(path) if path.exists() else []:
        for condition, skill in before.skills.items():
            if record.skills[condition] != skill:
                raise ProvenanceError(
                    f"{path.parent}: condition {condition!r} was run with {_skill(skill)}, and is now "
                    f"{_skill(record.skills[condition])}; give another --output, or put that skill back"
                )
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(to_mapping(record)) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _skill(recorded: Mapping[str, Any]) -> str:
    return f"{recorded['name']} {recorded['manifest_sha256'][:12]}"


def read_sessions(path: Path) -> list[SessionRecord]:
    """The sessions of an experiment, oldest first; a torn last line is left out.

    Raises:
        ProvenanceError: the file is missing or is not JSON.
        ConfigError: a key or value is not one of a session.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        mappings = [json.loads(line) for line in lines]
    except (OSError, ValueError) as error:
        raise ProvenanceError(f"{path}: not a record of sessions ({error})") from error
    return [config_from_mapping(mapping, SessionRecord, source=os.fspath(path)) for mapping in mappings]


def skill_record(bundle: SkillBundle) -> SkillRecord:
    """Record of a loaded bundle."""
    manifest = bundle.manifest
    return SkillRecord(
        name=manifest.name,
        connector=manifest.connector,
        manifest_sha256=hashlib.sha256((bundle.directory / MANIFEST_FILE).read_bytes()).hexdigest(),
        files=dict(manifest.files),
        training=asdict(manifest.training),
        evaluation=dict(manifest.evaluation),
    )


def software_versions() -> dict[str, str]:
    """Versions of this package, Python and the libraries that the run depends on; those not installed are left out."""
    versions = {"maxent_robot": __version__, "python": platform.python_version()}
    for name in _DISTRIBUTIONS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    if distribution := os.environ.get("ROS_DISTRO"):
        versions["ROS_DISTRO"] = distribution
    return versions


def machine_description() -> dict[str, str]:
    """Operating system, architecture and number of usable processor cores."""
    return {"system": platform.system(), "machine": platform.machine(), "cores": str(usable_cores())}


def command_line(arguments: Sequence[str] | None = None) -> str:
    """The command as a user types it, without the path of the program."""
    words = list(sys.argv if arguments is None else arguments)
    return " ".join(["maxent-robot", *words[1:]])


def write_run(path: str | os.PathLike[str], run: RunRecord) -> None:
    """Write the record as JSON."""
    Path(path).write_text(json.dumps(to_mapping(run), indent=2) + "\n", encoding="utf-8")


def read_run(path: str | os.PathLike[str]) -> RunRecord:
    """Read a record back.

    Raises:
        ProvenanceError: the file is missing or is not JSON.
        ConfigError: a key or value is not one of a record.
    """
    try:
        mapping = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProvenanceError(f"{path}: not a record of a run ({error})") from error
    return config_from_mapping(mapping, RunRecord, source=os.fspath(path))
