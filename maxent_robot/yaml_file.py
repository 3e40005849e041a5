"""YAML files: read strictly, written atomically."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from maxent_robot.errors import ConfigError

__all__ = ["format_yaml", "parse_yaml", "read_yaml", "write_yaml"]


def read_yaml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the mapping at the top of a YAML file; see `parse_yaml`.

    Raises:
        ConfigError: if the file can't be read, is not YAML, or does not hold a mapping.
    """
    name = os.fspath(path)
    try:
        text = Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{name}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: can't be read: not UTF-8 text") from error
    return parse_yaml(text, source=name)


def parse_yaml(text: str, source: str) -> dict[str, Any]:
    """Return the mapping at the top of a YAML text; an empty text is an empty mapping.

    Numbers such as `1e-3` are numbers, as in YAML 1.2, and a key given twice is an error.

    Raises:
        ConfigError: naming `source`, if the text is not YAML or does not hold a mapping.
    """
    try:
        data = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{source}: not YAML that can be read: {_reason(error)}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{source}: the top must be a mapping of keys to values, not {type(data).__name__}")
    return data


def format_yaml(mapping: Mapping[str, Any]) -> str:
    """Return plain data as YAML, keys in the given order, short lists on one line."""
    text: str = yaml.dump(dict(mapping), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return text


def write_yaml(path: str | os.PathLike[str], mapping: Mapping[str, Any]) -> None:
    """Write plain data as YAML; a reader sees the old file or the new one, never a part."""
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(format_yaml(mapping), encoding="utf-8")
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None)
    if mark is None or problem is None:
        return " ".join(str(error).split())
    return f"{problem}, line {mark.line + 1}, column {mark.column + 1}"


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader that refuses a key given twice and reads `1e-3` as the number that it is."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[tuple[str, str]] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                continue
            key = (key_node.tag, key_node.value)
            if key in seen:
                problem = f"key {key_node.value!r} is given twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper that writes a list of scalars on one line and repeats data instead of using anchors.

    It quotes a text that `_Loader` would read as a number, such as the revision `12e4567`.
    """

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:
        scalars = not any(isinstance(item, (list, tuple, Mapping)) for item in sequence)
        return super().represent_sequence(tag, sequence, flow_style=scalars if flow_style is None else flow_style)


for _side in (_Loader, _Dumper):
    _side.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+$"),
        list("-+.0123456789"),
    )
