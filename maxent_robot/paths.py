"""Where the files that ship with the package lie: `config/`, `skills/` and `launch/`.

The same call works from a source tree, an editable or a plain pip install, and a colcon workspace (isolated, merged or
symlinked), because the share directory is looked for beside the code that runs before anywhere else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from maxent_robot.errors import ConfigError

__all__ = ["find_experiment", "find_family", "find_robot", "find_skill", "share_directory", "skill_names"]

_PACKAGE = "maxent_robot"


def share_directory() -> Path:
    """Return the directory that holds `package.xml`, `config/`, `skills/` and `launch/`.

    Raises:
        ConfigError: if no candidate holds them; the message lists the places looked at.
    """
    tried: list[str] = []
    for candidate in _candidates():
        if (candidate / "package.xml").is_file() and (candidate / "config").is_dir():
            return candidate
        tried.append(str(candidate))
    raise ConfigError(f"the files of {_PACKAGE} (config, skills) are in none of: {', '.join(tried)}")


def find_skill(skill: str | os.PathLike[str]) -> Path:
    """Return the bundle directory of a skill named as shipped (`plug_insertion`) or by a path (`./my_skill`).

    Raises:
        ConfigError: if there is no such directory; the message lists the shipped skills.
    """
    return _find(skill, "skill", share_directory() / "skills", suffix="")


def skill_names(text: str) -> tuple[str, ...]:
    """Names or paths of skills from one text that joins them by commas; empty parts are left out."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def find_robot(robot: str | os.PathLike[str]) -> Path:
    """Return the description file of a robot named as shipped (`fr3`) or by a path (`./cell_3.yaml`).

    Raises:
        ConfigError: if there is no such file; the message lists the shipped robots.
    """
    return _find(robot, "robot", share_directory() / "config" / "robots", suffix=".yaml")


def find_family(family: str | os.PathLike[str]) -> Path:
    """Return the settings of a family of skills named as shipped (`plug`) or by a path.

    Raises:
        ConfigError: if there is no such file; the message lists the shipped families.
    """
    return _find(family, "family", share_directory() / "config" / "family", suffix=".yaml")


def find_experiment(protocol: str | os.PathLike[str]) -> Path:
    """Return the protocol of an experiment named as shipped (`compare`) or by a path.

    Raises:
        ConfigError: if there is no such file; the message lists the shipped protocols.
    """
    return _find(protocol, "experiment", share_directory() / "config" / "trials", suffix=".yaml")


def _candidates() -> Iterator[Path]:
    code = Path(__file__)
    yield code.resolve().parents[1]
    for ancestor in code.absolute().parents:
        yield ancestor / "share" / _PACKAGE
    for prefix in filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)):
        yield Path(prefix) / "share" / _PACKAGE
    yield Path(sys.prefix) / "share" / _PACKAGE


def _find(wanted: str | os.PathLike[str], kind: str, shelf: Path, suffix: str) -> Path:
    text = os.fspath(wanted)
    path = Path(text).expanduser()

    def fits(candidate: Path) -> bool:
        return candidate.is_file() if suffix else candidate.is_dir()

    is_name = text not in ("", ".", "..") and path.name == text
    if is_name and fits(shelf / (text + suffix)):
        return shelf / (text + suffix)
    if text and fits(path):
        return path
    shipped = sorted(
        entry.name.removesuffix(suffix)
        for entry in (shelf.iterdir() if shelf.is_dir() else ())
        if entry.name.endswith(suffix) and not entry.name.startswith((".", "_")) and fits(entry)
    )
    names = ", ".join(shipped) or "none"
    what = "a directory" if not suffix else f"a {suffix} file"
    raise ConfigError(f"no {kind} {text!r}: give the path of {what} or one of the shipped names: {names}")
