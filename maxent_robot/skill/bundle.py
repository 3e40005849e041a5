"""Skill bundles: a directory with a manifest, an actor and a critic, written whole and verified before use.

    <name>/skill.yaml    the manifest, `SkillManifest`
    <name>/actor.onnx    observation (batch, n) -> mean, log_std (batch, actions); the mean is before the tanh
    <name>/critic.onnx   observation (batch, n), action (batch, actions) in [-1, 1] -> q (batch, heads)

All tensors are float32, the batch axis is dynamic, normalisation is inside the graphs.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maxent_robot.config import config_from_mapping, to_mapping
from maxent_robot.errors import BundleError, ConfigError, ContractError
from maxent_robot.skill.graph import verify_graph
from maxent_robot.skill.layout import find_layout, nearest_layout
from maxent_robot.skill.manifest import SCHEMA_VERSION, SkillManifest
from maxent_robot.yaml_file import read_yaml, write_yaml

__all__ = [
    "ACTOR_FILE",
    "CRITIC_FILE",
    "MANIFEST_FILE",
    "SIZE_LIMIT_BYTES",
    "SkillBundle",
    "load_bundle",
    "write_bundle",
]

MANIFEST_FILE = "skill.yaml"
ACTOR_FILE = "actor.onnx"
CRITIC_FILE = "critic.onnx"
SIZE_LIMIT_BYTES = 2 * 1024 * 1024
PARITY_LIMIT = 1e-5
"""Largest relative difference of PyTorch and ONNX Runtime with which a bundle is written or loaded."""


@dataclass(frozen=True)
class SkillBundle:
    """A skill whose manifest, hashes and graphs have been verified.

    The networks are held as the very bytes that were verified, so a file that changes later changes nothing.
    """

    directory: Path
    manifest: SkillManifest
    actor_onnx: bytes = dataclasses.field(repr=False)
    critic_onnx: bytes = dataclasses.field(repr=False)
    critic_heads: int

    @property
    def actor_path(self) -> Path:
        """File of the actor."""
        return self.directory / ACTOR_FILE

    @property
    def critic_path(self) -> Path:
        """File of the critic."""
        return self.directory / CRITIC_FILE


def write_bundle(
    directory: str | os.PathLike[str], manifest: SkillManifest, actor_onnx: bytes, critic_onnx: bytes
) -> SkillBundle:
    """Write a bundle and return it as `load_bundle` reads it; an existing bundle is replaced whole.

    The files are written to a sibling directory, verified there, and renamed, so that no reader ever sees a part.

    Args:
        directory: where the bundle goes; its last part must be the manifest's name.
        manifest: the manifest; its `files` are filled here.
        actor_onnx: serialised actor graph.
        critic_onnx: serialised critic graph.

    Raises:
        BundleError: the bundle would not load, or the place is taken by something that is not a bundle.
    """
    target = Path(directory).resolve()
    contents = {ACTOR_FILE: actor_onnx, CRITIC_FILE: critic_onnx}
    complete = dataclasses.replace(manifest, files={name: _sha256(data) for name, data in contents.items()})
    _verify_name(complete, target)
    if target.exists() and not (target / MANIFEST_FILE).is_file():
        raise BundleError(f"{target}: exists and is not a skill bundle (no {MANIFEST_FILE}); not overwritten")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as scratch:
            fresh = Path(scratch) / target.name
            fresh.mkdir()
            for name, data in contents.items():
                (fresh / name).write_bytes(data)
            write_yaml(fresh / MANIFEST_FILE, to_mapping(complete))
            try:
                bundle = load_bundle(fresh)
            except BundleError as error:
                raise BundleError(str(error).replace(str(fresh), str(target))) from error
            with _set_aside(target, Path(scratch) / "replaced"):
                fresh.rename(target)
    except OSError as error:
        raise BundleError(f"{target}: can't be written: {error.strerror}") from error
    return dataclasses.replace(bundle, directory=target)


def load_bundle(directory: str | os.PathLike[str]) -> SkillBundle:
    """Read a bundle and verify all of it.

    Raises:
        BundleError: a file is missing, too large or damaged; the manifest has another version, an unknown or a missing
            key; the directory has another name; observation or action are not what this software builds; a graph has
            other inputs or outputs, or gives values that are not finite. The message shows both values.
    """
    place = Path(directory)
    if not place.is_dir():
        raise BundleError(f"{place}: no such skill bundle (not a directory)")
    manifest = _read_manifest(place / MANIFEST_FILE)
    _verify_name(manifest, place.resolve())
    _verify_contract(manifest, place / MANIFEST_FILE)
    actor = _read_verified(place, ACTOR_FILE, manifest)
    critic = _read_verified(place, CRITIC_FILE, manifest)
    observation, action = manifest.observation_size, manifest.action_size
    verify_graph(actor, str(place / ACTOR_FILE), {"observation": observation}, {"mean": action, "log_std": action})
    heads = verify_graph(critic, str(place / CRITIC_FILE), {"observation": observation, "action": action}, {"q": None})[
        "q"
    ]
    return SkillBundle(place, manifest, actor, critic, heads)


def _read_manifest(path: Path) -> SkillManifest:
    if not path.is_file():
        raise BundleError(f"{path}: no such file, so {path.parent} is not a skill bundle")
    _verify_size(path)
    try:
        data = read_yaml(path)
        version = data.get("schema_version")
        if version != SCHEMA_VERSION:
            raise BundleError(f"{path}: schema_version is {version!r}, this software reads {SCHEMA_VERSION}")
        manifest = config_from_mapping(data, SkillManifest, source=str(path))
    except ConfigError as error:
        raise BundleError(str(error)) from error
    for key in _missing(to_mapping(manifest), data):
        raise BundleError(f"{path}: {key}: required key is missing")
    return manifest


def _missing(complete: Any, given: Any, prefix: str = "") -> Iterator[str]:
    """Yield the dotted keys that defaults supplied: a manifest leaves nothing to a default."""
    if isinstance(complete, Mapping):
        for key, value in complete.items():
            if key not in given:
                yield prefix + key
            else:
                yield from _missing(value, given[key], f"{prefix}{key}.")


def _verify_name(manifest: SkillManifest, directory: Path) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", manifest.name):
        raise BundleError(f"{directory}: name {manifest.name!r} is not lower-case letters, digits and underscores")
    if directory.name != manifest.name:
        raise BundleError(
            f"{directory}: the directory is named {directory.name!r} but its manifest says {manifest.name!r}"
        )


def _verify_contract(manifest: SkillManifest, path: Path) -> None:
    """Compare observation and action with what this software builds, and the file list with what a bundle holds."""
    meant = nearest_layout(manifest.observation)
    for key, theirs, ours in (
        ("observation", manifest.observation, meant.fields),
        ("action", manifest.action, meant.action),
    ):
        for i in range(max(len(theirs), len(ours))):
            a = to_mapping(theirs[i]) if i < len(theirs) else None
            b = to_mapping(ours[i]) if i < len(ours) else None
            if a != b:
                raise BundleError(f"{path}: {key}[{i}] is {a or 'absent'}, this software builds {b or 'nothing there'}")
    try:
        find_layout(manifest.observation, manifest.history_ages)
    except ContractError as error:
        raise BundleError(f"{path}: {error}") from error
    if set(manifest.files) != {ACTOR_FILE, CRITIC_FILE}:
        raise BundleError(f"{path}: files are {sorted(manifest.files)}, must be {[ACTOR_FILE, CRITIC_FILE]}")
    if manifest.parity_error > PARITY_LIMIT:
        raise BundleError(f"{path}: parity_error is {manifest.parity_error:g}, must be at most {PARITY_LIMIT:g}")


def _read_verified(place: Path, name: str, manifest: SkillManifest) -> bytes:
    path = place / name
    if not path.is_file():
        raise BundleError(f"{path}: no such file")
    _verify_size(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: can't be read: {error.strerror}") from error
    found, expected = _sha256(data), manifest.files[name]
    if found != expected:
        raise BundleError(f"{path}: damaged or replaced: SHA-256 is {found}, the manifest says {expected}")
    return data


def _verify_size(path: Path) -> None:
    size = path.stat().st_size
    if size > SIZE_LIMIT_BYTES:
        raise BundleError(f"{path}: {size} bytes, a file of a bundle has at most {SIZE_LIMIT_BYTES}")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@contextlib.contextmanager
def _set_aside(target: Path, aside: Path) -> Iterator[None]:
    """Move an existing bundle away for the time of the body; put it back if the body fails."""
    existed = target.exists()
    if existed:
        target.rename(aside)
    try:
        yield
    except BaseException:
        if existed and not target.exists():
            aside.rename(target)
        raise
    if existed:
        shutil.rmtree(aside)
