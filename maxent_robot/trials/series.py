"""What was measured during the trials, sample by sample, in `series.npz`: the plots of the report are made from it."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maxent_robot.errors import MaxentRobotError

Array = NDArray[np.float64]


class SeriesError(MaxentRobotError):
    """A series file cannot be read."""


def _empty() -> Array:
    return np.zeros(0)


@dataclass(frozen=True)
class TrialSeries:
    """Samples of one trial. The first five arrays have one length n, one sample a wrench message; the last its own.

    `time_s` counts from the start of the skill; `force_n` is the norm of the tared contact force, 10 ms mean;
    `latency_ms` is one value a policy step.
    """

    time_s: Array = field(default_factory=_empty)
    depth_m: Array = field(default_factory=_empty)
    lateral_m: Array = field(default_factory=_empty)
    tilt_rad: Array = field(default_factory=_empty)
    force_n: Array = field(default_factory=_empty)
    latency_ms: Array = field(default_factory=_empty)


def write_series(path: str | os.PathLike[str], series: Mapping[int, TrialSeries]) -> None:
    """Write the series of all trials, by trial number; the file is replaced at once, never half-written."""
    target = Path(path)
    partial = target.with_suffix(".partial")
    arrays = {
        f"{number:04d}/{column.name}": np.asarray(getattr(trial, column.name), dtype=np.float32)
        for number, trial in sorted(series.items())
        for column in fields(TrialSeries)
    }
    with partial.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        file.flush()
        os.fsync(file.fileno())
    partial.replace(target)


def read_series(path: str | os.PathLike[str]) -> dict[int, TrialSeries]:
    """Read the series of all trials, by trial number.

    Raises:
        SeriesError: the file is missing, is no npz archive, or lacks an array.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            numbers = sorted({int(key.partition("/")[0]) for key in archive.files})
            return {
                number: TrialSeries(
                    **{
                        column.name: archive[f"{number:04d}/{column.name}"].astype(np.float64)
                        for column in fields(TrialSeries)
                    }
                )
                for number in numbers
            }
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise SeriesError(f"{path}: not a series file ({error})") from error
