"""What the functions of this package accept, and the error that says what they were given instead."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maxent_robot.errors import MaxentRobotError

Array = NDArray[np.float64]

SUM_TOLERANCE = 1e-12
"""Largest deviation from 1 of a sum of probabilities: rounding, never a mistake in a table typed by hand."""


class ExactError(MaxentRobotError):
    """A model, policy or parameter for which the equation does not hold or has no solution."""


def as_array(field: str, value: ArrayLike, shape: Sequence[int | None]) -> Array:
    """A float64 copy of `value` with finite entries and the given shape; None allows any size of at least 1.

    Raises:
        ExactError: another shape, or an entry that is NaN or infinite.
    """
    array = np.array(value, dtype=np.float64)
    wanted = ", ".join("n >= 1" if size is None else str(size) for size in shape)
    fits = array.ndim == len(shape) and all(
        seen >= 1 if size is None else seen == size for seen, size in zip(array.shape, shape, strict=True)
    )
    if not fits:
        raise ExactError(f"{field} has shape {array.shape}; allowed is ({wanted})")
    if not np.isfinite(array).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ExactError(f"{field}{list(index)} is {array[index]}; allowed are finite numbers")
    return array


def as_distribution(field: str, value: ArrayLike, shape: Sequence[int | None]) -> Array:
    """`as_array`, and the last axis holds probabilities.

    Raises:
        ExactError: also for a negative entry, or a sum off 1 by more than `SUM_TOLERANCE`.
    """
    array = as_array(field, value, shape)
    if (array < 0.0).any():
        index = tuple(int(i) for i in np.argwhere(array < 0.0)[0])
        raise ExactError(f"{field}{list(index)} is {array[index]}; allowed are probabilities >= 0")
    total = np.atleast_1d(array.sum(axis=-1))
    wrong = np.abs(total - 1.0) > SUM_TOLERANCE
    if wrong.any():
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        place = list(index) if array.ndim > 1 else ""
        raise ExactError(f"{field}{place} sums to {total[index]!r}; allowed is 1 within {SUM_TOLERANCE:g}")
    return array


def check_temperature(value: float, *, positive: bool = False) -> float:
    """The temperature alpha, in units of reward per nat; 0 (the hard limit) only where the equation has one.

    Raises:
        ExactError: not finite, negative, or 0 with `positive`.
    """
    if not np.isfinite(value) or value < 0.0 or (positive and value == 0.0):
        raise ExactError(f"temperature is {value}; allowed are finite numbers {'>' if positive else '>='} 0")
    return float(value)


def check_horizon(value: int) -> int:
    """The number of steps T of a finite horizon.

    Raises:
        ExactError: less than 1.
    """
    if value < 1:
        raise ExactError(f"horizon is {value}; allowed are whole numbers >= 1")
    return value


def read_only(array: Array) -> Array:
    """The same array, closed to writing: what a frozen dataclass may hold."""
    array.setflags(write=False)
    return array
