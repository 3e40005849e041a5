"""Figures as JSON can hold them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def without_nan(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same with None for each value that is NaN, which JSON does not have."""
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in values.items()}
