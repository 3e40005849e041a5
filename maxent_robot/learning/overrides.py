"""Settings given on the command line as `key.subkey=value`."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from maxent_robot.errors import ConfigError
from maxent_robot.yaml_file import parse_yaml


def apply_overrides(mapping: Mapping[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """Return a copy of nested plain data with assignments such as `learner.n_step=1` made, the value read as YAML.

    Whether a key exists is for the schema to say, when the result is read.

    Raises:
        ConfigError: an assignment is not `key=value`, its value is not YAML, or its key goes through a value.
    """
    result = copy.deepcopy(dict(mapping))
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        parts = key.strip().split(".")
        if not equals or not all(parts):
            raise ConfigError(f"--set {assignment!r}: must be key=value, for example learner.n_step=1")
        value = parse_yaml(f"value: {text}", source=f"--set {assignment}")["value"]
        place = result
        for part in parts[:-1]:
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ConfigError(f"--set {assignment!r}: {part} is the value {inner!r}, it has no keys")
            place = inner
        place[parts[-1]] = value
    return result
