"""Figures as JSON can hold them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def without_nan(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same with None for each number that is not finite, which JSON does not have; also in mappings and lists."""
    return {name: _without(value) for name, value in values.items()}


def _without(value: Any) -> Any:
    if isinstance(value, Mapping):
        return without_nan(value)
    if isinstance(value, list | tuple):
        return [_without(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
